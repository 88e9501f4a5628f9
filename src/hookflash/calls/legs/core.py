"""What the parts of one leg share: its phase, its dialog, its session, its settings."""

from __future__ import annotations

from collections.abc import Callable

from ...base.ids import Ids
from ...base.light import LightEnum, light_dataclass
from ...sdp.negotiation import SdpNegotiator
from ...sip.dialog import Dialog
from ...sip.message import Request, Response
from ...sip.routing import direct_flow
from ...sip.timers import Timers
from ...sip.uri import Uri
from ..effects import LegEffect, StoreDialog
from ..records import Left, Side
from .session_timer import SessionTimer
from .settings import ALLOW, ALLOW_REFER, EXTENSIONS, SUPPORTED, HeaderItems, LegSettings
from .unacked import Unacked


class Phase(LightEnum):
    """Where the INVITE usage of a leg stands."""

    NEW = "new"
    OPENING = "opening"
    """The INVITE is accepted so far, or our own's target is looked up. A port is being opened where
    the first thing to be said has our SDP."""
    DIALING = "dialing"
    """Our INVITE is out; nothing rings yet."""
    RINGING = "ringing"
    ANSWERED = "answered"
    """Our 200 is out, its ACK is not here. Of an INVITE of ours: the 200 is here."""
    CONFIRMED = "confirmed"
    LEAVING = "leaving"
    """Hung up by us before the ACK: BYE waits for it, 32 s at most (RFC 3261 §15)."""
    ENDED = "ended"
    """Over. NOTIFYs and repeated requests are still answered."""
    FINISHED = "finished"


TRANSITIONS: dict[Phase, frozenset[Phase]] = {
    Phase.NEW: frozenset({Phase.OPENING, Phase.ENDED}),
    Phase.OPENING: frozenset({Phase.DIALING, Phase.RINGING, Phase.ENDED}),
    Phase.DIALING: frozenset({Phase.RINGING, Phase.ANSWERED, Phase.ENDED}),
    Phase.RINGING: frozenset({Phase.ANSWERED, Phase.ENDED}),
    Phase.ANSWERED: frozenset({Phase.CONFIRMED, Phase.LEAVING, Phase.ENDED}),
    Phase.CONFIRMED: frozenset({Phase.ENDED}),
    Phase.LEAVING: frozenset({Phase.ENDED}),
    Phase.ENDED: frozenset({Phase.FINISHED}),
    Phase.FINISHED: frozenset(),
}
"""Every legal step. Only `LegCore.enter` changes a phase."""

# Tuples: `in` compares by identity there, and hashes no enum.
UNANSWERED = (Phase.NEW, Phase.OPENING, Phase.DIALING, Phase.RINGING)
EARLY = (Phase.DIALING, Phase.RINGING)
LIVE = (Phase.ANSWERED, Phase.CONFIRMED, Phase.LEAVING)
OVER = (Phase.ENDED, Phase.FINISHED)


def never() -> None:
    """No port, no packet."""


