"""All transfers of one leg: the heart of the product (transfer.md; a row of it, a test).

`Transferor` takes what happens and says what it means; `outcomes` holds what follows from
a verdict, `usage` one REFER with its subscription, `transfer` one request with its verdict.
The inputs and who performs which effect are described in `desk_effects`.

Where the rules are:
    other target, joiners, repeated requests    `request`
    REFER waits, goes out, is answered          `_send_refer`, `refer_*`
    NOTIFY before 202, after BYE, out of order  `notify_reader.NotifyReader`
    the end of the call and its second of grace `call_ended`, `TransferOutcomes.end_call`
    late outcomes                               `TransferOutcomes.settle`
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from ...base.ids import Ids
from ...sip.effects import FailureReason
from ...sip.message import Request, Response
from ...sip.timers import Timers
from ..effects import TransferAnswered
from ..records import Side
from . import answers
from .liveness import LivenessCheck
from .notify_reader import NotifyReader
from .outcomes import (
    KEEP_REQUEST_IDS,
    NOT_SENT,
    UNANSWERED,
    Effects,
    TransferOutcomes,
)
from .refer_usage import ReferState, ReferUsage
from .transfer import Transfer
from .transferor_effects import SendRefer, TransferOrder

_AGAIN = frozenset({401, 407, 491})
"""Answers after which the REFER would have gone out again, had the call not ended."""

__all__ = ["TransferOrder", "Transferor"]


class Transferor:
    """See the module. Every input returns what is to be done, in order."""

    __slots__ = (
        "_gate",
        "_ids",
        "_liveness",
        "_notifies",
        "_outcomes",
        "_owns_call_id",
        "_referred_by",
    )

    def __init__(
        self,
        call_id: str,
        ids: Ids,
        timers: Timers,
        local_uri: str,
        last_packet_at: Callable[[], float | None],
        *,
        owns_call_id: bool = False,
    ) -> None:
        """`local_uri`: our URI in the dialog, bare, for Referred-By. `last_packet_at`: when RTP
        came last, None for never. `owns_call_id`: we made the Call-ID (an outbound leg), which
        gives us the longer wait after 491."""
        self._outcomes = TransferOutcomes(call_id)
        self._ids = ids
        self._referred_by = f"<{local_uri}>"
        self._owns_call_id = owns_call_id
        self._gate = False
        self._liveness = LivenessCheck(last_packet_at)
        self._notifies = NotifyReader(self._outcomes, timers)

    @property
    def pending(self) -> bool:
        """A transfer without a verdict: media timeout and max_call_duration are suspended."""
        return self._outcomes.current is not None

    @property
    def refer_open(self) -> bool:
        """A REFER is unanswered: the leg starts no INVITE and no UPDATE."""
        return any(usage.unanswered for usage in self._outcomes.usages)

    @property
    def watching(self) -> bool:
        """A NOTIFY may still bring news: the leg stays alive."""
        return any(usage.watch_end() > -inf for usage in self._outcomes.usages)

    @property
    def leaving(self) -> bool:
        """The caller has left the room, and the BYE is the peer's to send (10 s)."""
        return self._outcomes.bye_at is not None

    # --- requests of the API ----------------------------------------------------------------

    def request(self, now: float, ticket: int, order: TransferOrder) -> Effects:
        """An API request; answered at once by `TransferAnswered` where it cannot wait."""
        refer_to, outcomes = order.target.refer_to, self._outcomes
        if order.request_id:
            key = (order.api_key, order.request_id)
            earlier = outcomes.requests.get(key)
            if earlier is not None and now - earlier.created_at <= KEEP_REQUEST_IDS:
                if earlier.refer_to != refer_to:
                    return [TransferAnswered(ticket, None, answers.other_target())]
                return self._join(now, ticket, order, earlier)
        if outcomes.over or outcomes.bye_at is not None:
            return [TransferAnswered(ticket, None, answers.hung_up())]
        transfer = outcomes.current
        if transfer is not None and transfer.refer_to != refer_to:
            return [TransferAnswered(ticket, None, answers.elsewhere())]
        effects: Effects = []
        if transfer is None:
            transfer, effects = outcomes.open(now, order, refer_to)
            transfer.wait(now, ticket, order.wait)
        else:
            effects = self._join(now, ticket, order, transfer)
        if order.request_id:
            outcomes.requests[order.api_key, order.request_id] = transfer
        return effects

    @staticmethod
    def _join(now: float, ticket: int, order: TransferOrder, transfer: Transfer) -> Effects:
        """Wait for a verdict that another request asked for, or take it if it is there."""
        if transfer.verdict is None:
            wait = order.ringing_timeout if order.wait is None else order.wait
            transfer.wait(now, ticket, min(wait, order.ringing_timeout))
            return []
        record = transfer.record()
        return [TransferAnswered(ticket, record, answers.failure(record))]

    def cancel(self, now: float, transfer_id: str) -> Effects:
        """Cancelled inside the server. A REFER that is out cannot be taken back: it is watched."""
        transfer = self._outcomes.current
        if transfer is None or transfer.transfer_id != transfer_id:
            return []
        self._remark_unsent(transfer)
        return self._outcomes.decide(now, "canceled", answers.CANCELED)

    def shutdown(self, now: float) -> Effects:
        """The process stops: a pending transfer is interrupted."""
        if self._outcomes.current is None:
            return []
        return self._outcomes.decide(now, "interrupted", answers.INTERRUPTED)

    # --- the REFER --------------------------------------------------------------------------

    def stored(self, now: float, transfer_id: str) -> Effects:
        """The record of a new transfer is safe: its REFER may go out."""
        usage = self._outcomes.find(transfer_id)
        if usage is not None:
            usage.stored = True
        return self._send_refer(now)

    def gate(self, now: float, open: bool) -> Effects:
        """The leg says whether a REFER may go out now."""
        self._gate = open
        return self._send_refer(now)

    def _send_refer(self, now: float) -> Effects:
        """Send what waits to be sent, if it may go now."""
        usage = self._outcomes.usage
        if usage is None or not self._gate or self._outcomes.over:
            return []
        fresh = usage.state is ReferState.IDLE and usage.stored
        again = usage.state is ReferState.BACKOFF and now >= usage.retry_at
        if not fresh and not again:
            return []
        usage.become(ReferState.SENT)
        usage.unanswered = True
        owner = usage.riders[0]
        headers = [("Refer-To", usage.refer_to)]
        if not any(name.lower() in {"referred-by", "b"} for name, _ in owner.order.headers):
            headers.append(("Referred-By", self._referred_by))
        headers += owner.order.headers
        return [SendRefer(owner.transfer_id, tuple(headers))]

    def refer_sent(self, now: float, transfer_id: str, cseq: int) -> Effects:
        """A REFER went out, for the first time or again."""
        usage = self._outcomes.find(transfer_id)
        if usage is None:
            return []
        usage.attempts.append(str(cseq))
        usage.last_cseq = cseq
        return self._outcomes.advance(now, usage, "sent")

    def wants_refer(self, transfer_id: str) -> bool:
        """Is a challenged REFER to be sent again? Not when nobody waits, or the call is over."""
        usage = self._outcomes.find(transfer_id)
        return usage is not None and usage is self._outcomes.usage and not self._outcomes.over

    def refer_challenged(self, now: float, transfer_id: str, status: int) -> Effects:
        """401 or 407; the leg sends it again with credentials."""
        usage = self._outcomes.find(transfer_id)
        if usage is None:
            return []
        transfer = self._outcomes.rider(usage)
        if transfer is not None:
            transfer.saw(status, "")
        return self._outcomes.advance(now, usage, "challenged")

    def refer_answered(
        self, now: float, transfer_id: str, response: Response, explain: str = ""
    ) -> Effects:
        """An answer to REFER that the leg cannot deal with itself."""
        usage = self._outcomes.find(transfer_id)
        if usage is None or not usage.unanswered:
            return []
        status, reason = response.status, response.reason
        if status < 200:
            usage.provisional += 1
            return []
        usage.unanswered = False
        if status < 300:
            return self._accepted(now, usage, response)
        transfer = self._outcomes.rider(usage)
        if transfer is None:
            return self._refused_late(usage, status, reason)
        transfer.saw(status, reason)
        if status == 491 and not self._outcomes.over and not usage.accepted:
            usage.become(ReferState.BACKOFF)
            usage.retry_at = now + self._retry_interval()
            return self._outcomes.advance(now, usage, "waiting")
        if status == 481 or (self._outcomes.over and status in _AGAIN):
            usage.hopeless = True
            effects = self._outcomes.changed(transfer)
            if not self._outcomes.over:
                effects += self._outcomes.hang_up(now, "REFER answered 481", transfer=False)
            return effects
        usage.refused = True
        if explain:
            transfer.note(explain)
        text = answers.refused_text(status, reason, explain)
        effects = self._outcomes.decide(now, "refused", text)
        if status == 408 and not self._outcomes.over:
            effects += self._liveness.start(now)
        return effects

    def _accepted(self, now: float, usage: ReferUsage, response: Response) -> Effects:
        """A 2xx: acceptance, and never success unless the peer says that nothing will follow."""
        transfer = self._outcomes.rider(usage)
        if transfer is not None and not usage.accepted:  # else a NOTIFY overtook it
            transfer.saw(response.status, response.reason)
        effects = self._outcomes.accept(now, usage)
        unreported = (response.header("Refer-Sub") or "").partition(";")[0].strip().lower()
        if unreported == "false" and usage.final is None:
            usage.unreported = True
            usage.final = response.status
            effects += self._outcomes.settle(now, usage, response.status, response.reason)
            usage.become(ReferState.CLOSED)
        return effects

    def _refused_late(self, usage: ReferUsage, status: int, reason: str) -> Effects:
        """An error answer after every verdict changes none of them."""
        if not usage.accepted:
            usage.refused = True
            usage.become(ReferState.CLOSED)
        rider = usage.riders[-1]
        rider.note(f"late failure: REFER answered {status} {reason}".rstrip())
        return self._outcomes.changed(rider)

    def _retry_interval(self) -> float:
        """RFC 3261 §14.1, in units of 10 ms."""
        share = self._ids.random.random()
        if self._owns_call_id:
            return (210 + int(share * 191)) / 100
        return int(share * 201) / 100

    def refer_failed(self, now: float, transfer_id: str, reason: FailureReason) -> Effects:
        """No answer to REFER. Where a NOTIFY came, it was accepted all the same."""
        usage = self._outcomes.find(transfer_id)
        if usage is None or not usage.unanswered:
            return []
        usage.unanswered = False
        usage.undelivered = reason != "timeout"
        if self._outcomes.rider(usage) is None or usage.accepted or self._outcomes.over:
            return []
        text = answers.unanswered_text(usage.provisional)
        if reason == "transport":
            text = answers.NOT_CONNECTED
        elif reason == "unresolved":
            text = answers.NOT_FOUND
        return self._outcomes.decide(now, "unreachable", text) + self._liveness.start(now)

    # --- is the call alive? -----------------------------------------------------------------

    def probe_answered(self, now: float, status: int | None) -> Effects:
        """The final answer to our OPTIONS."""
        self._liveness.probe_answered(status)
        return self._hang_up_if_dead(now)

    def _hang_up_if_dead(self, now: float) -> Effects:
        if not self._liveness.dead or self._outcomes.over:
            return []
        return self._outcomes.hang_up(now, "peer does not answer", transfer=False)

    # --- NOTIFY -----------------------------------------------------------------------------

    def notify_received(self, now: float, request: Request) -> tuple[int, Effects]:
        """Any NOTIFY in the dialog: the status to answer it with at once, and what follows."""
        return self._notifies.notify_received(now, request)

    def subscribe_answered(self, now: float, transfer_id: str, status: int | None) -> Effects:
        """The final answer to our SUBSCRIBE."""
        usage = self._outcomes.find(transfer_id)
        return [] if usage is None else self._notifies.subscribe_answered(now, usage, status)

    # --- the end of the call, and time --------------------------------------------------------

    def call_ended(
        self, now: float, by: Side, *, status: int | None = None, cseq: int | None = None
    ) -> Effects:
        """The INVITE usage is over. `status`: a request of ours was answered so (481, 408), no
        BYE came. `cseq`: of the peer's BYE."""
        self._liveness.stop()
        return self._outcomes.end_call(now, None if status is not None else by, cseq)

    def next_deadline(self) -> float | None:
        """When `handle_deadline` is to be called; None: nothing is under way."""
        outcomes = self._outcomes
        times = [usage.watch_end() for usage in outcomes.usages]
        times = [time for time in times if time > -inf]
        single = (outcomes.grace_until, outcomes.bye_at, self._liveness.deadline)
        times += [time for time in single if time is not None]
        transfer, usage = outcomes.current, outcomes.usage
        if transfer is not None and usage is not None:
            times.append(transfer.next_deadline())
            times.append(self._notifies.deadline(usage))
            if usage.state is ReferState.BACKOFF and self._gate:
                times.append(usage.retry_at)
        first = min(times, default=inf)
        return None if first == inf else first

    def handle_deadline(self, now: float) -> Effects:
        """Do everything that is due."""
        outcomes = self._outcomes
        effects: Effects = []
        if outcomes.current is not None:
            effects += self._pending_deadlines(now)
        if outcomes.bye_at is not None and now >= outcomes.bye_at:
            effects += outcomes.hang_up(now, "transferred", transfer=True)
        self._liveness.handle_deadline(now)
        effects += self._hang_up_if_dead(now)
        for usage in outcomes.usages:
            if usage.watch_end() <= now:
                usage.overtaken_until = -inf
                usage.become(ReferState.CLOSED)
        return effects

    def _pending_deadlines(self, now: float) -> Effects:
        outcomes = self._outcomes
        transfer, usage = outcomes.current, outcomes.usage
        assert transfer is not None
        assert usage is not None
        if lost := self._notifies.handle_deadline(now, usage):
            return lost
        if outcomes.grace_until is not None and now >= outcomes.grace_until:
            return outcomes.lose_call(now)
        if now >= transfer.deadline:
            return self._timed_out(now, transfer, usage)
        effects: Effects = [
            TransferAnswered(ticket, transfer.record(), answers.wait_over(transfer.transfer_id))
            for ticket in transfer.give_up(now)
        ]
        return effects + self._send_refer(now)

    def _timed_out(self, now: float, transfer: Transfer, usage: ReferUsage) -> Effects:
        if usage.state is ReferState.BACKOFF:
            text = answers.refused_text(491, transfer.sip_reason)
            return self._outcomes.decide(now, "refused", text)
        if usage.unanswered and not usage.accepted:
            transfer.note(UNANSWERED)
        self._remark_unsent(transfer)
        return self._outcomes.decide(now, "timed out", answers.TIMED_OUT)

    def _remark_unsent(self, transfer: Transfer) -> None:
        usage = self._outcomes.usage
        if usage is not None and not usage.attempts:
            transfer.note(NOT_SENT)
