"""One call leg: the SIP side of one phone call, as a pure machine (calls.md §1-§3).

A leg knows neither room nor endpoint. Its inputs take `now` (seconds) and return effects of
`calls.effects` in the order in which they are to be performed. The leg owns the phase and the
end; what happens within a phase is in its parts:

    answering     the peer's INVITE until our final answer; PRACK
    offers        re-INVITE and UPDATE of the peer, hold
    refreshing    session timer requests of ours
    transferring  REFER, NOTIFY and the transfer desk
    in_dialog     INFO, OPTIONS and refusals
    activity      `active`, and what ends a call by itself
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .activity import Activity
from .answering import Answering
from .effects import (
    CloseMedia,
    ForgetDialog,
    LegAnswered,
    LegConfirmed,
    LegEnded,
    LegFinished,
    LegHeld,
    LegLeft,
    LegRinging,
    OpenMedia,
    Respond,
    TransferAnswered,
)
from .in_dialog import info_received, options_received, refused, unwanted_notify
from .leg_core import OVER, End, LegCore, Phase, SendBye, earlier
from .offers import Offers
from .refreshing import Refreshing, may_start
from .requester import OFFERING, Purpose, Requester
from .transfer_answers import not_established
from .transferring import Transferring
from .unacked import acknowledges

if TYPE_CHECKING:
    from ..base.ids import Ids
    from ..sdp.plan import LocalMedia
    from ..sip.dialog import Dialog
    from ..sip.effects import FailureReason
    from ..sip.flow import Flow
    from ..sip.message import Request, Response
    from ..sip.timers import Timers
    from .effects import LegEffect
    from .leg_core import Step
    from .leg_settings import HeaderItems, LegSettings
    from .transfer_desk import TransferDesk
    from .transfer_effects import TransferOrder

_HANGING_UP = frozenset({Purpose.BYE})
_NOTED = frozenset({LegLeft, OpenMedia, LegRinging, LegHeld, LegAnswered})
"""Effects of the parts that the leg itself takes note of."""
_TRANSFER = frozenset({Purpose.REFER, Purpose.SUBSCRIBE, Purpose.PROBE})


class Leg:
    """One leg. Direction is data (`LegSettings.direction`), never a second class."""

    __slots__ = (
        "_activity",
        "_answering",
        "_bye",
        "_core",
        "_deaf",
        "_left",
        "_linger_ends",
        "_media_open",
        "_offers",
        "_refreshing",
        "_requester",
        "_stored",
        "_transfers",
    )

    def __init__(self, call_id: str, settings: LegSettings, ids: Ids, timers: Timers) -> None:
        """`call_id` is the SCL_ id and our tag in every dialog of this leg."""
        core = LegCore(call_id, settings, ids, timers)
        self._core = core
        self._offers = Offers(core)
        self._requester = Requester(core)
        self._answering = Answering(core, self._offers)
        self._refreshing = Refreshing(core, self._offers, self._requester)
        self._transfers: Transferring | None = None
        self._activity = Activity(settings)
        self._bye: SendBye | None = None
        """What to send once the ACK has come."""
        self._deaf = False
        self._left = True
        """The caller is not in the room: not yet, or no more."""
        self._media_open = False
        self._stored = False
        self._linger_ends: float | None = None

    # --- what others may know -------------------------------------------------------------------

    @property
    def call_id(self) -> str:
        """SCL_ id."""
        return self._core.call_id

    @property
    def state(self) -> Phase:
        """Where the call stands."""
        return self._core.phase

    @property
    def dialog(self) -> Dialog | None:
        """From the first 180 on."""
        return self._core.dialog

    @property
    def finished(self) -> bool:
        """Nothing more will come of this leg."""
        return self._core.phase is Phase.FINISHED

    @property
    def held(self) -> bool:
        """The peer put us on hold."""
        return self._offers.held

    @property
    def desk(self) -> TransferDesk | None:
        """The transfers of this call, if there was one."""
        return self._transfers.desk if self._transfers is not None else None

    # --- the INVITE -----------------------------------------------------------------------------

    def start_inbound(self, now: float, key: str, request: Request, flow: Flow) -> list[LegEffect]:
        """An INVITE that trunk, digest and rule let pass. Asks for media, or refuses it."""
        return self._carry_out(now, self._answering.start(key, request, flow))

    # An outbound leg begins with `start_outbound(now, order)`: its part, `calls/dialing.py`, is
    # to take the place of `Answering` until the dialog is confirmed.

    def media_opened(self, now: float, local: LocalMedia) -> list[LegEffect]:
        """The answer to `OpenMedia`."""
        if self._core.phase is not Phase.OPENING:
            return [CloseMedia()]
        self._activity.joined(now)
        return self._carry_out(now, self._answering.media_opened(now, local))

    def media_refused(self, now: float) -> list[LegEffect]:
        """The answer to `OpenMedia` where no port is free."""
        if self._core.phase is not Phase.OPENING:
            return []
        self._media_open = False
        return self._carry_out(now, self._answering.media_refused())

    def answer(self, now: float) -> list[LegEffect]:
        """Somebody takes the call; nothing happens if it is answered or over."""
        return self._carry_out(now, self._answering.answer(now))

    def reject(self, now: float, status: int, reason: str = "") -> list[LegEffect]:
        """Refuse the INVITE with this status, if it has no final answer; `reason` is the phrase."""
        if not self._answering.key:
            return []
        why = reason or f"rejected with {status}"
        steps = self._answering.reject(status, "rejected", why, reason=reason)
        return self._carry_out(now, steps)

    def hangup(self, now: float, reason: str, headers: HeaderItems = ()) -> list[LegEffect]:
        """End the call: 480 before the answer, BYE with `headers` after it (once the ACK is
        here). `reason` is for the call history."""
        if self._answering.key:
            return self._carry_out(now, self._answering.reject(480, "hangup", reason))
        return self._carry_out(now, [SendBye(reason, "hangup", headers)])

    # --- messages of the peer -------------------------------------------------------------------

    def request_received(
        self, now: float, key: str, request: Request, flow: Flow
    ) -> list[LegEffect]:
        """A request with our tag; `key` is "" for ACK."""
        core = self._core
        dialog = core.dialog
        if (
            dialog is None
            or request.call_id != dialog.call_id
            or (request.from_.tag or "") != dialog.remote_tag
        ):
            return [] if not key else [Respond(key, core.reply(request, 481))]
        method = request.method
        if method == "ACK":
            return self._carry_out(now, self._ack(now, request, flow))
        in_order = dialog.request_received(request, flow)
        if method == "NOTIFY":
            steps = self._notify(now, key, request, in_order=in_order)
        elif not in_order:
            steps = [Respond(key, core.reply(request, 500))]
        elif method == "BYE":
            steps = self._bye_received(key, request)
        elif core.phase in OVER:
            steps = [Respond(key, core.reply(request, 481))]
        else:
            steps = self._in_call(now, key, request)
        return self._carry_out(now, steps)

    def cancel_received(self, now: float, key: str, request: Request) -> list[LegEffect]:
        """The INVITE was cancelled; the CANCEL has its 200. After our 200 it has no effect."""
        if not key or key != self._answering.key:
            return []
        return self._carry_out(now, self._answering.cancelled(request))

    def response_received(
        self, now: float, token: int, response: Response, flow: Flow
    ) -> list[LegEffect]:
        """A response to the request of ours that went out with `token`."""
        pending = self._requester.answered(token, response)
        if pending is None:
            again = response.status >= 200
            return self._carry_out(now, self._refreshing.repeated(token) if again else [])
        if self._transfers is not None and pending.purpose in _TRANSFER:
            return self._carry_out(now, self._transfers.answered(now, pending, response))
        challenged = self._requester.again(pending, response)
        steps: list[Step] = []
        if challenged is not None:
            steps = [challenged]
        elif pending.purpose in OFFERING:
            steps = self._refreshing.answered(now, token, pending, response)
        return self._carry_out(now, steps)

    def request_failed(self, now: float, token: int, reason: FailureReason) -> list[LegEffect]:
        """The request of ours with `token` gets no final answer."""
        pending = self._requester.failed(token)
        steps: list[Step] = []
        if pending is not None and pending.purpose in OFFERING:
            steps = self._refreshing.unanswered(pending)
        elif pending is not None and self._transfers is not None and pending.purpose in _TRANSFER:
            steps = self._transfers.unanswered(now, pending, reason)
        return self._carry_out(now, steps)

    # --- transfers ------------------------------------------------------------------------------

    def transfer(self, now: float, ticket: int, order: TransferOrder) -> list[LegEffect]:
        """An API request for a transfer; its verdict comes as `TransferAnswered`."""
        if self._transfers is None:
            if self._core.phase not in {Phase.ANSWERED, Phase.CONFIRMED}:
                return [TransferAnswered(ticket, None, not_established())]
            self._transfers = Transferring(self._core, self._requester)
        return self._carry_out(now, self._transfers.request(now, ticket, order))

    def transfer_stored(self, now: float, transfer_id: str) -> list[LegEffect]:
        """`StoreTransfer(then_send=True)` is done."""
        steps = [] if self._transfers is None else self._transfers.stored(now, transfer_id)
        return self._carry_out(now, steps)

    def cancel_transfer(self, now: float, transfer_id: str) -> list[LegEffect]:
        """Give the transfer up; a REFER that is out cannot be taken back."""
        steps = [] if self._transfers is None else self._transfers.cancel(now, transfer_id)
        return self._carry_out(now, steps)

    def shutdown(self, now: float, headers: HeaderItems = ()) -> list[LegEffect]:
        """The process stops: open transfers are interrupted, then as `hangup`."""
        steps = [] if self._transfers is None else self._transfers.shutdown(now)
        return self._carry_out(now, steps) + self.hangup(now, "shutdown", headers)

    # --- media ----------------------------------------------------------------------------------

    def first_packet(self, now: float) -> list[LegEffect]:
        """The first RTP packet came."""
        return self._carry_out(now, self._activity.first_packet(now))

    def media_checked(self, now: float, last_packet_at: float | None) -> list[LegEffect]:
        """The answer to `CheckMedia`: when RTP came last, None for never."""
        steps: list[Step] = []
        if self._transfers is not None:
            steps = self._transfers.media_checked(now, last_packet_at)
        return self._carry_out(now, steps + self._activity.checked(now, last_packet_at))

    def dtmf_by_rtp(self, now: float) -> list[LegEffect]:
        """An RFC 4733 event came: digits by INFO are ignored from now on."""
        self._deaf = True
        return []

    def set_attribute_headers(self, headers: HeaderItems) -> None:
        """attributes_to_headers as of now, already checked: for the 200, refusals and BYE."""
        self._core.attribute_headers = headers

    # --- time -----------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `handle_deadline` is to be called."""
        core = self._core
        if core.phase in OVER:
            first = self._linger_ends
        else:
            first = earlier(self._activity.next_deadline(), self._answering.next_deadline())
            first = earlier(first, core.timer.next_deadline())
            if core.unacked is not None:
                first = earlier(first, core.unacked.next_deadline())
        if self._transfers is not None:
            first = earlier(first, self._transfers.next_deadline())
        return first

    def handle_deadline(self, now: float) -> list[LegEffect]:
        """What is due at `now`."""
        steps: list[Step] = []
        if self._transfers is not None:
            steps += self._transfers.handle_deadline(now)
        if self._core.phase not in OVER:
            steps += self._due(now)
        elif self._linger_ends is not None and now >= self._linger_ends:
            self._linger_ends = None
        return self._carry_out(now, steps)

    def _due(self, now: float) -> list[Step]:
        core = self._core
        steps = self._answering.handle_deadline(now)
        if core.unacked is not None:
            if core.unacked.over(now):
                core.unacked = None
                return [*steps, self._unconfirmed()]
            steps += core.unacked.due(now)
        steps += self._activity.handle_deadline(now)
        if core.timer.expired(now):
            reason = ("Reason", 'SIP;cause=408;text="Session timer expired"')
            steps.append(SendBye("session timer", "dropped", (reason,)))
        elif core.timer.refresh_due(now):
            self._refreshing.wanted = True
        return steps

    def _unconfirmed(self) -> SendBye:
        """Nobody acknowledged our 2xx for 32 s (RFC 3261 §13.3.1.4): BYE without its ACK."""
        reason = ("Reason", 'SIP;cause=408;text="No ACK"')
        return self._bye or SendBye("no ACK", "dropped", (reason,))

    # --- requests in the dialog -----------------------------------------------------------------

    def _in_call(self, now: float, key: str, request: Request) -> list[Step]:
        core = self._core
        match request.method:
            case "INVITE" | "UPDATE" if core.phase is Phase.LEAVING:
                return [Respond(key, core.reply(request, 487))]
            case "INVITE":
                # The peer sends no re-INVITE before it has our 200: its ACK got lost.
                steps: list[Step] = []
                if core.phase is Phase.ANSWERED and not core.our_offer:
                    core.unacked = None
                    steps = self._confirmed(now)
                return steps + self._offers.invite_received(now, key, request)
            case "UPDATE":
                return self._offers.update_received(now, key, request)
            case "PRACK":
                return self._answering.prack_received(now, key, request)
            case "INFO":
                return info_received(core, key, request, deaf=self._deaf)
            case "OPTIONS":
                return options_received(core, key, request)
        return [Respond(key, refused(core, request))]

    def _bye_received(self, key: str, request: Request) -> list[Step]:
        steps: list[Step] = [Respond(key, self._core.reply(request, 200))]
        if self._answering.key:
            return steps + self._answering.cancelled(request)
        if self._core.phase not in OVER:
            cause = request.header("Reason") or ""
            steps.append(End("remote", "bye", "hangup", None, cause, request.cseq.number))
        return steps

    def _notify(self, now: float, key: str, request: Request, *, in_order: bool) -> list[Step]:
        if self._transfers is not None:
            return self._transfers.notify_received(now, key, request, in_order=in_order)
        return [Respond(key, unwanted_notify(self._core, request))]

    def _ack(self, now: float, request: Request, flow: Flow) -> list[Step]:
        core = self._core
        unacked = core.unacked
        assert core.dialog is not None
        if unacked is None or not acknowledges(request, unacked):
            return []
        core.unacked = None
        core.dialog.request_received(request, flow)
        if core.phase is Phase.LEAVING:
            assert self._bye is not None
            return [self._bye]
        first = core.phase is Phase.ANSWERED
        steps = self._confirmed(now) if first else []
        if unacked.offer:
            steps += self._offers.acknowledged(request, first=first)
        return steps

    def _confirmed(self, now: float) -> list[Step]:
        self._core.enter(Phase.CONFIRMED)
        self._activity.confirmed(now)
        self._stored = True
        return [LegConfirmed(), self._core.store()]

    # --- carrying out what the parts return -----------------------------------------------------

    def _carry_out(self, now: float, steps: list[Step]) -> list[LegEffect]:
        out = self._resolve(now, steps)
        core = self._core
        if self._refreshing.wanted:
            desk = self.desk
            refer_open = desk is not None and desk.refer_open
            if may_start(core, self._requester, refer_open=refer_open):
                out += self._resolve(now, self._refreshing.start())
        if self._transfers is not None:
            self._settle_transfers(now, self._transfers, out)
        if core.target_moved and self._stored:
            out.append(core.store())
        if core.phase is Phase.ENDED:
            self._finish(out)
        return out

    def _resolve(self, now: float, steps: list[Step]) -> list[LegEffect]:
        """Turn the parts' own steps into effects, and keep account of a few of the others."""
        out: list[LegEffect] = []
        for step in steps:
            if isinstance(step, End):
                out += self._end(now, step)
            elif isinstance(step, SendBye):
                out += self._hang_up(now, step)
            elif type(step) not in _NOTED:
                out.append(step)
            elif not isinstance(step, LegLeft):
                out.append(step)
                out += self._noted(now, step)
            elif not self._left:
                self._left = True
                out.append(step)
        return out

    def _noted(self, now: float, step: LegEffect) -> list[LegEffect]:
        if isinstance(step, OpenMedia):
            self._media_open = True
        elif isinstance(step, LegRinging):
            self._left = False
        elif isinstance(step, LegHeld):
            self._activity.hold(now, step.held)
        else:
            return self._resolve(now, self._activity.answered(now))
        return []

    def _settle_transfers(self, now: float, transfers: Transferring, out: list[LegEffect]) -> None:
        out += self._resolve(now, transfers.settle(now))
        if self._core.phase not in OVER:
            self._activity.transfer(now, transfers.suspends)

    def _hang_up(self, now: float, bye: SendBye) -> list[LegEffect]:
        """BYE, or the promise of one: it waits for the ACK of our first 200."""
        core = self._core
        if core.phase in OVER or (core.phase is Phase.LEAVING and core.unacked is not None):
            return []
        if self._answering.key:
            return self._resolve(now, self._answering.reject(480, bye.left, bye.reason))
        if core.phase is Phase.ANSWERED and core.unacked is not None:
            core.enter(Phase.LEAVING)
            self._bye = bye
            self._stop_clocks()
            steps: list[Step] = [LegLeft(bye.left)]
            if self._transfers is not None:
                steps += self._transfers.call_ended(now, "local", None, None)
            return self._resolve(now, steps)
        headers = (*core.attribute_headers, *bye.headers)
        sent = self._requester.send(Purpose.BYE, headers)[1]
        cause = next((value for name, value in bye.headers if name == "Reason"), "")
        return [sent, *self._end(now, End("local", bye.reason, bye.left, None, cause))]

    def _end(self, now: float, end: End) -> list[LegEffect]:
        core = self._core
        core.enter(Phase.ENDED)
        core.unacked = None
        self._stop_clocks()
        steps: list[Step] = [
            LegLeft(end.left),
            LegEnded(end.by, end.reason, end.status, end.cause),
        ]
        if self._media_open:
            self._media_open = False
            steps.append(CloseMedia())
        if self._transfers is not None:
            self._linger_ends = now + core.timers.transaction
            gone = 481 if end.left == "dropped" else None
            steps += self._transfers.call_ended(now, end.by, gone, end.cseq)
        return self._resolve(now, steps)

    def _stop_clocks(self) -> None:
        self._activity.ended()
        self._core.timer.stop()

    def _finish(self, out: list[LegEffect]) -> None:
        """Forget what need not be kept any more; in the end the leg itself."""
        if self._stored and not self._requester.open(_HANGING_UP):
            self._stored = False
            out.append(ForgetDialog())
        watching = self._transfers is not None and self._transfers.desk.watching
        if self._requester.idle and self._linger_ends is None and not watching:
            self._core.enter(Phase.FINISHED)
            out.append(LegFinished())
