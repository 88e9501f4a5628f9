"""One call leg: the SIP side of one phone call, as a pure machine (calls.md §1-§3).

A leg knows neither room nor endpoint. Its inputs take `now` (seconds) and return effects of
`calls.effects` in the order in which they are to be performed. What happens within a phase is in
its parts; the leg hands each input to its part, and carries out the steps that come back:

    answering     the peer's INVITE until our final answer; PRACK
    dialing       our INVITE until its final answer, in its place
    offers        re-INVITE and UPDATE of the peer, hold
    refreshing    session timer requests of ours
    transferring  REFER, NOTIFY and the transferor
    referee       REFER of the peer, where it is accepted
    in_dialog     INFO, OPTIONS and refusals
    activity      `active`, and what ends a call by itself
    ending        BYE, the end, and what is waited for after it
"""

from __future__ import annotations

from collections.abc import Callable

from ...base.ids import Ids
from ...sdp.plan import LocalMedia
from ...sip.dialog import Dialog
from ...sip.effects import FailureReason
from ...sip.flow import Flow
from ...sip.message import Request, Response
from ...sip.timers import Timers
from ..effects import (
    CloseMedia,
    LegAnswered,
    LegEffect,
    LegFinished,
    LegHeld,
    LegLeft,
    LegRinging,
    OpenMedia,
    ReferReceived,
    Respond,
    TransferAnswered,
)
from ..transfers.answers import not_established
from ..transfers.request import TransferRequest
from ..transfers.transferor import Transferor
from .activity import Activity
from .answering import Answering
from .core import OVER, End, LegCore, Phase, SendBye, Step, earlier
from .dialing import Dialing, Place
from .ending import Ending
from .in_dialog import info_received, options_received, refused, unwanted_notify
from .invitation import DialOrder
from .offers import Offers
from .referee import Referee
from .refreshing import Refreshing, may_start
from .requester import OFFERING, Purpose, Requester
from .settings import HeaderItems, LegSettings
from .transferring import Transferring
from .unacked import acknowledges

BROKEN = "internal error"
_TRANSFER = frozenset({Purpose.REFER, Purpose.SUBSCRIBE, Purpose.PROBE})
_NOTED = frozenset({LegLeft, OpenMedia, LegRinging, LegHeld, LegAnswered})
"""Effects of the parts that the leg itself takes note of."""


