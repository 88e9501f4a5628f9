"""The peer's first INVITE, from its arrival to our final answer (calls.md §1)."""

from __future__ import annotations

from ...base.errors import SdpError, SipError
from ...sdp.negotiation import check_offer
from ...sdp.plan import LocalMedia
from ...sdp.session import SessionDescription, ip_family
from ...sip.dialog import Dialog
from ...sip.fields import RAck
from ...sip.flow import Flow
from ...sip.message import Request, Response
from ..effects import LegAnswered, LegRinging, OpenMedia, Respond
from ..records import Left
from .bodies import session_body
from .core import End, LegCore, Phase, Step, earlier, reason_of
from .offers import Offers, read_session, refusal, unread, warning
from .settings import HeaderItems
from .unacked import Unacked

FULL_RETRY_AFTER = 10
"""Seconds, in the 503 for a process without a free port."""


class Answering:
    """Rings, answers and refuses as the server of one INVITE transaction."""

    __slots__ = (
        "_core",
        "_expires_at",
        "_offer",
        "_offers",
        "_opening",
        "_overtaken",
        "_reliable",
        "_remote",
        "_request",
        "_ring_at",
        "_ring_ends",
        "_ringing",
        "_rseq",
        "_wanted",
        "key",
    )

    busy = False
    """The endpoint sees to the end of the peer's transaction."""
    remembers_until: float | None = None
    """No 2xx comes to an INVITE of the peer."""

    def __init__(self, core: LegCore, offers: Offers) -> None:
        self._core = core
        self._offers = offers
        self.key = ""
        """The INVITE's server transaction, while it has no final answer."""
        self._request: Request | None = None
        self._offer: SessionDescription | None = None
        self._remote = ""
        """The peer's address, for choosing ours."""
        self._opening = False
        self._ringing: Response | None = None
        self._reliable: Unacked | None = None
        self._overtaken: int | None = None
        """CSeq of the INVITE whose final answer went out while a reliable 180 waited for its PRACK,
        which may still come (RFC 3262 §3)."""
        self._rseq = 0
        self._ring_at: float | None = None
        self._ring_ends: float | None = None
        self._expires_at: float | None = None
        """When the caller wants it over, by the Expires of its INVITE (RFC 3261 §13.3.1)."""
        self._wanted = False

    @property
    def open(self) -> bool:
        """The INVITE has no final answer."""
        return bool(self.key)

    @property
    def opening(self) -> bool:
        """A port was asked for, and the answer is to come."""
        return self._opening

    # --- the INVITE -----------------------------------------------------------------------------

    def start(self, now: float, key: str, request: Request, flow: Flow) -> list[Step]:
        """A new INVITE, admitted by trunk and rule: it rings, or gets an answer that refuses it.

        A port is taken only where our SDP is to be said: with the 200, or with a reliable 180 that
        has our offer (calls.md §3). So calls that nobody answers leave the ports to others.
        """
        core = self._core
        self.key, self._request = key, request
        sdp = read_session(core, request)
        if isinstance(sdp, Response):
            return self._refused(sdp)
        self._remote = flow.remote[0]
        try:
            if sdp is not None:
                self._offer = SessionDescription.parse(sdp)
                media, source = core.settings.media, self._remote
                wanted = check_offer(self._offer, media, source, self._own_address)
                self._remote = _peer_address(wanted, source)
                core.peer_offer = True
            core.dialog = Dialog.uas(
                request, local_tag=core.call_id, contact=core.settings.contact, flow=flow
            )
        except SdpError as error:
            return self._refused(refusal(core, request, error))
        except SipError as error:
            return self._refused(unread(core, request, error))
        core.learn_allow(request)
        if request.expires is not None:
            self._expires_at = now + request.expires
        core.enter(Phase.OPENING)
        if self._early() or (sdp is None and "100rel" in request.require):
            return self._open()
        return self._rings(now)

    def media_opened(self, now: float, local: LocalMedia) -> list[Step]:
        """There is a port: say what was to be said."""
        core = self._core
        request = self._request
        assert request is not None
        self._opening = False
        try:
            self._offers.open(local, self._offer)
        except SdpError as error:
            headers = warning(core, error)
            return self.reject(error.status, "rejected", error.text, headers=headers)
        self._offer = None
        return self._rings(now) if core.phase is Phase.OPENING else self.answer(now)

    def media_refused(self) -> list[Step]:
        """No port is free."""
        return self.reject(
            503, "unavailable", "no media port", headers=(("Retry-After", str(FULL_RETRY_AFTER)),)
        )

    def answer(self, now: float) -> list[Step]:
        """200, as soon as there is a port, and a reliable 180 with SDP allows it."""
        core = self._core
        waiting = self._reliable is not None and self._reliable.offer
        if core.phase is Phase.OPENING or (core.phase is Phase.RINGING and waiting):
            self._wanted = True
            return []
        if core.phase is not Phase.RINGING or self._opening:
            return []
        if core.negotiator is None:
            return self._open()
        request = self._request
        assert request is not None
        body = b""
        if core.peer_offer:
            body = core.negotiator.local_sdp
        elif core.negotiator.current is None:
            body = self._offers.make()
        settings = core.settings
        headers = (
            *core.capabilities(),
            *core.timer.answer(now, request),
            *settings.answer_headers,
            *core.attribute_headers,
        )
        response = core.reply(request, 200, headers, body)
        key = self._final()
        core.peer_offer = False
        core.enter(Phase.ANSWERED)
        core.unacked = Unacked(now, key, response, core.timers, offer=core.our_offer, cap=True)
        return [Respond(key, response), *self._offers.apply(), LegAnswered(200)]

    def reject(
        self,
        status: int,
        left: Left,
        why: str,
        *,
        reason: str = "",
        headers: HeaderItems = (),
    ) -> list[Step]:
        """A final answer that ends the leg; `why` is for the call history."""
        core = self._core
        assert self._request is not None
        cause = reason_of(headers)
        headers = (*headers, *core.attribute_headers)
        response = core.reply(self._request, status, headers, reason=reason or None)
        return [
            Respond(self._final(), response),
            End("local", why, left, response.status, cause),
        ]

    def cancelled(self, by: Request) -> list[Step]:
        """CANCEL, or BYE, of the peer before our final answer: 487 for the INVITE."""
        assert self._request is not None
        response = self._core.reply(self._request, 487)
        why = "cancel" if by.method == "CANCEL" else "bye"
        return [
            Respond(self._final(), response),
            End("remote", why, "canceled", 487, by.header("Reason") or ""),
        ]

    # --- PRACK ----------------------------------------------------------------------------------

    def prack_received(self, now: float, key: str, request: Request) -> list[Step]:
        """PRACK in its order: 200 if it is for our 180, else 481 (RFC 3262 §3)."""
        core = self._core
        reliable = self._reliable
        known = self._overtaken if reliable is None else reliable.cseq
        if known is None or not self._matches(request, known):
            return [Respond(key, core.reply(request, 481))]
        try:
            sdp = session_body(request)
        except SipError as error:
            return [Respond(key, unread(core, request, error))]
        steps: list[Step] = []
        if reliable is not None and reliable.offer:
            if not self._offers.take_answer(sdp):
                refused = [Respond(key, core.reply(request, 488))]
                return refused + self.reject(488, "rejected", "no usable answer in PRACK")
            steps.append(Respond(key, core.reply(request, 200)))
        else:
            steps += self._offers.prack_received(key, request, sdp)
        self._reliable = self._overtaken = None
        if self._wanted:
            steps += self.answer(now)
        return steps

    def _matches(self, request: Request, cseq: int) -> bool:
        text = request.header("RAck")
        try:
            rack = RAck.parse(text or "")
        except SipError:
            return False
        return (rack.rseq, rack.cseq, rack.method) == (self._rseq, cseq, "INVITE")

    # --- time -----------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """The next 180, the end of the ringing, or the end of our patience for PRACK."""
        again = self._ring_at if self._reliable is None else self._reliable.next_deadline()
        return earlier(self._ring_ends, self._expires_at, again)

    def handle_deadline(self, now: float) -> list[Step]:
        """What is due at `now`."""
        if self._ring_ends is None:
            return []
        if self._expires_at is not None and now >= self._expires_at:
            return self.reject(487, "canceled", "expired")
        if now >= self._ring_ends:
            status = self._core.settings.ringing_timeout_status
            return self.reject(status, "rejected", "no answer")
        if self._reliable is not None:
            if self._reliable.over(now):
                return self.reject(504, "dropped", "no PRACK")
            return list(self._reliable.due(now))
        if self._ring_at is not None and now >= self._ring_at:
            return list(self._ring(now))
        return []

    # --- inside ---------------------------------------------------------------------------------

    def _early(self) -> bool:
        """The caller is to hear us before the answer."""
        core, request = self._core, self._request
        assert request is not None
        return core.settings.early_media and core.peer_offer and "100rel" not in request.require

    def _own_address(self, wanted: str) -> str:
        """The one that media would have for a peer's of the offer."""
        return self._core.settings.media_address(_peer_address(wanted, self._remote))

    def _open(self) -> list[Step]:
        self._opening = True
        return [OpenMedia(self._remote)]

    def _rings(self, now: float) -> list[Step]:
        """The first 180."""
        core = self._core
        core.enter(Phase.RINGING)
        self._ring_ends = now + core.settings.ringing_timeout
        steps: list[Step] = [*self._ring(now), *self._offers.apply(), LegRinging()]
        return steps + self.answer(now) if self._wanted else steps

    def _ring(self, now: float) -> list[Respond]:
        core = self._core
        request = self._request
        assert request is not None
        self._ring_at = now + core.settings.ringing_interval
        if "100rel" not in request.require:
            if self._ringing is None and self._early() and core.negotiator is not None:
                body = core.negotiator.local_sdp
                self._ringing = core.reply(request, 183, core.capabilities(), body)
            elif self._ringing is None:
                self._ringing = core.reply(request, 180, core.capabilities())
            return [Respond(self.key, self._ringing)]
        self._rseq = self._rseq + 1 if self._rseq else 1 + core.ids.number(30)
        negotiator = core.negotiator
        first_offer = negotiator is not None and negotiator.current is None
        body = self._offers.make() if first_offer else b""
        headers = (("Require", "100rel"), ("RSeq", str(self._rseq)), *core.capabilities())
        response = core.reply(request, 180, headers, body)
        self._reliable = Unacked(now, self.key, response, core.timers, offer=first_offer, cap=False)
        return [Respond(self.key, response)]

    def _refused(self, response: Response) -> list[Step]:
        """Before ringing: nobody joined, the answer is all."""
        return [
            Respond(self._final(), response),
            End("local", f"refused with {response.status}", "rejected", response.status),
        ]

    def _final(self) -> str:
        """The INVITE gets its final answer now: let go of everything that waited for it."""
        key, self.key = self.key, ""
        self._overtaken = self._reliable.cseq if self._reliable is not None else None
        self._request = self._offer = self._ringing = self._reliable = None
        self._ring_at = self._ring_ends = self._expires_at = None
        self._wanted = self._opening = False
        return key


def _peer_address(address: str, source: str) -> str:
    """Whose path decides about our own address: the source, but with the family of the SDP."""
    return source if ip_family(address) in {None, ip_family(source)} else address
