"""What a leg asks of its surroundings, and what it tells them. Frozen data only."""

from __future__ import annotations

from typing import Literal

from ..base.errors import ApiError
from ..base.light import light_dataclass
from ..sdp.plan import MediaPlan
from ..sip.message import Request, Response
from ..sip.routing import Hop
from ..sip.uri import Uri
from .dial_outcome import DialOutcome
from .records import DialogRecord, Left, Side, TransferRecord

# --- towards the SIP endpoint -------------------------------------------------------------------


@light_dataclass(frozen=True, slots=True)
class SendRequest:
    """Start a client transaction. The answer comes back to the leg with `token`."""

    token: int
    request: Request
    """Complete but for the Via, and for the Contact host (see `Switchboard`)."""
    hop: Hop


@light_dataclass(frozen=True, slots=True)
class SendAck:
    """The ACK of a 2xx: no transaction, no answer."""

    request: Request
    hop: Hop


@light_dataclass(frozen=True, slots=True)
class CancelRequest:
    """CANCEL our pending INVITE `token` (RFC 3261 §9.1: sent once a 1xx has come)."""

    token: int
    headers: tuple[tuple[str, str], ...] = ()


@light_dataclass(frozen=True, slots=True)
class AbandonRequest:
    """Our INVITE `token` is silent and another place is tried: it is not repeated any more, and
    cancelled if it is answered after all (RFC 3263 §4.3)."""

    token: int


@light_dataclass(frozen=True, slots=True)
class Locate:
    """Find the places that serve this URI (RFC 3263); comes back as `located`."""

    uri: Uri


@light_dataclass(frozen=True, slots=True)
class Respond:
    """Answer the server transaction `key`."""

    key: str
    response: Response


# --- towards the media engine -------------------------------------------------------------------


@light_dataclass(frozen=True, slots=True)
class OpenMedia:
    """Take a port; comes back as `media_opened` or `media_refused`."""

    remote_ip: str
    """The peer's address, for choosing our own (family, local_net)."""


@light_dataclass(frozen=True, slots=True)
class ApplyMedia:
    """Send and receive by this plan from now on."""

    plan: MediaPlan


@light_dataclass(frozen=True, slots=True)
class PlayTone:
    """The caller hears this instead of the room (transfer.md §6); the room goes on hearing it."""

    tone: Literal["ringing", "busy", "beep"]
    country: str = "ETSI"


@light_dataclass(frozen=True, slots=True)
class StopTone:
    """The caller hears the room again, exactly as before."""


@light_dataclass(frozen=True, slots=True)
class CloseMedia:
    """Free the ports; the last thing that a leg asks for its media."""


# --- towards the store --------------------------------------------------------------------------


@light_dataclass(frozen=True, slots=True)
class TransferChanged:
    """A transfer as it is now: keep it and, with `kind`, tell everybody (transfer.md §7)."""

    record: TransferRecord
    kind: Literal["started", "updated", "ended"] | None = None
    """A new transfer; a new stage or a late success; the verdict. None: nothing to tell."""
    then_send: bool = False
    """The leg waits for `transfer_stored(now, transfer_id)` before the REFER goes out."""


@light_dataclass(frozen=True, slots=True)
class StoreDialog:
    """Keep what a restart needs (at confirmation, and when target or route change)."""

    record: DialogRecord


@light_dataclass(frozen=True, slots=True)
class ForgetDialog:
    """The call is over: nothing to hang up after a restart."""


# --- towards the owner of the leg (room, API) ---------------------------------------------------


@light_dataclass(frozen=True, slots=True)
class LegRinging:
    """180 is out (inbound) or came (outbound)."""


@light_dataclass(frozen=True, slots=True)
class InviteAnswered:
    """A response to our INVITE, 100 excepted: its headers become attributes (facts §5.4)."""

    status: int
    headers: tuple[tuple[str, str], ...]


@light_dataclass(frozen=True, slots=True)
class DialFailed:
    """Our INVITE came to nothing: what a waiting API request is told. `LegLeft` and `LegEnded`
    follow."""

    outcome: DialOutcome


@light_dataclass(frozen=True, slots=True)
class LegAnswered:
    """2xx is out or came; media may flow."""

    status: int = 200


@light_dataclass(frozen=True, slots=True)
class LegActive:
    """First RTP packet, or 1 s after the ACK: callStatus `active`."""


@light_dataclass(frozen=True, slots=True)
class LegHeld:
    """The peer put us on hold (`held`) or took us back."""

    held: bool


@light_dataclass(frozen=True, slots=True)
class LegDtmf:
    """A digit by SIP INFO (RTP digits come from the media engine). `0`-`9 * # a`-`d`."""

    digit: str
    duration_ms: int


@light_dataclass(frozen=True, slots=True)
class LegLeft:
    """The caller is to leave the room now (transfer done or call over); sent once, before or
    together with `LegEnded`."""

    reason: Left


@light_dataclass(frozen=True, slots=True)
class LegEnded:
    """The INVITE usage is over. The leg may live on to answer NOTIFYs and repeated BYEs."""

    by: Side
    reason: str
    """In words, for the call history: `bye`, `cancel`, `no answer`, `media timeout`, …"""
    status: int | None = None
    """Final status of the INVITE where it failed."""
    cause: str = ""
    """The Reason header (RFC 3326) of the BYE or CANCEL, as it came or as we sent it."""


@light_dataclass(frozen=True, slots=True)
class LegFinished:
    """Nothing more will come of this leg: forget it."""

    late_until: float | None = None
    """Until when the dialog still gets answers, and no more than those (`ended_dialog`)."""
    sip_call_id: str = ""
    """Of that dialog, as is `remote_tag`."""
    remote_tag: str = ""


@light_dataclass(frozen=True, slots=True)
class TransferAnswered:
    """The verdict for the waiting API request `ticket`: `error` None means success."""

    ticket: int
    record: TransferRecord | None
    """None where the request failed before a transfer existed."""
    error: ApiError | None = None


@light_dataclass(frozen=True, slots=True)
class LateNotify:
    """A final status for a transfer that a crash interrupted (`calls.restored_dialog` only)."""

    status: int
    reason: str


@light_dataclass(frozen=True, slots=True)
class Note:
    """A log line with the leg's ids; `event` is a fixed snake_case name."""

    event: str
    fields: tuple[tuple[str, object], ...] = ()


@light_dataclass(frozen=True, slots=True)
class ReferReceived:
    """The peer's REFER, to be answered by `Leg.answer_refer` (only of legs that accept one)."""

    key: str
    request: Request


EndpointEffect = SendRequest | SendAck | CancelRequest | AbandonRequest | Respond
"""Performed by the switchboard."""

OwnerEffect = (
    Locate
    | OpenMedia
    | ApplyMedia
    | PlayTone
    | StopTone
    | CloseMedia
    | StoreDialog
    | ForgetDialog
    | LegRinging
    | InviteAnswered
    | DialFailed
    | LegAnswered
    | LegActive
    | LegHeld
    | LegDtmf
    | LegLeft
    | LegEnded
    | TransferChanged
    | TransferAnswered
    | Note
)
"""Performed by whoever has the leg (`exchange.exchange`)."""

LegEffect = EndpointEffect | OwnerEffect | LegFinished | LateNotify | ReferReceived
"""All of them. `LegFinished` is the switchboard's; `LateNotify` comes of no leg, `ReferReceived` of
none of the exchange's."""