class Leg:
    """One leg. Direction is data (`LegSettings.direction`), never a second class."""

    __slots__ = (
        "_activity",
        "_core",
        "_deaf",
        "_dialing",
        "_ending",
        "_offers",
        "_referee",
        "_refreshing",
        "_requester",
        "_setup",
        "_transfers",
        "call_id",
    )

    def __init__(self, call_id: str, settings: LegSettings, ids: Ids, timers: Timers) -> None:
        """`call_id` is the SCL_ id and our tag in every dialog of this leg."""
        core = LegCore(call_id, settings, ids, timers)
        self.call_id = call_id
        """SCL_ id, at hand here too: a call asks for it some fifty times."""
        self._core = core
        self._offers = Offers(core)
        self._requester = Requester(core)
        self._dialing: Dialing | None = None
        if settings.direction == "outbound":
            self._dialing = Dialing(core, self._offers, self._requester)
        self._setup = self._dialing or Answering(core, self._offers)
        """What makes the call; of no use once it is confirmed."""
        self._referee = Referee(core, self._requester) if settings.accepts_refer else None
        self._refreshing = Refreshing(core, self._offers, self._requester)
        self._transfers: Transferring | None = None
        self._activity = Activity(settings)
        self._ending = Ending(core, self._setup, self._requester, self._activity, self._referee)
        self._deaf = False

    # --- what others may know -------------------------------------------------------------------

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
    def transferor(self) -> Transferor | None:
        """The transfers of this call, if there was one."""
        return self._transfers.transferor if self._transfers is not None else None

    # --- the INVITE -----------------------------------------------------------------------------

    def start_inbound(self, now: float, key: str, request: Request, flow: Flow) -> list[LegEffect]:
        """An INVITE that trunk, digest and rule let pass. It rings, or is refused."""
        assert isinstance(self._setup, Answering)
        return self._carry_out(now, self._setup.start(now, key, request, flow))

    def start_outbound(self, now: float, order: DialOrder) -> list[LegEffect]:
        """Call somebody, who may have a place in a room already. Asks for `Locate`."""
        assert self._dialing is not None
        self._ending.in_room = True
        return self._carry_out(now, self._dialing.start(now, order))

    def located(self, now: float, places: list[Place]) -> list[LegEffect]:
        """The answer to `Locate`, best place first; [] where there is none."""
        if self._dialing is None:
            return []
        return self._carry_out(now, self._dialing.located(now, places))

    def media_opened(
        self, now: float, local: LocalMedia, last_packet_at: Callable[[], float | None]
    ) -> list[LegEffect]:
        """The answer to `OpenMedia`. `last_packet_at` is asked whenever the leg must know if the
        call is alive: when RTP came last, in seconds as `now`, None for never."""
        if not self._setup.opening:
            return [CloseMedia()]
        self._core.last_packet_at = last_packet_at
        self._activity.joined(now)
        return self._carry_out(now, self._setup.media_opened(now, local))

    def media_refused(self, now: float) -> list[LegEffect]:
        """The answer to `OpenMedia` where no port is free."""
        if not self._setup.opening:
            return []
        self._ending.media_open = False
        return self._carry_out(now, self._setup.media_refused())

    def answer(self, now: float) -> list[LegEffect]:
        """Somebody takes the call; nothing happens if it is answered or over."""
        return self._carry_out(now, self._setup.answer(now))

    def reject(self, now: float, status: int, reason: str = "") -> list[LegEffect]:
        """Refuse the INVITE with this status, if it has no final answer; `reason` is the phrase."""
        if not self._setup.open:
            return []
        why = reason or f"rejected with {status}"
        steps = self._setup.reject(status, "rejected", why, reason=reason)
        return self._carry_out(now, steps)

    def hangup(self, now: float, reason: str, headers: HeaderItems = ()) -> list[LegEffect]:
        """End the call: 480 or CANCEL before the answer, BYE after it (once the ACK is here), each
        with `headers`. `reason` is for the call history."""
        return self._carry_out(now, [SendBye(reason, "hangup", headers)])

    def broken(self, now: float, *, due: bool) -> list[LegEffect]:
        """A mistake of ours in something about this leg. A call that stands goes on, unless its
        clock is at fault (`due`); any other ends, an unanswered one with 500."""
        core = self._core
        if core.phase in OVER:
            return [LegFinished()] if due else []
        if core.phase is Phase.CONFIRMED and not due:
            return []
        core.attribute_headers = ()
        if self._setup.open:
            return self._carry_out(now, self._setup.reject(500, "dropped", BROKEN))
        reason = ("Reason", 'SIP;cause=500;text="Internal error"')
        return self._carry_out(now, [SendBye(BROKEN, "dropped", (reason,))])

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
            or request.from_tag != dialog.remote_tag
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
            steps = self._bye_received(now, key, request)
        elif core.phase in OVER:
            steps = [Respond(key, core.reply(request, 481))]
        else:
            steps = self._in_call(now, key, request)
        return self._carry_out(now, steps)

    def cancel_received(self, now: float, key: str, request: Request) -> list[LegEffect]:
        """The INVITE was cancelled; the CANCEL has its 200. After our 200 it has no effect."""
        if not key or key != self._setup.key:
            return []
        return self._carry_out(now, self._setup.cancelled(request))

    def response_received(
        self, now: float, token: int, response: Response, flow: Flow
    ) -> list[LegEffect]:
        """A response to the request of ours that went out with `token`."""
        if self._dialing is not None and self._dialing.owns(token):
            steps = self._dialing.answered(now, token, response, flow)
            if self._core.phase in OVER:
                self._ending.linger(now)
            return self._carry_out(now, steps)
        pending = self._requester.answered(token, response)
        if pending is None:
            again = response.status >= 200
            return self._carry_out(now, self._refreshing.repeated(token) if again else [])
        if self._transfers is not None and pending.purpose in _TRANSFER:
            return self._carry_out(now, self._transfers.answered(now, pending, response))
        challenged = self._requester.again(pending, response)
        steps = []
        if challenged is not None:
            steps = [challenged]
        elif pending.purpose in OFFERING:
            steps = self._refreshing.answered(now, token, pending, response)
        return self._carry_out(now, steps)

    def request_failed(
        self, now: float, token: int, reason: FailureReason, why: str = ""
    ) -> list[LegEffect]:
        """The request of ours with `token` gets no final answer; `why` no connection was opened
        for it, where that is known."""
        if self._dialing is not None and self._dialing.owns(token):
            return self._carry_out(now, self._dialing.failed(now, token, reason, why))
        pending = self._requester.failed(token)
        steps: list[Step] = []
        if pending is not None and pending.purpose in OFFERING:
            steps = self._refreshing.unanswered(pending)
        elif pending is not None and self._transfers is not None and pending.purpose in _TRANSFER:
            steps = self._transfers.unanswered(now, pending, reason)
        return self._carry_out(now, steps)

    # --- transfers ------------------------------------------------------------------------------

    def transfer(self, now: float, ticket: int, request: TransferRequest) -> list[LegEffect]:
        """An API request for a transfer; its verdict comes as `TransferAnswered`."""
        if self._transfers is None:
            if self._core.phase not in {Phase.ANSWERED, Phase.CONFIRMED}:
                return [TransferAnswered(ticket, None, not_established())]
            self._transfers = Transferring(self._core, self._requester)
        return self._carry_out(now, self._transfers.request(now, ticket, request))

    def transfer_stored(self, now: float, transfer_id: str) -> list[LegEffect]:
        """`TransferChanged(then_send=True)` is stored."""
        steps = [] if self._transfers is None else self._transfers.stored(now, transfer_id)
        return self._carry_out(now, steps)

    def transfer_not_stored(self, now: float, transfer_id: str) -> list[LegEffect]:
        """It could not be: no REFER goes out."""
        steps = [] if self._transfers is None else self._transfers.not_stored(now, transfer_id)
        return self._carry_out(now, steps)

    def cancel_transfer(self, now: float, transfer_id: str) -> list[LegEffect]:
        """Give the transfer up; a REFER that is out cannot be taken back."""
        steps = [] if self._transfers is None else self._transfers.cancel(now, transfer_id)
        return self._carry_out(now, steps)

    def answer_refer(
        self, now: float, refer: ReferReceived, response: Response, *, subscribe: bool
    ) -> list[LegEffect]:
        """Answer the peer's REFER; `subscribe`: `notify_refer` follows."""
        assert self._referee is not None
        steps = self._referee.answer(now, refer, response, subscribe=subscribe)
        return self._carry_out(now, steps)

    def notify_refer(
        self, now: float, refer: ReferReceived, headers: HeaderItems, body: bytes
    ) -> list[LegEffect]:
        """Tell the peer by NOTIFY how its REFER goes, also when the call is over (RFC 5057)."""
        assert self._referee is not None
        return self._carry_out(now, self._referee.notify(refer, headers, body))

    def hold(self, now: float, *, held: bool) -> list[LegEffect]:
        """Put the peer on hold, or take it back, by re-INVITE as soon as one may go out."""
        self._refreshing.direction = "sendonly" if held else "sendrecv"
        self._refreshing.wanted = self._core.phase is Phase.CONFIRMED
        return self._carry_out(now, [])

    def shutdown(self, now: float, headers: HeaderItems = ()) -> list[LegEffect]:
        """The process stops: open transfers are interrupted, then as `hangup`."""
        steps = [] if self._transfers is None else self._transfers.shutdown(now)
        return self._carry_out(now, steps) + self.hangup(now, "shutdown", headers)

    # --- media ----------------------------------------------------------------------------------

    def first_packet(self, now: float) -> list[LegEffect]:
        """The first RTP packet came."""
        return self._carry_out(now, self._activity.first_packet(now))

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
        transfers = None if self._transfers is None else self._transfers.next_deadline()
        if core.phase in OVER:
            return earlier(self._ending.next_deadline(), transfers)
        return earlier(
            self._activity.next_deadline(),
            None if core.phase is Phase.CONFIRMED else self._setup.next_deadline(),
            core.timer.next_deadline(),
            None if core.unacked is None else core.unacked.next_deadline(),
            transfers,
        )

    def handle_deadline(self, now: float) -> list[LegEffect]:
        """What is due at `now`."""
        steps: list[Step] = []
        if self._transfers is not None:
            steps += self._transfers.handle_deadline(now)
        if self._core.phase not in OVER:
            steps += self._due(now)
        else:
            self._ending.handle_deadline(now)
        return self._carry_out(now, steps)

    def _due(self, now: float) -> list[Step]:
        core = self._core
        steps = self._setup.handle_deadline(now)
        if core.unacked is not None:
            if core.unacked.over(now):
                core.unacked = None
                return [*steps, self._ending.unconfirmed()]
            steps += core.unacked.due(now)
        steps += self._activity.handle_deadline(now, core.last_packet_at)
        if core.timer.expired(now):
            reason = ("Reason", 'SIP;cause=408;text="Session timer expired"')
            steps.append(SendBye("session timer", "dropped", (reason,)))
        elif core.timer.refresh_due(now):
            self._refreshing.wanted = True
        return steps

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
                return self._setup.prack_received(now, key, request)
            case "INFO":
                return info_received(core, key, request, deaf=self._deaf)
            case "REFER" if self._referee is not None:
                return self._referee.received(key, request)
            case "OPTIONS":
                return options_received(core, key, request)
        return [Respond(key, refused(core, request))]

    def _bye_received(self, now: float, key: str, request: Request) -> list[Step]:
        steps: list[Step] = [Respond(key, self._core.reply(request, 200))]
        if self._setup.open:
            return steps + self._setup.cancelled(request)
        if self._core.phase not in OVER:
            cause = request.header("Reason") or ""
            steps.append(End("remote", "bye", "hangup", None, cause, request.cseq.number))
        elif self._transfers is not None:  # it crossed ours
            steps += self._transfers.call_ended(now, "remote", None, request.cseq.number)
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
            assert self._ending.bye is not None
            return [self._ending.bye]
        first = core.phase is Phase.ANSWERED
        steps = self._confirmed(now) if first else []
        if unacked.offer:
            steps += self._offers.acknowledged(request, first=first)
        return steps

    # --- carrying out what the parts return -----------------------------------------------------

    def _carry_out(self, now: float, steps: list[Step]) -> list[LegEffect]:
        out = self._resolve(now, steps)
        core = self._core
        if self._refreshing.wanted:
            transferor = self.transferor
            refer_open = transferor is not None and transferor.refer_open
            if may_start(core, self._requester, refer_open=refer_open):
                out += self._resolve(now, self._refreshing.start())
        if self._transfers is not None:
            out += self._resolve(now, self._transfers.settle(now))
            if core.phase not in (*OVER, Phase.LEAVING):  # no clock starts again then
                self._activity.transfer(now, self._transfers.suspends)
        if core.target_moved and self._ending.stored:
            out.append(core.store())
        if core.phase is Phase.ENDED:
            out += self._ending.finish(self._transfers)
        return out

    def _resolve(self, now: float, steps: list[Step]) -> list[LegEffect]:
        """Turn the parts' own steps into effects, and keep account of a few of the others."""
        out: list[LegEffect] = []
        for step in steps:
            if isinstance(step, End):
                self._offers.end()
                out += self._resolve(now, self._ending.end(now, step, self._transfers))
            elif isinstance(step, SendBye):
                out += self._resolve(now, self._ending.hang_up(now, step, self._transfers))
            elif type(step) not in _NOTED:
                out.append(step)
            elif not isinstance(step, LegLeft):
                out.append(step)
                out += self._noted(now, step)
            elif self._ending.in_room:
                self._ending.in_room = False
                out.append(step)
        return out

    def _confirmed(self, now: float) -> list[Step]:
        self._core.enter(Phase.CONFIRMED)
        self._activity.confirmed(now)
        self._ending.stored = True
        return [self._core.store()]

    def _noted(self, now: float, step: LegEffect) -> list[LegEffect]:
        if isinstance(step, OpenMedia):
            self._ending.media_open = True
        elif isinstance(step, LegRinging):
            self._ending.in_room = True
            self._activity.joined(now)
        elif isinstance(step, LegHeld):
            self._activity.hold(now, step.held)
        elif self._dialing is None:
            return self._resolve(now, self._activity.answered(now))
        else:  # the ACK of ours is out
            return self._resolve(now, [*self._confirmed(now), *self._activity.answered(now)])
        return []
