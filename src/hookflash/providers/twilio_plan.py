"""What has to change at Twilio so that its trunk transfers calls and leads here: a plan, made of
what is there and what is wanted. Carried out by `adapters.twilio_rest`; carried out twice, the
second plan is empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from ..base.light import light_dataclass
from . import setup_plan

LISTS = "hookflash"
"""Name of the account's lists that are made, one of addresses and one of users."""
UNSEEN = ("not to be seen from here: whether Twilio reaches the origination address",)
NO_ACCESS = (
    "the trunk lets no calls of this exchange in: --allow-ip names its address, or --user its user"
)


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

    @property
    def holder(self) -> str:
        """`setup_plan.HeldNumber`."""
        return self.trunk_sid


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
        return f"change the trunk: {setup_plan.told(self.changes)}"


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
        SetupPlanError: which trunk is meant is not clear, or there is none.
    """
    numbers = list(numbers)
    trunk = setup_plan.chosen(
        list(trunks),
        lambda each: (each.sid, each.friendly_name, each.domain_name),
        "trunk",
        wished=wish.trunk,
        holder=setup_plan.holder_of(wish.numbers, numbers),
        name=wish.name,
    )
    steps: list[TwilioStep] = []
    if trunk is None:
        made = (wish.name, wish.domain, wish.transfer_mode, wish.transfer_caller_id)
        steps.append(MakeTrunk(*made))
    else:
        steps += _changes(trunk, wish)
    there = trunk.origination if trunk is not None else ()
    if wish.origination and wish.origination not in there:
        steps.append(AddOrigination(wish.origination))
    remarks = setup_plan.left_beside(there, wish.origination)
    own = trunk.sid if trunk is not None else None
    free, missing = setup_plan.to_attach(wish.numbers, numbers, own, "trunk")
    steps += [AttachNumber(each.number, each.sid) for each in free]
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


def _changes(trunk: TwilioTrunk, wish: TwilioWish) -> list[TwilioStep]:
    wanted = {
        "transfer_mode": wish.transfer_mode,
        "transfer_caller_id": wish.transfer_caller_id,
        "domain_name": wish.domain,
    }
    changes = setup_plan.differences(trunk, wanted)
    return [ChangeTrunk(changes)] if changes else []
