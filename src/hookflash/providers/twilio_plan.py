"""What has to change at Twilio so that its trunk transfers calls and leads here: a plan, made of
what is there and what is wanted. Carried out by `adapters.twilio_rest`; carried out twice, the
second plan is empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from ..base.errors import HookflashError
from ..base.light import light_dataclass

LISTS = "hookflash"
"""Name of the account's lists that are made, one of addresses and one of users."""
UNSEEN = ("not to be seen from here: whether Twilio reaches the origination address",)
NO_ACCESS = (
    "the trunk lets no calls of this exchange in: --allow-ip names its address, or --user its user"
)


class TwilioPlanError(HookflashError):
    """What is wanted cannot be planned: which trunk is meant is not clear, or there is none."""


@light_dataclass(frozen=True, slots=True)
class TwilioTrunk:
    """A trunk at Twilio; names are those of its REST."""

    sid: str
    friendly_name: str
    domain_name: str
    """Its termination domain, "" where it has none."""
    transfer_mode: str
    transfer_caller_id: str
    origination: tuple[str, ...] = ()
    """SIP addresses that calls come in by."""
    numbers: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    """IP addresses that may call by it, of its IP access control lists."""
    users: tuple[str, ...] = ()
    """User names of its credential lists."""


@light_dataclass(frozen=True, slots=True)
class TwilioNumber:
    """A number of the account."""

    sid: str
    number: str
    trunk_sid: str
    """"" where it is at no trunk."""


@light_dataclass(frozen=True, slots=True)
class TwilioWish:
    """What is wanted. "" and () leave what is there."""

    trunk: str = ""
    """SID, name or termination domain; "": the trunk of the first number, else the one of the
    name, else a new one."""
    name: str = "hookflash"
    domain: str = ""
    transfer_mode: str = "enable-all"
    transfer_caller_id: str = "from-transferee"
    origination: str = ""
    numbers: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    user: str = ""
    password: str = field(default="", repr=False)
    """Of `user`, where it has to be made."""


@light_dataclass(frozen=True, slots=True)
class MakeTrunk:
    """POST Trunks; what follows is for the new one."""

    friendly_name: str
    domain_name: str
    transfer_mode: str
    transfer_caller_id: str

    def __str__(self) -> str:
        domain = f", domain {self.domain_name}" if self.domain_name else ""
        return (
            f"make a trunk {self.friendly_name!r}: transfers {self.transfer_mode}, caller ID "
            f"{self.transfer_caller_id}{domain}"
        )


@light_dataclass(frozen=True, slots=True)
class ChangeTrunk:
    """POST Trunks/SID."""

    changes: tuple[tuple[str, str, str], ...]
    """(field of the REST, as it is, as it will be)."""

    def __str__(self) -> str:
        told = (f"{name} from {was or 'nothing'} to {to}" for name, was, to in self.changes)
        return "change the trunk: " + ", ".join(told)


@light_dataclass(frozen=True, slots=True)
class AddOrigination:
    """POST Trunks/SID/OriginationUrls."""

    sip_url: str

    def __str__(self) -> str:
        return f"send calls that come in to {self.sip_url}"


@light_dataclass(frozen=True, slots=True)
class AttachNumber:
    """POST Trunks/SID/PhoneNumbers."""

    number: str
    number_sid: str

    def __str__(self) -> str:
        return f"put {self.number} on the trunk"


@light_dataclass(frozen=True, slots=True)
class AllowAddress:
    """An address of the account's IP access control list `LISTS`, and that list on the trunk."""

    address: str

    def __str__(self) -> str:
        return f"let calls in from {self.address}"


@light_dataclass(frozen=True, slots=True)
class AllowUser:
    """A user of the account's credential list `LISTS`, and that list on the trunk."""

    user: str
    password: str = field(repr=False)

    def __str__(self) -> str:
        return f"let calls in of user {self.user}"


