"""Offer and answer within a call (RFC 3264, 3311; calls.md §2): re-INVITE and UPDATE of the peer.

Which offer waits for what is two flags of `LegCore`: `our_offer` (glare is 491) and `peer_offer`
(another one is 500).
"""

from __future__ import annotations

from ...base.errors import SdpError, SipError
from ...sdp.negotiation import SdpNegotiator
from ...sdp.plan import LocalMedia, MediaPlan
from ...sdp.session import SessionDescription
from ...sip.message import Request, Response
from ...sip.phrases import fault_phrase
from ..effects import ApplyMedia, LegHeld, Respond
from .bodies import session_body
from .core import EARLY, LIVE, UNANSWERED, LegCore, SendBye, Step
from .settings import ACCEPT, MIN_SE, HeaderItems
from .unacked import Unacked

_REMEDIES: dict[int, HeaderItems] = {
    415: (("Accept", ACCEPT),),
    422: (("Min-SE", str(MIN_SE)),),
}
"""What a refused request needs to be better next time."""


class Offers:
    """The session of one leg: what was agreed, what applies, who holds whom."""

    __slots__ = ("_applied", "_core", "held")

    def __init__(self, core: LegCore) -> None:
        self._core = core
        self._applied: MediaPlan | None = None
        self.held = False
        """The last plan lets audio flow in one direction at most."""

    def open(self, local: LocalMedia, offer: SessionDescription | None) -> None:
        """Media is open: answer the INVITE's offer, for the 200 to carry. Raises SdpError."""
        core = self._core
        core.negotiator = SdpNegotiator(ids=core.ids, settings=core.settings.media, local=local)
        if core.dialog is not None:
            core.negotiator.signalling = core.dialog.peer_address
        if offer is not None:
            core.negotiator.answer(offer)

    def make(self) -> bytes:
        """Our offer, with all our codecs and sendrecv (RFC 3261 §14.2); also on hold."""
        assert self._core.negotiator is not None
        self._core.our_offer = True
        return self._core.negotiator.offer(direction="sendrecv", full=True)

    def take_answer(self, answer: bytes | None) -> bool:
        """The answer to our offer. Without a usable one the session is as it was: False."""
        core = self._core
        core.our_offer = False
        if core.negotiator is None:
            return False  # the call has ended meanwhile
        try:
            if answer is not None:
                core.negotiator.accept(answer)
                return True
        except SdpError:
            pass
        core.negotiator.rollback()
        return False

    def apply(self) -> list[Step]:
        """Bring the media engine to what is agreed, and say so if the hold changed. Early media (of
        an INVITE of ours, or where the leg gives it) is no hold, whatever its direction."""
        core = self._core
        plan = None if core.negotiator is None else core.negotiator.current
        live = core.phase in LIVE
        gives = core.settings.early_media or core.settings.direction == "outbound"
        early = core.phase in EARLY and gives
        if plan is None or not (live or early):
            return []
        steps: list[Step] = []
        if plan != self._applied:
            self._applied = plan
            steps.append(ApplyMedia(plan))
        held = not (plan.send and plan.receive_audio)
        if live and held != self.held:
            self.held = held
            steps.append(LegHeld(held))
        return steps

    def end(self) -> None:
        """The call is over. Its leg may stay for minutes, what was agreed goes now."""
        self._core.negotiator = self._applied = None

    # --- requests of the peer -------------------------------------------------------------------

    def invite_received(self, now: float, key: str, request: Request) -> list[Step]:
        """A re-INVITE in its order."""
        core = self._core
        if core.phase in UNANSWERED:
            return [Respond(key, self._later(request))]
        if core.our_offer:
            return [Respond(key, core.reply(request, 491))]
        sdp = read_session(core, request)
        if isinstance(sdp, Response):
            return [Respond(key, sdp)]
        assert core.negotiator is not None
        if sdp is None:
            body = self.make()
        else:
            try:
                body = core.negotiator.answer(sdp)[0]
            except SdpError as error:
                return [Respond(key, refusal(core, request, error, 488))]
        response = self._accept(now, request, body)
        core.unacked = Unacked(now, key, response, core.timers, offer=sdp is None, cap=True)
        return [Respond(key, response), *self.apply()]

    def update_received(self, now: float, key: str, request: Request) -> list[Step]:
        """An UPDATE in its order, early or in the call."""
        core = self._core
        sdp = read_session(core, request)
        if isinstance(sdp, Response):
            return [Respond(key, sdp)]
        body = self._answer_early(request, sdp)
        if isinstance(body, Response):
            return [Respond(key, body)]
        return [Respond(key, self._accept(now, request, body)), *self.apply()]

    def prack_received(self, key: str, request: Request, sdp: bytes | None) -> list[Step]:
        """A PRACK that matches a 180 without SDP of ours; it may bring an offer (RFC 3262 §5)."""
        body = self._answer_early(request, sdp)
        if isinstance(body, Response):
            return [Respond(key, body)]
        return [Respond(key, self._core.reply(request, 200, body=body)), *self.apply()]

    def _answer_early(self, request: Request, sdp: bytes | None) -> bytes | Response:
        """The answer to an offer that may cross another one; b"" to no offer; or a refusal."""
        core = self._core
        if sdp is None:
            return b""
        if core.our_offer:
            return core.reply(request, 491)
        negotiator = core.negotiator
        early = core.phase in UNANSWERED
        if negotiator is None or (early and (core.peer_offer or negotiator.current is None)):
            return self._later(request)
        try:
            return negotiator.answer(sdp)[0]
        except SdpError as error:
            return refusal(core, request, error, 488)

    def acknowledged(self, ack: Request, *, first: bool) -> list[Step]:
        """The ACK of a 2xx that carried our offer. Without an answer the `first` session never
        was; a later one goes on as before."""
        try:
            answer = session_body(ack)
        except SipError:
            answer = None
        if self.take_answer(answer):
            return self.apply()
        if not first:
            return []
        reason = ("Reason", 'SIP;cause=488;text="No usable SDP in ACK"')
        return [SendBye("no session description in ACK", "dropped", (reason,))]

    def _accept(self, now: float, request: Request, body: bytes) -> Response:
        core = self._core
        core.refresh_target(request)
        core.learn_allow(request)
        headers = (*core.capabilities(), *core.timer.answer(now, request))
        return core.reply(request, 200, headers, body)

    def _later(self, request: Request) -> Response:
        """500: an INVITE or offer of the peer is unanswered (RFC 3261 §14.2, RFC 3311 §5.2)."""
        seconds = int(self._core.ids.random.random() * 11)
        return self._core.reply(request, 500, (("Retry-After", str(seconds)),))


