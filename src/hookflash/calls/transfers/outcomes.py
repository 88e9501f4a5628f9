"""The transfers of one leg, and everything that follows from a verdict (transfer.md §1, §5).

At most one transfer is pending (`current`); earlier ones stay for late outcomes and for repeated
requests. `Transferor` says what happened, this book says what that means for every transfer
that it concerns, for those who wait, and for the call.
"""

from __future__ import annotations

from typing import Literal

from ..effects import (
    LegEffect,
    PlayTone,
    StopTone,
    StoreTransfer,
    TransferAnswered,
    TransferChanged,
)
from ..records import Side, Stage, Verdict
from . import answers
from .refer_usage import REPORTING, ReferState, ReferUsage, watch_end
from .transfer import WATCHED, Transfer
from .transferor_effects import HangUp, LeaveRoom, TransferOrder, TransferorEffect

Effects = list[LegEffect | TransferorEffect]

GRACE = 1.0
"""Seconds after the end of the call in which a NOTIFY still decides."""
TERMINATED_WAIT = 2.0
"""Seconds between `terminated` without an outcome and the BYE that explains it."""
PEER_BYE_WAIT = 10.0
"""Seconds for the peer's BYE after a success that nobody reports (`Refer-Sub: false`)."""
KEEP_REQUEST_IDS = 86400.0

NOT_SENT = "REFER not sent"
UNANSWERED = "REFER unanswered"
UNREPORTED = "outcome not reported"
ACCEPTED_UNREPORTED = "accepted, outcome not reported"
INFERRED = "outcome inferred from BYE"
OVERTAKEN = "an earlier transfer of this call succeeded late"
LATE_SUCCESS = "late success"

_ANY_CSEQ = 1 << 62
_RECORDED_LATE: frozenset[Verdict] = frozenset({"interrupted", "subscription ended"})
"""Verdicts after which a first final status is worth a remark, and no more."""


