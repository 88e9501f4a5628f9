"""What the reports of attempts mean, and everything that follows from a verdict (transfer.md §1,
§5).

At most one transfer is pending (`current`); earlier ones stay for late outcomes and for repeated
requests. Transfers *ride* on an attempt: the one that it was made for, and later ones to the same
target that take their verdict from it. An attempt reports (`hear`); when it has ended, `policy`
says whether another one follows, and the verdict falls when none does.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Literal, assert_never

from ..effects import PlayTone, StopTone, TransferAnswered, TransferChanged
from ..records import Mode, Side, Stage, Verdict
from . import answers
from .attempt import (
    Attempt,
    AttemptAccepted,
    AttemptDeferred,
    AttemptFinal,
    AttemptLost,
    AttemptProgress,
    AttemptRefused,
    AttemptRemark,
    AttemptSent,
    AttemptUnanswered,
    Effects,
    Report,
    Said,
)
from .liveness import LivenessCheck
from .policy import FOLLOWS
from .request import TransferRequest
from .transfer import WATCHED, Transfer
from .transferor_effects import HangUp, LeaveRoom

KEPT = 32
"""Attempts of a leg that are kept once they are over: a NOTIFY may still name one."""
GRACE = 1.0
"""Seconds after the end of the call in which a NOTIFY still decides."""
PEER_BYE_WAIT = 10.0
"""Seconds for the peer's BYE after a success that nobody reports (`Refer-Sub: false`)."""

NOT_SENT = "REFER not sent"
UNANSWERED = "REFER unanswered"
UNREPORTED = "outcome not reported"
ACCEPTED_UNREPORTED = "accepted, outcome not reported"
INFERRED = "outcome inferred from BYE"
OVERTAKEN = "an earlier transfer of this call succeeded late"
LATE_SUCCESS = "late success"

_AGAIN = frozenset({401, 407, 491})
"""Answers after which the REFER would have gone out again, had the call not ended."""
_ANY_CSEQ = 1 << 62
_RECORDED_LATE: frozenset[Verdict] = frozenset({"interrupted", "subscription ended"})
"""Verdicts after which a first final status is worth a remark, and no more."""


