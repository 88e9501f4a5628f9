"""All transfers of one leg: the heart of the product (transfer.md; a row of it, a test).

`TransferDesk` takes what happens and says what it means; `book` holds what follows from
a verdict, `referral` one REFER with its subscription, `transfer` one request with its verdict.
The inputs and who performs which effect are described in `desk_effects`.

Where the rules are:
    other target, joiners, repeated requests    `request`
    REFER waits, goes out, is answered          `_send_refer`, `refer_*`
    NOTIFY before 202, after BYE, out of order  `notify_reader.NotifyReader`
    the end of the call and its second of grace `call_ended`, `TransferBook.end_call`
    late outcomes                               `TransferBook.settle`
"""

from __future__ import annotations

from math import inf

from ...base.errors import ApiError
from ...base.ids import Ids
from ...sip.effects import FailureReason
from ...sip.message import Request, Response
from ...sip.refer import parse_target
from ...sip.timers import Timers
from ..effects import TransferAnswered
from ..records import Side
from . import answers
from .book import (
    KEEP_REQUEST_IDS,
    NOT_SENT,
    UNANSWERED,
    Effects,
    TransferBook,
)
from .desk_effects import SendRefer, TransferOrder
from .liveness import LivenessCheck
from .notify_reader import NotifyReader
from .referral import Referral, ReferralState
from .transfer import Transfer

_AGAIN = frozenset({401, 407, 491})
"""Answers after which the REFER would have gone out again, had the call not ended."""

__all__ = ["TransferDesk", "TransferOrder"]


