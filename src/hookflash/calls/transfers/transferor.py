"""All transfers of one leg: the heart of the product (transfer.md; a row of it, a test).

`Transferor` takes what happens and hands it to whom it concerns. The inputs, and who performs which
effect, are described in `transferor_effects`.

Where the rules are:
    other target, joiners, repeated requests    `Transferor.request`
    REFER waits, goes out, is answered          `refer_usage.ReferUsage`
    NOTIFY before 202, out of order             `refer_usage.ReferUsage.notified`
    which REFER a NOTIFY belongs to             `refer_usage.select`
    what an outcome means, early and late       `outcomes.TransferOutcomes`
    the end of the call and its second of grace `outcomes.TransferOutcomes.end_call`
    what follows when an attempt has ended      `policy.FOLLOWS`
    what every kind of attempt looks like       `attempt.Attempt`
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import inf

from ...base.ids import Ids
from ...sip.effects import FailureReason
from ...sip.message import Request, Response
from ...sip.subscription import read_notify
from ...sip.timers import Timers
from ..effects import TransferAnswered
from ..records import Mode, Side
from . import answers
from .attempt import Attempt, Effects
from .liveness import LivenessCheck
from .notify_reader import NotifyReader
from .outcomes import NOT_SENT, TransferOutcomes
from .refer_usage import ReferUsage
from .request import TransferRequest
from .transfer import Transfer
from .transferor_effects import ReferSender

KEEP_REQUEST_IDS = 86400.0


class _Refers:
    """The REFERs of one leg. Nothing that it hands out refers to it, nor to the transferor: all of
    a leg goes with the last reference to it, and not when the garbage collector comes by."""

    __slots__ = ("_referred_by", "_retry_interval", "_sender", "_timers", "made")

    def __init__(
        self,
        sender: ReferSender,
        timers: Timers,
        local_uri: str,
        retry_interval: Callable[[], float],
    ) -> None:
        self._sender = sender
        self._timers = timers
        self._referred_by = f"<{local_uri}>"
        self._retry_interval = retry_interval
        self.made: list[ReferUsage] = []
        """Oldest first."""

    def attempt(self, transfer: Transfer, mode: Mode) -> Attempt:
        """Make an attempt: here each mode gets its machine."""
        if mode != "refer":
            raise AssertionError(f"no attempt of mode {mode}")
        send = self._sender.send_refer
        usage = ReferUsage(
            transfer.transfer_id,
            transfer.target,
            self._timers,
            partial(send, transfer.transfer_id, self._headers(transfer)),
            self._retry_interval,
        )
        self.made.append(usage)
        return usage

    def _headers(self, transfer: Transfer) -> tuple[tuple[str, str], ...]:
        headers = [("Refer-To", transfer.target.refer_to)]
        given = transfer.request.headers
        if not any(name.lower() in {"referred-by", "b"} for name, _ in given):
            headers.append(("Referred-By", self._referred_by))
        return (*headers, *given)

    def keep(self, attempts: Sequence[Attempt]) -> None:
        """Forget those that are no more among the leg's attempts."""
        if len(self.made) > len(attempts):
            self.made = [usage for usage in self.made if usage in attempts]

    def find(self, transfer_id: str) -> ReferUsage | None:
        """The last one that this transfer sent; None where it rides on another's."""
        for usage in reversed(self.made):
            if usage.transfer_id == transfer_id:
                return usage
        return None


def _retry_interval(ids: Ids, owns_call_id: bool) -> float:
    """RFC 3261 §14.1, in units of 10 ms."""
    share = ids.random.random()
    if owns_call_id:
        return (210 + int(share * 191)) / 100
    return int(share * 201) / 100