class TransferOutcomes:
    """The transfers of one leg."""

    __slots__ = (
        "_grace_until",
        "_liveness",
        "_make",
        "_tone",
        "_transfers",
        "attempts",
        "bye_at",
        "bye_cseq",
        "call_id",
        "current",
        "ended_by",
        "over",
    )

    def __init__(
        self,
        call_id: str,
        liveness: LivenessCheck,
        make: Callable[[Transfer, Mode], Attempt],
    ) -> None:
        """`make`: a new attempt of this mode for a transfer."""
        self.call_id = call_id
        self._liveness = liveness
        self._make = make
        self.current: Transfer | None = None
        """The pending transfer."""
        self._transfers: list[Transfer] = []
        self.attempts: list[Attempt] = []
        """All of all transfers, oldest first."""
        self.over = False
        """The INVITE usage has ended."""
        self.ended_by: Side | None = None
        """Who sent the BYE; None where the call died without one."""
        self.bye_cseq: int | None = None
        """CSeq of the peer's BYE."""
        self._grace_until = inf
        self.bye_at: float | None = None
        """The caller has left the room, the BYE is still the peer's to send."""
        self._tone = False

    # --- a transfer begins ------------------------------------------------------------------

    def open(self, now: float, request: TransferRequest) -> tuple[Transfer, Effects]:
        """Start a transfer: by an attempt of its own, or on that of an earlier one that is watched
        and goes to the same target."""
        transfer = Transfer(now, self.call_id, request)
        self._forget()
        earlier = self._watched(now, transfer)
        self._transfers.append(transfer)
        self.current = transfer
        if earlier is None:
            self._attempt(transfer, transfer.mode)
        else:
            transfer.note(f"takes its outcome from {earlier.transfer_id}")
            transfer.begin(earlier)
            if earlier.join():
                transfer.enter(now, "accepted")
        effects = self.changed(transfer, "started", then_send=earlier is None)
        if request.play_dialtone:
            self._tone = True
            effects.append(PlayTone("ringing", request.dialtone_country))
        return transfer, effects

    def _forget(self) -> None:
        """Of a call that is transferred again and again: what is over, but for the last `KEPT`."""
        older = len(self.attempts) - KEPT
        if older <= 0:
            return
        kept = enumerate(self.attempts)
        self.attempts = [each for n, each in kept if n >= older or each.watch_end() > -inf]
        self._transfers = [
            transfer
            for transfer in self._transfers
            if any(transfer.rides_on(attempt) for attempt in self.attempts)
        ]

    def _attempt(self, transfer: Transfer, mode: Mode) -> None:
        attempt = self._make(transfer, mode)
        self.attempts.append(attempt)
        transfer.begin(attempt)

    def _watched(self, now: float, transfer: Transfer) -> Attempt | None:
        for attempt in reversed(self.attempts):
            if (
                attempt.target == transfer.target
                and attempt.mode == transfer.mode
                and attempt.may_still_report
                and self._late_success_counts(now, attempt)
            ):
                return attempt
        return None

    def _late_success_counts(self, now: float, attempt: Attempt) -> bool:
        return any(
            rider.verdict in WATCHED and now < rider.watch_end() for rider in self._riders(attempt)
        )

    def _riders(self, attempt: Attempt) -> list[Transfer]:
        return [transfer for transfer in self._transfers if transfer.rides_on(attempt)]

    def rider(self, attempt: Attempt) -> Transfer | None:
        """The pending transfer, if it rides on this attempt."""
        current = self.current
        return current if current is not None and current.attempt is attempt else None

    def changed(
        self,
        transfer: Transfer,
        kind: Literal["started", "updated", "ended"] | None = None,
        *,
        then_send: bool = False,
    ) -> Effects:
        """Store it; with `kind`, tell everybody."""
        return [TransferChanged(transfer.record(), kind, then_send)]

    # --- what an attempt says ---------------------------------------------------------------

    def hear(self, now: float, attempt: Attempt, said: Said) -> Effects:
        """Pass its effects on, and do what its reports mean, in order."""
        effects: Effects = []
        for each in said:
            if isinstance(each, Report):
                effects += self._reported(now, attempt, each)
            else:
                effects.append(each)
        return effects

    def _reported(self, now: float, attempt: Attempt, report: Report) -> Effects:
        transfer = self.rider(attempt)
        match report:
            case AttemptSent():
                return self.advance(now, transfer, "sent")
            case AttemptAccepted(status, reason):
                if transfer is not None and status:
                    transfer.saw(status, reason)
                return self.advance(now, transfer, "accepted")
            case AttemptFinal():
                return self._settle(now, attempt, report)
            case AttemptRemark(status, reason):
                riders = self._riders(attempt)
                return [each for rider in riders for each in self._remark(rider, status, reason)]
            case AttemptRefused(status, reason) if transfer is None:
                rider = self._riders(attempt)[-1]
                rider.note(f"late failure: REFER answered {status} {reason}".rstrip())
                return self.changed(rider)
        if transfer is None:  # the others are about the pending transfer alone
            return []
        match report:
            case AttemptDeferred(status, reason):
                transfer.saw(status, reason)
                return self.advance(now, transfer, "waiting")
            case AttemptProgress():
                return self._progress(now, transfer, report)
            case AttemptRefused():
                return self._refused(now, transfer, report)
            case AttemptUnanswered(why, provisional):
                text = answers.unreachable_text(why, provisional)
                return self.ended(now, "unreachable", text) + self._liveness.start(now)
            case AttemptLost(why, last_status):
                text = answers.subscription_ended_text(why, last_status)
                return self.ended(now, "subscription ended", text)
            case _:
                assert_never(report)

    def advance(self, now: float, transfer: Transfer | None, stage: Stage) -> Effects:
        """The pending transfer reaches a stage, where that is a step."""
        if transfer is None or not transfer.enter(now, stage):
            return []
        return self.changed(transfer, "updated")

    def _progress(self, now: float, transfer: Transfer, report: AttemptProgress) -> Effects:
        """A status that decides nothing: a stage, or at least the last word."""
        status, reason = report.status, report.reason
        news = (transfer.sip_status, transfer.sip_reason) != (status, reason)
        if report.latest:
            transfer.saw(status, reason)
        if status < 200:
            stage = self.advance(now, transfer, "trying" if status == 100 else "ringing")
            if stage:
                return stage
        return self.changed(transfer) if news else []

    def _refused(self, now: float, transfer: Transfer, report: AttemptRefused) -> Effects:
        """An error answer to REFER. With 481 the call is gone, and the verdict falls with it."""
        status, reason, explain = report.status, report.reason, report.explain
        transfer.saw(status, reason)
        if status == 481 or (self.over and status in _AGAIN):
            effects = self.changed(transfer)
            if not self.over:
                effects += self.hang_up(now, "REFER answered 481", transfer=False)
            return effects
        if explain:
            transfer.note(explain)
        text = answers.refused_text(status, reason, explain)
        effects = self.ended(now, "refused", text)
        if status == 408 and not self.over:
            effects += self._liveness.start(now)
        return effects

    def _settle(self, now: float, attempt: Attempt, final: AttemptFinal) -> Effects:
        """A first final status came: the verdict of the pending transfer on this attempt, a late
        outcome for its earlier ones, and on success the end of the call."""
        status, reason = final.status, final.reason
        effects: Effects = []
        transferred = False
        for rider in self._riders(attempt):
            if rider is self.rider(attempt):
                rider.saw(status, reason)
                if status < 300:
                    if not final.reported:
                        rider.note(UNREPORTED)
                    effects += self.ended(now, "succeeded")
                    transferred = True
                else:
                    text = answers.rejected_text(status, reason)
                    effects += self.ended(now, "rejected", text)
            elif rider.verdict in WATCHED and now < rider.watch_end():
                effects += self._late(rider, status, reason)
                transferred = transferred or status < 300
            elif rider.verdict in _RECORDED_LATE:
                effects += self._remark(rider, status, reason)
        if transferred:
            effects += self._transferred(now, bye_at_once=final.reported)
        return effects

    def _remark(self, rider: Transfer, status: int, reason: str) -> Effects:
        """A NOTIFY that changes nothing any more."""
        rider.note(f"NOTIFY after the verdict: {status} {reason}".rstrip())
        return self.changed(rider)

    def _late(self, rider: Transfer, status: int, reason: str) -> Effects:
        if status >= 300:
            rider.note(f"late failure: {status} {reason}".rstrip())
            return self.changed(rider)
        rider.late_success = True
        rider.note(LATE_SUCCESS)
        return self.changed(rider, "updated")

    # --- the end of an attempt, and the verdict ---------------------------------------------

    def ended(self, now: float, how: Verdict, error: str = "") -> Effects:
        """The attempt of the pending transfer has ended so: another one follows, or the verdict."""
        transfer = self.current
        assert transfer is not None
        attempt = transfer.attempt
        transfer.attempt_ended(how)
        counts = how in WATCHED or self._late_success_counts(now, attempt)
        attempt.cancel(now, counts=counts)
        following = FOLLOWS[transfer.mode, how]
        if following is not None:
            self._attempt(transfer, following)
            return self.changed(transfer, "updated", then_send=True)
        if how == "interrupted":
            attempt.close()
        return self._verdict(now, transfer, how, error)

    def _verdict(self, now: float, transfer: Transfer, verdict: Verdict, error: str) -> Effects:
        """Store it, tell everybody, answer all who wait."""
        self.current = None
        self._grace_until = inf
        transfer.decide(now, verdict, error)
        effects = self.changed(transfer, "ended")
        record = transfer.record()
        effects += [
            TransferAnswered(ticket, record, answers.failure(record)) for ticket in transfer.tickets
        ]
        transfer.tickets.clear()
        if self._tone and verdict != "succeeded":
            self._tone = False
            if not self.over:
                effects.append(StopTone())
        return effects

    def _transferred(self, now: float, *, bye_at_once: bool) -> Effects:
        """The caller talks to somebody else: out of the room, and BYE."""
        effects: Effects = []
        if self.current is not None:
            self.current.note(OVERTAKEN)
            effects += self.ended(now, "call ended", answers.CALL_ENDED)
        if self.over:
            return effects
        if bye_at_once:
            return effects + self.hang_up(now, "transferred", transfer=True)
        if self.bye_at is not None:
            return effects
        self.bye_at = now + PEER_BYE_WAIT
        effects.append(LeaveRoom())
        if self._tone:
            self._tone = False
            effects.append(StopTone())
        return effects

    # --- the end of the call ----------------------------------------------------------------

    def hang_up(self, now: float, reason: str, *, transfer: bool) -> Effects:
        """End the call from here; a pending transfer gets its second of grace."""
        return [HangUp(reason, transfer), *self.end_call(now, "local")]

    def end_call(self, now: float, by: Side | None, cseq: int | None = None) -> Effects:
        """The INVITE usage is over: by BYE of that side, or dead (`by` None)."""
        if by == "remote" and self.bye_cseq is None:
            self.bye_cseq = _ANY_CSEQ if cseq is None else cseq
        if self.over:
            if by != "remote":
                return []
            self.ended_by = by  # its BYE was under way, and means what it says
            return self.infer(now)
        self.over = True
        self.ended_by = by
        self.bye_at = None
        for attempt in self.attempts:
            attempt.call_ended()
        transfer = self.current
        if transfer is None:
            return []
        if not transfer.attempt.may_still_report:
            if transfer.attempt.standing == "unsent":
                transfer.note(NOT_SENT)
            return self.ended(now, "call ended", answers.CALL_ENDED)
        inferred = self.infer(now)
        if inferred:
            return inferred
        self._grace_until = now + GRACE
        return []

    def infer(self, now: float) -> Effects:
        """Success, seen from the BYE alone: the peer hung up, and its subscription ended with 100
        as its last word (transfer.md §1, friendly cases)."""
        transfer = self.current
        if transfer is None or self.ended_by != "remote" or not transfer.attempt.handed_over(now):
            return []
        transfer.note(INFERRED)
        return self.ended(now, "succeeded")

    # --- time -------------------------------------------------------------------------------

    def next_deadline(self) -> float:
        """The end of the grace, of a wait, of the pending attempt; the BYE; the watches."""
        first = inf if self.bye_at is None else self.bye_at
        for attempt in self.attempts:
            first = min(first, attempt.next_deadline())
            end = attempt.watch_end()
            if -inf < end < first:
                first = end
        if self.current is not None:
            first = min(first, self._grace_until, self.current.next_deadline())
        return first

    def handle_deadline(self, now: float) -> Effects:
        """What is due: first the pending transfer."""
        effects = self._pending_deadlines(now, self.current) if self.current is not None else []
        if self.bye_at is not None and now >= self.bye_at:
            effects += self.hang_up(now, "transferred", transfer=True)
        return effects

    def close_watches(self, now: float) -> Effects:
        """What is due at attempts that nobody waits for."""
        return [
            each
            for attempt in self.attempts
            for each in self.hear(now, attempt, attempt.handle_deadline(now))
        ]

    def _pending_deadlines(self, now: float, transfer: Transfer) -> Effects:
        attempt = transfer.attempt
        effects = self.hear(now, attempt, attempt.handle_deadline(now))
        if self.current is not transfer:
            return effects
        if now >= self._grace_until:
            return effects + self._lose_call(now, transfer)
        if now >= transfer.deadline:
            return effects + self._timed_out(now, transfer)
        return effects + [
            TransferAnswered(ticket, transfer.record(), answers.wait_over(transfer.transfer_id))
            for ticket in transfer.give_up(now)
        ]

    def _lose_call(self, now: float, transfer: Transfer) -> Effects:
        """The second of grace is over."""
        if self.ended_by == "remote" and transfer.attempt.standing == "unreported":
            transfer.note(ACCEPTED_UNREPORTED)
        return self.ended(now, "call ended", answers.CALL_ENDED)

    def _timed_out(self, now: float, transfer: Transfer) -> Effects:
        standing = transfer.attempt.standing
        if standing == "deferred":
            text = answers.refused_text(491, transfer.sip_reason)
            return self.ended(now, "refused", text)
        if standing == "unanswered":
            transfer.note(UNANSWERED)
        if standing == "unsent":
            transfer.note(NOT_SENT)
        return self.ended(now, "timed out", answers.TIMED_OUT)