class LegCore:
    """Shared by the parts of one leg; holds data and builds answers, decides nothing."""

    __slots__ = (
        "_capabilities",
        "allow",
        "attribute_headers",
        "call_id",
        "contact",
        "dialog",
        "ids",
        "last_packet_at",
        "negotiator",
        "our_offer",
        "peer_allow",
        "peer_offer",
        "phase",
        "settings",
        "target_moved",
        "timer",
        "timers",
        "unacked",
    )

    def __init__(self, call_id: str, settings: LegSettings, ids: Ids, timers: Timers) -> None:
        self.call_id = call_id
        self.settings = settings
        self.ids = ids
        self.timers = timers
        self.contact = settings.contact
        """Our Contact; where an INVITE of ours goes elsewhere, `move_contact` changes it."""
        self.allow = settings.allow or (ALLOW_REFER if settings.accepts_refer else ALLOW)
        """Our Allow."""
        self.phase = Phase.NEW
        self.dialog: Dialog | None = None
        self.negotiator: SdpNegotiator | None = None
        self._capabilities: HeaderItems | None = None
        self.attribute_headers: HeaderItems = ()
        self.last_packet_at: Callable[[], float | None] = never
        """When RTP came last, None for never; known while there is a port."""
        self.peer_allow: frozenset[str] = frozenset()
        """Methods of the peer's last Allow."""
        self.our_offer = False
        """An offer of ours is unanswered."""
        self.peer_offer = False
        """The offer of the peer's first INVITE is unanswered."""
        self.unacked: Unacked | None = None
        """Our 2xx to the peer's INVITE or re-INVITE, until its ACK."""
        self.timer = SessionTimer(settings.session_expires)
        self.target_moved = False
        """The remote target changed and is not stored."""

    def enter(self, phase: Phase) -> None:
        """Take a step of `TRANSITIONS`; another one is our own bug."""
        if phase not in TRANSITIONS[self.phase]:
            raise AssertionError(f"{self.phase.value} -> {phase.value}")
        self.phase = phase

    def refresh_target(self, message: Request | Response) -> None:
        """Take the Contact of a message that refreshes the target (transfer.md §3)."""
        assert self.dialog is not None
        self.target_moved |= self.dialog.refresh_target(message)

    def packet_came_at(self) -> float | None:
        """When RTP came last, by the port that there is now."""
        return self.last_packet_at()

    def store(self) -> StoreDialog:
        """The dialog for a restart; the next hop is the one that a BYE would take now, as far
        as that is known without a lookup."""
        dialog = self.dialog
        assert dialog is not None
        back = dialog.peer_flow
        assert back is not None
        self.target_moved = False
        way = direct_flow(dialog.hop, local=lambda *_: back.local, is_open=lambda _: True)
        way = way or back
        return StoreDialog(dialog.record(self.call_id, way.transport, way.local, way.remote))

    def move_contact(self, contact: Uri) -> None:
        """What peers at another place reach us by."""
        self.contact = contact
        self._capabilities = None

    @property
    def supported(self) -> str:
        """Our Supported."""
        return ", ".join((SUPPORTED, *self.settings.extensions))

    def lacking(self, request: Request) -> str:
        """The option tags that a request of the peer requires and this leg lacks."""
        return unsupported(request, self.settings.extensions)

    def learn_allow(self, message: Request | Response) -> None:
        """Remember the peer's Allow, if it sent one."""
        if "Allow" in message.headers:
            self.peer_allow = message.allow

    def reply(
        self,
        request: Request,
        status: int,
        headers: HeaderItems = (),
        body: bytes = b"",
        reason: str | None = None,
    ) -> Response:
        """Answer `request` within this leg: our tag, and SDP where there is a `body`."""
        return Response.reply(
            request,
            status,
            reason,
            to_tag=self.call_id,
            headers=(*headers, ("Content-Type", "application/sdp")) if body else headers,
            body=body,
        )

    def capabilities(self) -> HeaderItems:
        """Contact, Allow and Supported, for everything that makes or refreshes the dialog."""
        if self._capabilities is None:
            contact = ("Contact", f"<{self.contact}>")
            self._capabilities = (contact, ("Allow", self.allow), ("Supported", self.supported))
        return self._capabilities


def unsupported(request: Request, more: tuple[str, ...] = ()) -> str:
    """The option tags of Require that we lack, as Unsupported wants them; "" if none. `more`:
    those that we have besides `EXTENSIONS`."""
    required = request.require
    return ", ".join(sorted(required - EXTENSIONS.union(more))) if required else ""


@light_dataclass(frozen=True, slots=True)
class End:
    """A part's word to the leg: the INVITE usage is over, nothing is to be sent for it."""

    by: Side
    reason: str
    left: Left
    status: int | None = None
    cause: str = ""
    """The Reason header that came with it."""
    cseq: int | None = None
    """Of the peer's BYE."""


@light_dataclass(frozen=True, slots=True)
class SendBye:
    """A part's word to the leg: hang up."""

    reason: str
    left: Left
    headers: HeaderItems = ()


Step = LegEffect | End | SendBye
"""What parts return; the leg carries out the last two and passes the others on."""


def reason_of(headers: HeaderItems) -> str:
    """The Reason (RFC 3326) among headers that we send, "" without one."""
    return next((value for name, value in headers if name.lower() == "reason"), "")


def earlier(*deadlines: float | None) -> float | None:
    """The earliest of these, each of which may be none."""
    first = None
    for deadline in deadlines:
        if deadline is not None and (first is None or deadline < first):
            first = deadline
    return first