class Transferor:
    """See the module. Every input returns what is to be done, in order."""

    __slots__ = ("_gate", "_liveness", "_notifies", "_outcomes", "_refers", "_requests")

    def __init__(
        self,
        call_id: str,
        ids: Ids,
        timers: Timers,
        local_uri: str,
        last_packet_at: Callable[[], float | None],
        sender: ReferSender,
        *,
        owns_call_id: bool = False,
    ) -> None:
        """`local_uri`: our URI in the dialog, bare, for Referred-By. `last_packet_at`: when RTP
        came last, None for never. `owns_call_id`: we made the Call-ID (an outbound leg), which
        gives us the longer wait after 491."""
        interval = partial(_retry_interval, ids, owns_call_id)
        self._refers = _Refers(sender, timers, local_uri, interval)
        self._gate = False
        self._liveness = LivenessCheck(last_packet_at)
        self._outcomes = TransferOutcomes(call_id, self._liveness, self._refers.attempt)
        self._notifies = NotifyReader()
        self._requests: dict[tuple[str, str], Transfer] = {}
        """Transfers by API key and request id."""

    @property
    def pending(self) -> bool:
        """A transfer without a verdict: media timeout and max_call_duration are suspended."""
        return self._outcomes.current is not None

    @property
    def refer_open(self) -> bool:
        """A REFER is unanswered: the leg starts no INVITE and no UPDATE."""
        return any(usage.transaction_open for usage in self._refers.made)

    @property
    def watching(self) -> bool:
        """A report may still bring news: the leg stays alive."""
        return any(attempt.watch_end() > -inf for attempt in self._outcomes.attempts)

    @property
    def concluded(self) -> bool:
        """Whatever may still be reported means nothing: it is answered, and no more."""
        attempts = self._outcomes.attempts
        return bool(attempts) and all(attempt.concluded for attempt in attempts)

    @property
    def leaving(self) -> bool:
        """The caller has left the room, and the BYE is the peer's to send (10 s)."""
        return self._outcomes.bye_at is not None

    # --- requests of the API ----------------------------------------------------------------

    def request(self, now: float, ticket: int, request: TransferRequest) -> Effects:
        """An API request; answered at once by `TransferAnswered` where it cannot wait."""
        outcomes = self._outcomes
        key = (request.api_key, request.request_id)
        if request.request_id:
            earlier = self._requests.get(key)
            if earlier is not None and now - earlier.created_at <= KEEP_REQUEST_IDS:
                if earlier.target != request.target:
                    return [TransferAnswered(ticket, None, answers.other_target())]
                return self._join(now, ticket, request, earlier)
        if outcomes.over or outcomes.bye_at is not None:
            return [TransferAnswered(ticket, None, answers.hung_up())]
        transfer = outcomes.current
        if transfer is not None and transfer.target != request.target:
            return [TransferAnswered(ticket, None, answers.elsewhere())]
        effects: Effects = []
        if transfer is None:
            transfer, effects = outcomes.open(now, request)
            self._refers.keep(outcomes.attempts)
            transfer.wait(now, ticket, request.wait)
        else:
            effects = self._join(now, ticket, request, transfer)
        if request.request_id:
            self._requests[key] = transfer
        return effects

    @staticmethod
    def _join(now: float, ticket: int, request: TransferRequest, transfer: Transfer) -> Effects:
        """Wait for a verdict that another request asked for, or take it if it is there."""
        if transfer.verdict is None:
            wait = request.ringing_timeout if request.wait is None else request.wait
            transfer.wait(now, ticket, min(wait, request.ringing_timeout))
            return []
        record = transfer.record()
        return [TransferAnswered(ticket, record, answers.failure(record))]

    def cancel(self, now: float, transfer_id: str) -> Effects:
        """Cancelled inside the server. A REFER that is out cannot be taken back: it is watched."""
        transfer = self._outcomes.current
        if transfer is None or transfer.transfer_id != transfer_id:
            return []
        if transfer.attempt.standing == "unsent":
            transfer.note(NOT_SENT)
        return self._outcomes.ended(now, "canceled", answers.CANCELED)

    def not_stored(self, now: float, transfer_id: str) -> Effects:
        """The record of a new transfer could not be made safe: no REFER goes out."""
        transfer = self._outcomes.current
        if transfer is None or transfer.transfer_id != transfer_id:
            return []
        transfer.note(NOT_SENT)
        return self._outcomes.ended(now, "interrupted", answers.NOT_STORED)

    def shutdown(self, now: float) -> Effects:
        """The process stops: a pending transfer is interrupted."""
        if self._outcomes.current is None:
            return []
        return self._outcomes.ended(now, "interrupted", answers.INTERRUPTED)

    # --- attempts ---------------------------------------------------------------------------

    def stored(self, now: float, transfer_id: str) -> Effects:
        """The record of a new transfer is safe: its REFER may go out."""
        usage = self._refers.find(transfer_id)
        if usage is not None:
            usage.stored()
        return self._start(now)

    def gate(self, now: float, open: bool) -> Effects:
        """The leg says whether a REFER may go out now."""
        self._gate = open
        return self._start(now)

    def _start(self, now: float) -> Effects:
        """Send what waits to be sent, if it may go now."""
        transfer = self._outcomes.current
        if transfer is None or not self._gate or self._outcomes.over:
            return []
        attempt = transfer.attempt
        return self._outcomes.hear(now, attempt, attempt.start(now))

    # --- the REFER --------------------------------------------------------------------------

    def wants_refer(self, transfer_id: str) -> bool:
        """Is a challenged REFER to be sent again? Not when nobody waits, or the call is over."""
        usage = self._refers.find(transfer_id)
        if usage is None or self._outcomes.over:
            return False
        return self._outcomes.rider(usage) is not None

    def refer_challenged(self, now: float, transfer_id: str, status: int) -> Effects:
        """401 or 407; the leg sends it again with credentials."""
        usage = self._refers.find(transfer_id)
        transfer = self._outcomes.rider(usage) if usage is not None else None
        if transfer is not None:
            transfer.saw(status, "")
        return self._outcomes.advance(now, transfer, "challenged")

    def refer_sent(self, now: float, transfer_id: str, cseq: int) -> Effects:
        """A challenged REFER went out again."""
        usage = self._refers.find(transfer_id)
        if usage is None:
            return []
        return self._outcomes.hear(now, usage, usage.sent_again(cseq))

    def refer_answered(
        self, now: float, transfer_id: str, response: Response, explain: str = ""
    ) -> Effects:
        """An answer to REFER that the leg cannot deal with itself."""
        usage = self._refers.find(transfer_id)
        if usage is None:
            return []
        return self._outcomes.hear(now, usage, usage.answered(now, response, explain))

    def refer_failed(self, now: float, transfer_id: str, reason: FailureReason) -> Effects:
        """No answer to REFER."""
        usage = self._refers.find(transfer_id)
        if usage is None:
            return []
        return self._outcomes.hear(now, usage, usage.unanswered(reason))

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
        outcomes = self._outcomes
        notify = read_notify(request)
        status, usage, effects = self._notifies.read(
            self._refers.made, notify, request.top_via.branch
        )
        if usage is None:
            return status, effects
        overtaken = outcomes.bye_cseq is not None and notify.cseq < outcomes.bye_cseq
        effects = outcomes.hear(now, usage, usage.notified(now, notify, overtaken=overtaken))
        if outcomes.over:
            effects += outcomes.infer(now)
        return status, effects

    def subscribe_answered(self, now: float, transfer_id: str, status: int | None) -> Effects:
        """The final answer to our SUBSCRIBE."""
        usage = self._refers.find(transfer_id)
        if usage is None:
            return []
        return self._outcomes.hear(now, usage, usage.subscribed(now, status))

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
        first = self._outcomes.next_deadline()
        if self._liveness.deadline is not None:
            first = min(first, self._liveness.deadline)
        if self._gate:
            first = min([first, *[usage.start_at() for usage in self._refers.made]])
        return None if first == inf else first

    def handle_deadline(self, now: float) -> Effects:
        """Do everything that is due."""
        effects = self._outcomes.handle_deadline(now)
        effects += self._start(now)
        self._liveness.handle_deadline(now)
        effects += self._hang_up_if_dead(now)
        return effects + self._outcomes.close_watches(now)
