"""What a NOTIFY means for the transfers of a leg (transfer.md §4).

A NOTIFY is read whenever it comes: before the 2xx of its REFER (it accepts it), after the BYE,
with a CSeq that a later one overtook, and up to 3 minutes after the verdict.
"""

from __future__ import annotations

from math import inf

from ...sip.message import Request
from ...sip.subscription import Notify, read_notify
from ...sip.timers import Timers
from ..effects import Note
from . import answers
from .outcomes import TERMINATED_WAIT, Effects, TransferOutcomes
from .refer_usage import ReferState, ReferUsage, select
from .transferor_effects import SendSubscribe


class NotifyReader:
    """The part of `Transferor` that deals with subscriptions."""

    __slots__ = ("_outcomes", "_read", "_timers")

    def __init__(self, outcomes: TransferOutcomes, timers: Timers) -> None:
        self._outcomes = outcomes
        self._timers = timers
        self._read: set[tuple[int, str | None]] = set()
        """CSeq and branch of each: on a stream, a peer that repeats one by a new connection finds
        its transaction gone."""

    def notify_received(self, now: float, request: Request) -> tuple[int, Effects]:
        """Any NOTIFY in the dialog: the status to answer it with at once, and what follows."""
        notify = read_notify(request)
        outcomes = self._outcomes
        sent = any(usage.attempts for usage in outcomes.usages)
        if notify.package != "refer" and not (sent and notify.unnamed):
            return 489, []
        if not sent:
            return 481, []
        key = (notify.cseq, request.top_via.branch)
        if key in self._read:
            return 200, []
        self._read.add(key)
        usage = select(outcomes.usages, notify)
        if usage is None:
            return 200, [Note("notify_ignored", (("event_id", notify.event_id),))]
        late = notify.cseq < usage.notify_cseq
        late = late or (outcomes.bye_cseq is not None and notify.cseq < outcomes.bye_cseq)
        usage.notify_cseq = max(usage.notify_cseq, notify.cseq)
        return 200, self._news(now, usage, notify, late=late)

    def _news(self, now: float, usage: ReferUsage, notify: Notify, *, late: bool) -> Effects:
        """What a NOTIFY means for its REFER; `late`: a later one, or the BYE, overtook it."""
        outcomes = self._outcomes
        effects: Effects = []
        if notify.unreadable:
            effects.append(Note("notify_unreadable", (("event_id", notify.event_id),)))
        fragment = notify.fragment
        if usage.final is not None:
            if notify.terminated:
                usage.become(ReferState.CLOSED)
            if usage.unreported and fragment is not None:
                effects += outcomes.remark(usage, fragment.status, fragment.reason)
            return effects
        effects += outcomes.accept(now, usage)
        usage.notified = True
        if fragment is not None and is_outcome(fragment.status, notify):
            usage.final = fragment.status
            effects += outcomes.settle(now, usage, fragment.status, fragment.reason)
            if notify.terminated:
                usage.become(ReferState.CLOSED)
            return effects
        if fragment is not None and not late:
            usage.last_status = fragment.status
            if not notify.terminated:
                usage.handed_over_at = None
            effects += self._progress(now, usage, fragment.status, fragment.reason)
        if notify.terminated:
            effects += self._terminated(now, usage, notify)
        return effects

    def _progress(self, now: float, usage: ReferUsage, status: int, reason: str) -> Effects:
        """A status that decides nothing: a stage, or at least the last word."""
        transfer = self._outcomes.rider(usage)
        if transfer is None:
            return []
        changed = (transfer.sip_status, transfer.sip_reason) != (status, reason)
        if not usage.hopeless:  # else the answer to REFER is what decides it
            transfer.saw(status, reason)
        if status < 200:
            stage = self._outcomes.advance(now, usage, "trying" if status == 100 else "ringing")
            if stage:
                return stage
        return self._outcomes.changed(transfer) if changed else []

    def _terminated(self, now: float, usage: ReferUsage, notify: Notify) -> Effects:
        """The subscription ended without an outcome; wait for the BYE, or ask once."""
        if usage.terminated_at is not None:
            if usage.subscribe_deadline is not None and notify.cseq == usage.notify_cseq:
                usage.ended_again_at = now
                usage.end_reason = notify.reason
            return []
        outcomes = self._outcomes
        usage.terminated_at = now
        usage.end_reason = notify.reason
        if notify.fragment is not None and notify.fragment.status == 100:
            usage.handed_over_at = now
        if outcomes.rider(usage) is None:
            if outcomes.over:  # nothing else keeps the leg there for the NOTIFY that was overtaken
                last = now + self._timers.transaction
                usage.overtaken_until = min(last, usage.watch_end())
            usage.become(ReferState.CLOSED)
            return []
        if outcomes.over:
            return outcomes.infer(now) if outcomes.handed_over(now, usage) else []
        if not notify.expired or usage.subscribed:
            return []
        usage.subscribed = True
        usage.subscribe_deadline = now + self._timers.transaction
        return [SendSubscribe(usage.transfer_id, usage.last_cseq)]

    def subscribe_answered(self, now: float, usage: ReferUsage, status: int | None) -> Effects:
        """A 2xx brings the subscription back, unless a NOTIFY has ended it again before; anything
        else leaves it ended."""
        if usage.subscribe_deadline is None:
            return []
        usage.subscribe_deadline = None
        if status is not None and 200 <= status < 300:
            usage.terminated_at = usage.ended_again_at
            if usage.terminated_at is None:
                return []
        if self._outcomes.rider(usage) is None:
            usage.become(ReferState.CLOSED)
            return []
        return self._lose_subscription(now, usage)

    def deadline(self, usage: ReferUsage) -> float:
        """When the subscription of the pending transfer is given up, or its SUBSCRIBE is."""
        if usage.terminated_at is None or self._outcomes.over:
            return inf
        if usage.subscribe_deadline is not None:
            return usage.subscribe_deadline
        return usage.terminated_at + TERMINATED_WAIT

    def handle_deadline(self, now: float, usage: ReferUsage) -> Effects:
        """See `deadline`."""
        if now < self.deadline(usage):
            return []
        usage.subscribe_deadline = None
        return self._lose_subscription(now, usage)

    def _lose_subscription(self, now: float, usage: ReferUsage) -> Effects:
        """Ended, the 2 s for the BYE are over, and the SUBSCRIBE did not help."""
        if now < self.deadline(usage):
            return []
        text = answers.subscription_ended_text(usage.end_reason, usage.last_status)
        return self._outcomes.decide(now, "subscription ended", text)


def is_outcome(status: int, notify: Notify) -> bool:
    """A final status; but a 202 of a subscription that goes on only mirrors the REFER's own."""
    return status >= 200 and (status != 202 or notify.terminated)