class TransferDesk:
    """See the module. Every input returns what is to be done, in order."""

    __slots__ = (
        "_book",
        "_gate",
        "_ids",
        "_liveness",
        "_notifies",
        "_owns_call_id",
        "_referred_by",
    )

    def __init__(
        self, call_id: str, ids: Ids, timers: Timers, local_uri: str, *, owns_call_id: bool = False
    ) -> None:
        """`local_uri`: our URI in the dialog, bare, for Referred-By. `owns_call_id`: we made the
        Call-ID (an outbound leg), which gives us the longer wait after 491."""
        self._book = TransferBook(call_id)
        self._ids = ids
        self._referred_by = f"<{local_uri}>"
        self._owns_call_id = owns_call_id
        self._gate = False
        self._liveness = LivenessCheck()
        self._notifies = NotifyReader(self._book, timers)

    @property
    def pending(self) -> bool:
        """A transfer without a verdict: media timeout and max_call_duration are suspended."""
        return self._book.current is not None

    @property
    def refer_open(self) -> bool:
        """A REFER is unanswered: the leg starts no INVITE and no UPDATE."""
        return any(referral.unanswered for referral in self._book.referrals)

    @property
    def watching(self) -> bool:
        """A NOTIFY may still bring news: the leg stays alive."""
        return any(referral.watch_end() > -inf for referral in self._book.referrals)

    @property
    def leaving(self) -> bool:
        """The caller has left the room, and the BYE is the peer's to send (10 s)."""
        return self._book.bye_at is not None

    # --- requests of the API ----------------------------------------------------------------

    def request(self, now: float, ticket: int, order: TransferOrder) -> Effects:
        """An API request; answered at once by `TransferAnswered` where it cannot wait."""
        try:
            refer_to = parse_target(order.target).refer_to
        except ApiError as error:
            return [TransferAnswered(ticket, None, error)]
        book = self._book
        if order.request_id:
            key = (order.api_key, order.request_id)
            earlier = book.requests.get(key)
            if earlier is not None and now - earlier.created_at <= KEEP_REQUEST_IDS:
                if earlier.refer_to != refer_to:
                    return [TransferAnswered(ticket, None, answers.other_target())]
                return self._join(now, ticket, order, earlier)
        if book.over or book.bye_at is not None:
            return [TransferAnswered(ticket, None, answers.hung_up())]
        transfer = book.current
        if transfer is not None and transfer.refer_to != refer_to:
            return [TransferAnswered(ticket, None, answers.elsewhere())]
        effects: Effects = []
        if transfer is None:
            transfer, effects = book.open(now, order, refer_to)
            transfer.wait(now, ticket, order.wait)
        else:
            effects = self._join(now, ticket, order, transfer)
        if order.request_id:
            book.requests[order.api_key, order.request_id] = transfer
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
        transfer = self._book.current
        if transfer is None or transfer.transfer_id != transfer_id:
            return []
        self._remark_unsent(transfer)
        return self._book.decide(now, "canceled", answers.CANCELED)

    def shutdown(self, now: float) -> Effects:
        """The process stops: a pending transfer is interrupted."""
        if self._book.current is None:
            return []
        return self._book.decide(now, "interrupted", answers.INTERRUPTED)

    # --- the REFER --------------------------------------------------------------------------

    def stored(self, now: float, transfer_id: str) -> Effects:
        """The record of a new transfer is safe: its REFER may go out."""
        referral = self._book.find(transfer_id)
        if referral is not None:
            referral.stored = True
        return self._send_refer(now)

    def gate(self, now: float, open: bool) -> Effects:
        """The leg says whether a REFER may go out now."""
        self._gate = open
        return self._send_refer(now)

    def _send_refer(self, now: float) -> Effects:
        """Send what waits to be sent, if it may go now."""
        referral = self._book.referral
        if referral is None or not self._gate or self._book.over:
            return []
        fresh = referral.state is ReferralState.IDLE and referral.stored
        again = referral.state is ReferralState.BACKOFF and now >= referral.retry_at
        if not fresh and not again:
            return []
        referral.become(ReferralState.SENT)
        referral.unanswered = True
        owner = referral.riders[0]
        headers = [("Refer-To", referral.refer_to)]
        if not any(name.lower() in {"referred-by", "b"} for name, _ in owner.order.headers):
            headers.append(("Referred-By", self._referred_by))
        headers += owner.order.headers
        return [SendRefer(owner.transfer_id, tuple(headers))]

    def refer_sent(self, now: float, transfer_id: str, cseq: int) -> Effects:
        """A REFER went out, for the first time or again."""
        referral = self._book.find(transfer_id)
        if referral is None:
            return []
        referral.attempts.append(str(cseq))
        referral.last_cseq = cseq
        return self._book.advance(now, referral, "sent")

    def wants_refer(self, transfer_id: str) -> bool:
        """Is a challenged REFER to be sent again? Not when nobody waits, or the call is over."""
        referral = self._book.find(transfer_id)
        return referral is not None and referral is self._book.referral and not self._book.over

    def refer_challenged(self, now: float, transfer_id: str, status: int) -> Effects:
        """401 or 407; the leg sends it again with credentials."""
        referral = self._book.find(transfer_id)
        if referral is None:
            return []
        transfer = self._book.rider(referral)
        if transfer is not None:
            transfer.saw(status, "")
        return self._book.advance(now, referral, "challenged")

    def refer_answered(
        self, now: float, transfer_id: str, response: Response, explain: str = ""
    ) -> Effects:
        """An answer to REFER that the leg cannot deal with itself."""
        referral = self._book.find(transfer_id)
        if referral is None or not referral.unanswered:
            return []
        status, reason = response.status, response.reason
        if status < 200:
            referral.provisional += 1
            return []
        referral.unanswered = False
        if status < 300:
            return self._accepted(now, referral, response)
        transfer = self._book.rider(referral)
        if transfer is None:
            return self._refused_late(referral, status, reason)
        transfer.saw(status, reason)
        if status == 491 and not self._book.over and not referral.accepted:
            referral.become(ReferralState.BACKOFF)
            referral.retry_at = now + self._retry_interval()
            return self._book.advance(now, referral, "waiting")
        if status == 481 or (self._book.over and status in _AGAIN):
            referral.hopeless = True
            effects = self._book.changed(transfer)
            if not self._book.over:
                effects += self._book.hang_up(now, "REFER answered 481", transfer=False)
            return effects
        referral.refused = True
        if explain:
            transfer.note(explain)
        text = answers.refused_text(status, reason, explain)
        effects = self._book.decide(now, "refused", text)
        if status == 408 and not self._book.over:
            effects += self._liveness.start(now)
        return effects

    def _accepted(self, now: float, referral: Referral, response: Response) -> Effects:
        """A 2xx: acceptance, and never success unless the peer says that nothing will follow."""
        transfer = self._book.rider(referral)
        if transfer is not None and not referral.accepted:  # else a NOTIFY overtook it
            transfer.saw(response.status, response.reason)
        effects = self._book.accept(now, referral)
        unreported = (response.header("Refer-Sub") or "").partition(";")[0].strip().lower()
        if unreported == "false" and referral.final is None:
            referral.unreported = True
            referral.final = response.status
            effects += self._book.settle(now, referral, response.status, response.reason)
            referral.become(ReferralState.CLOSED)
        return effects

    def _refused_late(self, referral: Referral, status: int, reason: str) -> Effects:
        """An error answer after every verdict changes none of them."""
        if not referral.accepted:
            referral.refused = True
            referral.become(ReferralState.CLOSED)
        rider = referral.riders[-1]
        rider.note(f"late failure: REFER answered {status} {reason}".rstrip())
        return self._book.changed(rider)

    def _retry_interval(self) -> float:
        """RFC 3261 §14.1, in units of 10 ms."""
        share = self._ids.random.random()
        if self._owns_call_id:
            return (210 + int(share * 191)) / 100
        return int(share * 201) / 100

    def refer_failed(self, now: float, transfer_id: str, reason: FailureReason) -> Effects:
        """No answer to REFER. Where a NOTIFY came, it was accepted all the same."""
        referral = self._book.find(transfer_id)
        if referral is None or not referral.unanswered:
            return []
        referral.unanswered = False
        referral.undelivered = reason != "timeout"
        if self._book.rider(referral) is None or referral.accepted or self._book.over:
            return []
        text = answers.unanswered_text(referral.provisional)
        if reason == "transport":
            text = answers.NOT_CONNECTED
        elif reason == "unresolved":
            text = answers.NOT_FOUND
        return self._book.decide(now, "unreachable", text) + self._liveness.start(now)

    # --- is the call alive? -----------------------------------------------------------------

    def media_checked(self, now: float, last_packet_at: float | None) -> Effects:
        """The answer to `CheckMedia`."""
        if self._book.over:
            self._liveness.stop()
        return self._liveness.media_checked(now, last_packet_at)

    def probe_answered(self, now: float, status: int | None) -> Effects:
        """The final answer to our OPTIONS."""
        self._liveness.probe_answered(status)
        return self._hang_up_if_dead(now)

    def _hang_up_if_dead(self, now: float) -> Effects:
        if not self._liveness.dead or self._book.over:
            return []
        return self._book.hang_up(now, "peer does not answer", transfer=False)

    # --- NOTIFY -----------------------------------------------------------------------------

    def notify_received(self, now: float, request: Request) -> tuple[int, Effects]:
        """Any NOTIFY in the dialog: the status to answer it with at once, and what follows."""
        return self._notifies.notify_received(now, request)

    def subscribe_answered(self, now: float, transfer_id: str, status: int | None) -> Effects:
        """The final answer to our SUBSCRIBE."""
        referral = self._book.find(transfer_id)
        return [] if referral is None else self._notifies.subscribe_answered(now, referral, status)

    # --- the end of the call, and time --------------------------------------------------------

    def call_ended(
        self, now: float, by: Side, *, status: int | None = None, cseq: int | None = None
    ) -> Effects:
        """The INVITE usage is over. `status`: a request of ours was answered so (481, 408), no
        BYE came. `cseq`: of the peer's BYE."""
        self._liveness.stop()
        return self._book.end_call(now, None if status is not None else by, cseq)

    def next_deadline(self) -> float | None:
        """When `handle_deadline` is to be called; None: nothing is under way."""
        book = self._book
        times = [referral.watch_end() for referral in book.referrals]
        times = [time for time in times if time > -inf]
        single = (book.grace_until, book.bye_at, self._liveness.deadline)
        times += [time for time in single if time is not None]
        transfer, referral = book.current, book.referral
        if transfer is not None and referral is not None:
            times.append(transfer.next_deadline())
            times.append(self._notifies.deadline(referral))
            if referral.state is ReferralState.BACKOFF and self._gate:
                times.append(referral.retry_at)
        first = min(times, default=inf)
        return None if first == inf else first

    def handle_deadline(self, now: float) -> Effects:
        """Do everything that is due."""
        book = self._book
        effects: Effects = []
        if book.current is not None:
            effects += self._pending_deadlines(now)
        if book.bye_at is not None and now >= book.bye_at:
            effects += book.hang_up(now, "transferred", transfer=True)
        self._liveness.handle_deadline(now)
        effects += self._hang_up_if_dead(now)
        for referral in book.referrals:
            if referral.watch_end() <= now:
                referral.overtaken_until = -inf
                referral.become(ReferralState.CLOSED)
        return effects

    def _pending_deadlines(self, now: float) -> Effects:
        book = self._book
        transfer, referral = book.current, book.referral
        assert transfer is not None
        assert referral is not None
        if lost := self._notifies.handle_deadline(now, referral):
            return lost
        if book.grace_until is not None and now >= book.grace_until:
            return book.lose_call(now)
        if now >= transfer.deadline:
            return self._timed_out(now, transfer, referral)
        effects: Effects = [
            TransferAnswered(ticket, transfer.record(), answers.wait_over(transfer.transfer_id))
            for ticket in transfer.give_up(now)
        ]
        return effects + self._send_refer(now)

    def _timed_out(self, now: float, transfer: Transfer, referral: Referral) -> Effects:
        if referral.state is ReferralState.BACKOFF:
            text = answers.refused_text(491, transfer.sip_reason)
            return self._book.decide(now, "refused", text)
        if referral.unanswered and not referral.accepted:
            transfer.note(UNANSWERED)
        self._remark_unsent(transfer)
        return self._book.decide(now, "timed out", answers.TIMED_OUT)

    def _remark_unsent(self, transfer: Transfer) -> None:
        referral = self._book.referral
        if referral is not None and not referral.attempts:
            transfer.note(NOT_SENT)
