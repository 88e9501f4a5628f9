"""What has to change at Telnyx so that its connection transfers calls and leads here: a plan, made
of what is there and what is wanted. Carried out by `adapters.telnyx_rest`; carried out twice, the
second plan is empty.

A connection of the kind FQDN, as LiveKit's page for Telnyx has it: calls that come in go to its
FQDN, calls out and transfers need its outbound voice profile, calls out its user as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from ..base.light import light_dataclass
from . import setup_plan

ADDRESS = "sip.telnyx.com"
"""Where calls out go, whoever the customer is."""
ANI, DNIS = "+E.164", "+e164"
"""How numbers are to be written in calls that come in: with their +."""
UNSEEN = (
    "not to be seen or set from here: whether REFER is enabled for the connection. Telnyx's API "
    "has no field for it, and no page of Telnyx says where in the portal it is: ask its support "
    "(support@telnyx.com) to enable it; until then a transfer gets 603",
    "not to be seen from here: whether Telnyx reaches the FQDN",
)
NO_USER = (
    "the connection has no user, so calls of this exchange are not let in; older pages of Telnyx "
    "say that an outbound voice profile, by which transfers go, is of no use to it then: --user "
    "names one"
)


@light_dataclass(frozen=True, slots=True)
class TelnyxProfile:
    """An outbound voice profile."""

    sid: str
    name: str
    enabled: bool = True
    destinations: tuple[str, ...] = ()
    """Countries that may be called; () for what Telnyx did not say."""


@light_dataclass(frozen=True, slots=True)
class TelnyxConnection:
    """An FQDN connection; names are those of Telnyx's REST, without `inbound` and `outbound`."""

    sid: str
    connection_name: str
    active: str = "true"
    transport_protocol: str = "UDP"
    ani_number_format: str = ANI
    dnis_number_format: str = DNIS
    outbound_voice_profile_id: str = ""
    user_name: str = ""
    fqdns: tuple[str, ...] = ()
    """`HOST:PORT`, or `HOST` for an SRV record."""
    numbers: tuple[str, ...] = ()


@light_dataclass(frozen=True, slots=True)
class TelnyxNumber:
    """A number of the account."""

    sid: str
    number: str
    connection_id: str
    """"" where it is on no connection."""

    @property
    def holder(self) -> str:
        """`setup_plan.HeldNumber`."""
        return self.connection_id


@light_dataclass(frozen=True, slots=True)
class TelnyxWish:
    """What is wanted. "" and () leave what is there."""

    connection: str = ""
    """Id or name; "": the connection of the first number, else the one of the name, else a new
    one."""
    name: str = "hookflash"
    profile: str = ""
    """Outbound voice profile, id or name; "": the connection's, else the one of the name, else a
    new one."""
    fqdn: str = ""
    """`HOST:PORT`."""
    transport: str = ""
    """UDP, TCP, TLS."""
    numbers: tuple[str, ...] = ()
    user: str = ""
    password: str = field(default="", repr=False)
    """Of `user`, where it has to be made."""


@light_dataclass(frozen=True, slots=True)
class MakeProfile:
    """POST outbound_voice_profiles; the connection's, from then on."""

    name: str

    def __str__(self) -> str:
        return f"make an outbound voice profile {self.name!r}"


@light_dataclass(frozen=True, slots=True)
class EnableProfile:
    """PATCH outbound_voice_profiles/ID."""

    sid: str
    name: str

    def __str__(self) -> str:
        return f"enable the outbound voice profile {self.name!r}"


@light_dataclass(frozen=True, slots=True)
class MakeConnection:
    """POST fqdn_connections; what follows is for the new one."""

    connection_name: str
    transport_protocol: str

    def __str__(self) -> str:
        return (
            f"make an FQDN connection {self.connection_name!r}: {self.transport_protocol}, numbers "
            f"as {ANI}"
        )


@light_dataclass(frozen=True, slots=True)
class ChangeConnection:
    """PATCH fqdn_connections/ID."""

    changes: tuple[tuple[str, str, str], ...]
    """(field of `TelnyxConnection`, as it is, as it will be)."""

    def __str__(self) -> str:
        return f"change the connection: {setup_plan.told(self.changes)}"


@light_dataclass(frozen=True, slots=True)
class UseProfile:
    """The outbound voice profile on the connection; `sid` "" for the one that was made just now."""

    sid: str
    name: str

    def __str__(self) -> str:
        return f"let calls out and transfers go by the outbound voice profile {self.name!r}"


@light_dataclass(frozen=True, slots=True)
class SetUser:
    """user_name and password of the connection."""

    user: str
    password: str = field(repr=False)

    def __str__(self) -> str:
        return f"let calls in of user {self.user}"