class TransferOutcomes:
    """State shared by the inputs of the transferor."""

    __slots__ = (
        "bye_at",
        "bye_cseq",
        "call_id",
        "current",
        "ended_by",
        "grace_until",
        "over",
        "requests",
        "tone",
        "usage",
        "usages",
    )

    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        self.current: Transfer | None = None
        """The pending transfer."""
        self.usage: ReferUsage | None = None
        """The REFER that it rides on."""
        self.usages: list[ReferUsage] = []
        self.requests: dict[tuple[str, str], Transfer] = {}
        """Transfers by API key and request id."""
        self.over = False
        """The INVITE usage has ended."""
        self.ended_by: Side | None = None
        """Who sent the BYE; None where the call died without one."""
        self.bye_cseq: int | None = None
        """CSeq of the peer's BYE."""
        self.grace_until: float | None = None
        self.bye_at: float | None = None
        """The caller has left the room, the BYE is still the peer's to send."""
        self.tone = False

    def rider(self, usage: ReferUsage) -> Transfer | None:
        """The pending transfer, if it rides on this REFER."""
        return self.current if self.usage is usage else None

    def open(self, now: float, order: TransferOrder, refer_to: str) -> tuple[Transfer, Effects]:
        """Start a transfer: by a REFER of its own, or on that of an earlier one that is watched
        and goes to the same target."""
        transfer = Transfer(now, self.call_id, order, refer_to)
        usage = self._watched(now, refer_to)
        if usage is None:
            usage = ReferUsage(transfer)
            self.usages.append(usage)
        else:
            transfer.note(f"takes its outcome from {usage.transfer_id}")
            usage.riders.append(transfer)
            if usage.accepted:
                transfer.enter(now, "accepted")
        self.current = transfer
        self.usage = usage
        record = transfer.record()
        then_send = usage.riders[0] is transfer
        effects: Effects = [StoreTransfer(record, then_send), TransferChanged(record, "started")]
        if order.play_dialtone:
            self.tone = True
            effects.append(PlayTone("ringing", order.dialtone_country))
        return transfer, effects

    def _watched(self, now: float, refer_to: str) -> ReferUsage | None:
        for usage in reversed(self.usages):
            if (
                usage.refer_to == refer_to
                and usage.may_report
                and (usage.accepted or not usage.undelivered)
                and usage.final is None
                and usage.watched(now)
            ):
                return usage
        return None

    def changed(
        self, transfer: Transfer, kind: Literal["updated", "ended"] | None = None
    ) -> Effects:
        """Store it; with `kind`, tell everybody."""
        record = transfer.record()
        stored = StoreTransfer(record)
        return [stored] if kind is None else [stored, TransferChanged(record, kind)]

    def find(self, transfer_id: str) -> ReferUsage | None:
        """The REFER that this transfer sends; None for one that rides on another's."""
        for usage in self.usages:
            if usage.transfer_id == transfer_id:
                return usage
        return None

    def accept(self, now: float, usage: ReferUsage) -> Effects:
        """A 2xx to the REFER, or its first NOTIFY."""
        if usage.accepted:
            return []
        usage.accepted = True
        usage.become(ReferState.OPEN)
        return self.advance(now, usage, "accepted")

    def advance(self, now: float, usage: ReferUsage, stage: Stage) -> Effects:
        """The pending transfer on this REFER reaches a stage, where that is a step."""
        transfer = self.rider(usage)
        if transfer is None or not transfer.enter(now, stage):
            return []
        return self.changed(transfer, "updated")

    def decide(self, now: float, verdict: Verdict, error: str = "") -> Effects:
        """The verdict of the pending transfer: store it, tell everybody, answer all who wait."""
        transfer, usage = self.current, self.usage
        assert transfer is not None
        assert usage is not None
        self.current = self.usage = self.grace_until = None
        transfer.decide(now, verdict, error)
        self._release(now, usage)
        if verdict == "interrupted":
            usage.become(ReferState.CLOSED)
        effects = self.changed(transfer, "ended")
        record = transfer.record()
        effects += [
            TransferAnswered(ticket, record, answers.failure(record)) for ticket in transfer.tickets
        ]
        transfer.tickets.clear()
        if self.tone and verdict != "succeeded":
            self.tone = False
            if not self.over:
                effects.append(StopTone())
        return effects

    @staticmethod
    def _release(now: float, usage: ReferUsage) -> None:
        """Nobody is pending on it: is there anything left to be told? Where the REFER was refused,
        only if a NOTIFY had accepted it, to a transfer that is still watched."""
        if usage.state is ReferState.BACKOFF or usage.hopeless:
            usage.refused = True
        ended = usage.terminated_at is not None and usage.subscribe_deadline is None
        over = usage.refused and not (usage.accepted and usage.watched(now))
        if usage.state not in REPORTING or over or usage.unreported or ended:
            usage.become(ReferState.CLOSED)

    def settle(self, now: float, usage: ReferUsage, status: int, reason: str) -> Effects:
        """A first final status came: the verdict of the pending transfer on this REFER, a late
        outcome for its earlier ones, and on success the end of the call."""
        effects: Effects = []
        transferred = False
        for rider in usage.riders:
            if rider is self.current:
                rider.saw(status, reason)
                if status < 300:
                    if usage.unreported:
                        rider.note(UNREPORTED)
                    effects += self.decide(now, "succeeded")
                    transferred = True
                else:
                    text = answers.rejected_text(status, reason)
                    effects += self.decide(now, "rejected", text)
            elif rider.verdict in WATCHED and now < watch_end(rider):
                effects += self._late(rider, status, reason)
                transferred = transferred or status < 300
            elif rider.verdict in _RECORDED_LATE:
                effects += self._remark(rider, status, reason)
        if transferred:
            effects += self._transferred(now, bye_at_once=not usage.unreported)
        return effects

    def remark(self, usage: ReferUsage, status: int, reason: str) -> Effects:
        """A NOTIFY that changes nothing any more is kept with every transfer on this REFER."""
        return [each for rider in usage.riders for each in self._remark(rider, status, reason)]

    def _remark(self, rider: Transfer, status: int, reason: str) -> Effects:
        rider.note(f"NOTIFY after the verdict: {status} {reason}".rstrip())
        return self.changed(rider)

    def _late(self, rider: Transfer, status: int, reason: str) -> Effects:
        if status >= 300:
            rider.note(f"late failure: {status} {reason}".rstrip())
            return self.changed(rider)
        rider.late_success = True
        rider.note(LATE_SUCCESS)
        return self.changed(rider, "updated")

    def _transferred(self, now: float, *, bye_at_once: bool) -> Effects:
        """The caller talks to somebody else: out of the room, and BYE."""
        effects: Effects = []
        if self.current is not None:
            self.current.note(OVERTAKEN)
            effects += self.decide(now, "call ended", answers.CALL_ENDED)
        if self.over:
            return effects
        if bye_at_once:
            return effects + self.hang_up(now, "transferred", transfer=True)
        if self.bye_at is not None:
            return effects
        self.bye_at = now + PEER_BYE_WAIT
        effects.append(LeaveRoom())
        if self.tone:
            self.tone = False
            effects.append(StopTone())
        return effects

    def hang_up(self, now: float, reason: str, *, transfer: bool) -> Effects:
        """End the call from here; a pending transfer gets its second of grace."""
        return [HangUp(reason, transfer), *self.end_call(now, "local")]

    def end_call(self, now: float, by: Side | None, cseq: int | None = None) -> Effects:
        """The INVITE usage is over: by BYE of that side, or dead (`by` None)."""
        if by == "remote" and self.bye_cseq is None:
            self.bye_cseq = _ANY_CSEQ if cseq is None else cseq
        if self.over:
            return self._crossed(now) if by == "remote" else []
        self.over = True
        self.ended_by = by
        self.bye_at = None
        transfer, usage = self.current, self.usage
        if transfer is None or usage is None:
            return []
        if not usage.may_report:
            if not usage.attempts:
                transfer.note(NOT_SENT)
            return self.decide(now, "call ended", answers.CALL_ENDED)
        if self.handed_over(now, usage):
            return self.infer(now)
        self.grace_until = now + GRACE
        return []

    def _crossed(self, now: float) -> Effects:
        """The peer's BYE after the end of the call: it was under way, and means what it says."""
        self.ended_by = "remote"
        transfer, usage = self.current, self.usage
        if transfer is None or usage is None or not self.handed_over(now, usage):
            return []
        return self.infer(now)

    def handed_over(self, now: float, usage: ReferUsage) -> bool:
        """The peer hung up, and its subscription ended with 100 as its last word: a small PBX
        that has handed the call over (transfer.md §1, friendly cases)."""
        at = usage.handed_over_at
        return self.ended_by == "remote" and at is not None and now - at <= TERMINATED_WAIT

    def infer(self, now: float) -> Effects:
        """Success, seen from the BYE alone."""
        assert self.current is not None
        self.current.note(INFERRED)
        return self.decide(now, "succeeded")

    def lose_call(self, now: float) -> Effects:
        """The second of grace is over."""
        transfer, usage = self.current, self.usage
        assert transfer is not None
        assert usage is not None
        if self.ended_by == "remote" and usage.accepted and not usage.notified:
            transfer.note(ACCEPTED_UNREPORTED)
        return self.decide(now, "call ended", answers.CALL_ENDED)
