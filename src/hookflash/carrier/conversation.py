"""Who talks to whom on a carrier, and what it is to do about it: data of `switch.py`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..base.ids import Ids
from ..base.light import light_dataclass
from ..calls.effects import LegEffect, ReferReceived
from ..calls.legs.leg import Leg
from ..calls.switchboard import Broken, Resolve
from ..sdp.plan import MediaPlan
from ..sip.effects import SendBytes
from ..sip.flow import Flow
from ..sip.uri import Uri
from .config import TrunkConfig
from .referral import Referral
from .speech import Speech
from .telephone import Telephone


@dataclass(slots=True, eq=False)
class SipEnd:
    """An end that is reached by SIP: an exchange on a trunk, or whoever a REFER named."""

    leg: Leg
    number: str
    """Whom it speaks for here."""
    trunk: TrunkConfig | None
    inbound: bool
    conversation: Conversation | None = None
    refers: int = 0
    """How many REFERs it sent."""
    replaces: SipEnd | None = None
    """Whose place it takes as soon as it is answered."""

    @property
    def id(self) -> str:
        """SCL_ id of its leg."""
        return self.leg.call_id


@dataclass(slots=True, eq=False)
class PhoneEnd:
    """A telephone of the carrier in one call."""

    id: str
    phone: Telephone
    conversation: Conversation | None = None

    @property
    def number(self) -> str:
        """Its own."""
        return self.phone.config.number


class SipPlace(Protocol):
    """Where the carrier listens."""

    def contact(self, flow: Flow) -> Uri:
        """Its Contact for a peer at the end of this flow."""
        ...

    def hosts(self) -> Sequence[str]:
        """`host:port` by which peers may name it."""
        ...


End = SipEnd | PhoneEnd


@dataclass(slots=True, eq=False)
class Conversation:
    """A call: two ends, of which one may have gone while a transfer is under way."""

    id: str
    caller: End
    called: End
    caller_id: str
    """The number that the called party sees."""
    dialled: str
    began: float
    ends: list[End] = field(default_factory=list)
    """Those that are still there, from its making on both."""
    answered_at: float | None = None
    transfer: CarriedTransfer | None = None
    """The one under way: of one of its ends away from the other, or to `called`."""


@dataclass(slots=True, eq=False)
class CarriedTransfer:
    """A REFER and whom it concerns."""

    id: str
    referral: Referral
    refer: ReferReceived
    transferor: SipEnd
    transferee: End
    target: End | None = None
    replaced: SipEnd | None = None
    """The transferor's other dialog, with the target, that the transferee is to replace."""
    caller_id: str = ""
    """The number that the target sees."""
    failed: bool = False
    """Everybody has been told that the target was not reached."""

    @property
    def refer_to(self) -> str:
        """As it came, "" if there was none."""
        return self.refer.request.header("Refer-To") or ""


# --- what a switch asks for ---------------------------------------------------------------------


@light_dataclass(frozen=True, slots=True)
class FindPlaces:
    """Find the places that serve this URI (RFC 3263); comes back as `Switch.located`."""

    call_id: str
    uri: Uri


@light_dataclass(frozen=True, slots=True)
class OpenSound:
    """Take a port for this leg; comes back as `Switch.sound_opened` or `Switch.sound_refused`."""

    call_id: str
    remote_ip: str


@light_dataclass(frozen=True, slots=True)
class ApplySound:
    """Send and receive by this plan from now on."""

    call_id: str
    plan: MediaPlan


@light_dataclass(frozen=True, slots=True)
class CloseSound:
    """Free the leg's port."""

    call_id: str


@light_dataclass(frozen=True, slots=True)
class Voice:
    """The sound of one end: of a leg its port, of a telephone the tone (Hz) or the speech that it
    says."""

    id: str
    tone: float | None = None
    speech: Speech | None = None


@light_dataclass(frozen=True, slots=True)
class JoinSound:
    """These two hear each other from now on, and nobody else."""

    first: Voice
    second: Voice


@light_dataclass(frozen=True, slots=True)
class PartSound:
    """This end hears nobody, and is heard by nobody."""

    id: str


@light_dataclass(frozen=True, slots=True)
class SaySound:
    """This telephone says another tone (Hz) from now on."""

    id: str
    tone: float


@light_dataclass(frozen=True, slots=True)
class EndVoice:
    """This telephone's call is over, and with it what it says and records."""

    end: PhoneEnd


@light_dataclass(frozen=True, slots=True)
class PressKeys:
    """Press keys of this telephone, for whom it talks to."""

    id: str
    digits: str


@light_dataclass(frozen=True, slots=True)
class Happened:
    """Something happened; `name` is a fixed snake_case name."""

    name: str
    fields: tuple[tuple[str, object], ...] = ()


class SwitchHost(Protocol):
    """What is asked of the switch (`switch.Switch`) for transfers and for telephones alike."""

    ids: Ids

    def tell(self, name: str, **fields: object) -> None: ...

    def end_for(self, number: str) -> End | None: ...

    def dial(
        self,
        now: float,
        called: End,
        caller_id: str,
        dialled: str,
        uri: Uri | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None: ...

    def ask(self, now: float, end: SipEnd, ask: Callable[[Leg], Iterable[LegEffect]]) -> None: ...

    def join(self, first: End, second: End) -> None: ...

    def part(self, end: End) -> None: ...

    def leave(self, end: End) -> None: ...


SwitchEffect = (
    SendBytes
    | Resolve
    | Broken
    | FindPlaces
    | OpenSound
    | ApplySound
    | CloseSound
    | JoinSound
    | PartSound
    | SaySound
    | EndVoice
    | PressKeys
    | Happened
)


def voice_of(end: End) -> Voice:
    """Its sound."""
    if isinstance(end, SipEnd):
        return Voice(end.id)
    return Voice(end.id, end.phone.tone, end.phone.speech)