@light_dataclass(frozen=True, slots=True)
class AddFqdn:
    """POST fqdns."""

    fqdn: str

    def __str__(self) -> str:
        return f"send calls that come in to {self.fqdn}"


@light_dataclass(frozen=True, slots=True)
class PutNumber:
    """PATCH phone_numbers/ID."""

    number: str
    number_sid: str

    def __str__(self) -> str:
        return f"put {self.number} on the connection"


TelnyxStep = (
    MakeProfile
    | EnableProfile
    | MakeConnection
    | ChangeConnection
    | UseProfile
    | SetUser
    | AddFqdn
    | PutNumber
)


@light_dataclass(frozen=True, slots=True)
class TelnyxPlan:
    """The steps in order, and what to know besides."""

    connection: TelnyxConnection | None
    """None: a step makes it."""
    steps: tuple[TelnyxStep, ...]
    missing: tuple[str, ...]
    """What is wanted and cannot be done by a step."""
    remarks: tuple[str, ...]


def make_plan(
    wish: TelnyxWish,
    connections: Iterable[TelnyxConnection],
    profiles: Iterable[TelnyxProfile],
    numbers: Iterable[TelnyxNumber],
) -> TelnyxPlan:
    """`connections`, `profiles`: all of the account; `numbers`: those of the account that are
    wanted.

    Raises:
        SetupPlanError: which connection or profile is meant is not clear, or there is none.
    """
    numbers = list(numbers)
    connection = setup_plan.chosen(
        list(connections),
        lambda each: (each.sid, each.connection_name),
        "connection",
        wished=wish.connection,
        holder=setup_plan.holder_of(wish.numbers, numbers),
        name=wish.name,
    )
    there = connection or TelnyxConnection("", wish.name)
    profile = setup_plan.chosen(
        list(profiles),
        lambda each: (each.sid, each.name),
        "outbound voice profile",
        wished=wish.profile,
        holder=there.outbound_voice_profile_id,
        name=wish.name,
    )
    steps: list[TelnyxStep] = []
    if connection is None:
        steps.append(MakeConnection(wish.name, wish.transport or "UDP"))
    else:
        steps += _changes(connection, wish)
    missing: list[str] = []
    remarks = _unlike(profile)
    _user(there, wish, steps, missing, remarks)
    steps += _profile(profile, there, wish)
    if wish.fqdn and wish.fqdn not in there.fqdns:
        steps.append(AddFqdn(wish.fqdn))
    remarks += setup_plan.left_beside(there.fqdns, wish.fqdn)
    own = connection.sid if connection is not None else None
    free, elsewhere = setup_plan.to_attach(wish.numbers, numbers, own, "connection")
    steps += [PutNumber(each.number, each.sid) for each in free]
    return TelnyxPlan(connection, tuple(steps), (*missing, *elsewhere), (*remarks, *UNSEEN))


def _changes(connection: TelnyxConnection, wish: TelnyxWish) -> list[TelnyxStep]:
    wanted = {
        "active": "true",
        "transport_protocol": wish.transport,
        "ani_number_format": ANI,
        "dnis_number_format": DNIS,
    }
    changes = setup_plan.differences(connection, wanted)
    return [ChangeConnection(changes)] if changes else []


def _profile(
    profile: TelnyxProfile | None, there: TelnyxConnection, wish: TelnyxWish
) -> list[TelnyxStep]:
    if profile is None:
        return [MakeProfile(wish.name), UseProfile("", wish.name)]
    steps: list[TelnyxStep] = []
    if not profile.enabled:
        steps.append(EnableProfile(profile.sid, profile.name))
    if there.outbound_voice_profile_id != profile.sid:
        steps.append(UseProfile(profile.sid, profile.name))
    return steps


def _unlike(profile: TelnyxProfile | None) -> list[str]:
    """What a profile may not do."""
    if profile is None:
        return ["a new outbound voice profile allows calls to the countries that Telnyx chooses"]
    if not profile.destinations:
        return []
    countries = ", ".join(profile.destinations)
    named = f"the outbound voice profile {profile.name!r}"
    return [f"{named} allows calls, and so transfers, to {countries}"]


def _user(
    there: TelnyxConnection,
    wish: TelnyxWish,
    steps: list[TelnyxStep],
    missing: list[str],
    remarks: list[str],
) -> None:
    if not wish.user:
        if not there.user_name:
            remarks.append(NO_USER)
    elif there.user_name and there.user_name.lower() != wish.user.lower():
        missing.append(
            f"calls out are those of user {there.user_name} on this connection, not {wish.user}: "
            "left as it is"
        )
    elif not there.user_name and wish.password:
        steps.append(SetUser(wish.user, wish.password))
    elif not there.user_name:
        missing.append(f"user {wish.user} may not call, and there is no password to make it with")