TwilioStep = MakeTrunk | ChangeTrunk | AddOrigination | AttachNumber | AllowAddress | AllowUser


@light_dataclass(frozen=True, slots=True)
class TwilioPlan:
    """The steps in order, and what to know besides."""

    trunk: TwilioTrunk | None
    """None: the first step makes it."""
    steps: tuple[TwilioStep, ...]
    missing: tuple[str, ...]
    """What is wanted and cannot be done by a step."""
    remarks: tuple[str, ...]


def make_plan(
    wish: TwilioWish, trunks: Iterable[TwilioTrunk], numbers: Iterable[TwilioNumber]
) -> TwilioPlan:
    """`trunks`: all of the account; `numbers`: those of the account that are wanted.

    Raises:
        TwilioPlanError: see there.
    """
    known = {each.number: each for each in numbers}
    trunk = _chosen(wish, list(trunks), known)
    steps: list[TwilioStep] = []
    if trunk is None:
        made = (wish.name, wish.domain, wish.transfer_mode, wish.transfer_caller_id)
        steps.append(MakeTrunk(*made))
    else:
        steps += _changes(trunk, wish)
    remarks = []
    there = trunk.origination if trunk is not None else ()
    if wish.origination and wish.origination not in there:
        steps.append(AddOrigination(wish.origination))
    others = [url for url in there if url != wish.origination]
    if others and wish.origination:
        remarks.append(f"calls that come in go to {', '.join(others)} as well: left as it is")
    missing = []
    for wanted in wish.numbers:
        number = known.get(wanted)
        if number is None:
            missing.append(f"{wanted} is no number of this account")
        elif trunk is not None and number.trunk_sid == trunk.sid:
            continue
        elif number.trunk_sid:
            missing.append(f"{wanted} is on another trunk, {number.trunk_sid}: left there")
        else:
            steps.append(AttachNumber(wanted, number.sid))
    allowed = trunk.addresses if trunk is not None else ()
    users = trunk.users if trunk is not None else ()
    steps += [AllowAddress(each) for each in wish.addresses if each not in allowed]
    if wish.user and wish.user not in users:
        if wish.password:
            steps.append(AllowUser(wish.user, wish.password))
        else:
            missing.append(
                f"user {wish.user} may not call, and there is no password to make it with"
            )
    if not (allowed or users or wish.addresses or wish.user):
        remarks.append(NO_ACCESS)
    return TwilioPlan(trunk, tuple(steps), tuple(missing), (*remarks, *UNSEEN))


def _chosen(
    wish: TwilioWish, trunks: list[TwilioTrunk], numbers: dict[str, TwilioNumber]
) -> TwilioTrunk | None:
    if wish.trunk:
        found = [t for t in trunks if wish.trunk in (t.sid, t.friendly_name, t.domain_name)]
        if not found:
            raise TwilioPlanError(f"there is no trunk {wish.trunk!r}")
        return _only(found, wish.trunk)
    at = next((n.trunk_sid for n in map(numbers.get, wish.numbers) if n and n.trunk_sid), "")
    found = [t for t in trunks if t.sid == at] or [
        t for t in trunks if t.friendly_name == wish.name
    ]
    return _only(found, wish.name) if found else None


def _only(found: list[TwilioTrunk], name: str) -> TwilioTrunk:
    if len(found) > 1:
        sids = ", ".join(trunk.sid for trunk in found)
        raise TwilioPlanError(f"several trunks are {name!r}: say which by its SID, of {sids}")
    return found[0]


def _changes(trunk: TwilioTrunk, wish: TwilioWish) -> list[TwilioStep]:
    wanted = {
        "transfer_mode": wish.transfer_mode,
        "transfer_caller_id": wish.transfer_caller_id,
        "domain_name": wish.domain,
    }
    changes = tuple(
        (name, str(getattr(trunk, name)), value)
        for name, value in wanted.items()
        if value and getattr(trunk, name) != value
    )
    return [ChangeTrunk(changes)] if changes else []