def read_session(core: LegCore, request: Request) -> bytes | Response | None:
    """The SDP of an INVITE or UPDATE, or the answer to one that cannot be carried out: Require
    420, body 415, session interval 422, unreadable header 400."""
    lacking = core.lacking(request)
    if lacking:
        return core.reply(request, 420, (("Unsupported", lacking),))
    try:
        sdp = session_body(request)
        core.timer.check(request)
    except SipError as error:
        return unread(core, request, error)
    return sdp


def unread(core: LegCore, request: Request, error: SipError) -> Response:
    """The answer to a request that cannot be read; what it needs to be better, and a 400 the
    fault."""
    headers = _REMEDIES.get(error.status, ())
    reason = fault_phrase(error.status, error.text)
    return core.reply(request, error.status, headers, reason=reason)


def refusal(
    core: LegCore, request: Request, error: SdpError, status: int | None = None
) -> Response:
    """The answer to an offer that cannot be taken, with its Warning (RFC 3261 §20.43)."""
    status = status or error.status
    reason = fault_phrase(status, error.text)
    return core.reply(request, status, warning(core, error), reason=reason)


def warning(core: LegCore, error: SdpError) -> HeaderItems:
    """The Warning of such an answer, where a code of RFC 3261 §20.43 fits."""
    if error.warning is None:
        return ()
    text = error.text.replace("\\", "").replace('"', "'")
    return (("Warning", f'{error.warning} {core.contact.host_port} "{text}"'),)
