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
from .book import TERMINATED_WAIT, Effects, TransferBook
from .desk_effects import SendSubscribe
from .referral import Referral, ReferralState, select


class NotifyReader:
    """The part of `TransferDesk` that deals with subscriptions."""

    __slots__ = ("_book", "_read", "_timers")

    def __init__(self, book: TransferBook, timers: Timers) -> None:
        self._book = book
        self._timers = timers
        self._read: set[tuple[int, str | None]] = set()
        """CSeq and branch of each: on a stream, a peer that repeats one by a new connection finds
        its transaction gone."""

    def notify_received(self, now: float, request: Request) -> tuple[int, Effects]:
        """Any NOTIFY in the dialog: the status to answer it with at once, and what follows."""
        notify = read_notify(request)
        book = self._book
        sent = any(referral.attempts for referral in book.referrals)
        if notify.package != "refer" and not (sent and notify.unnamed):
            return 489, []
        if not sent:
            return 481, []
        key = (notify.cseq, request.top_via.branch)
        if key in self._read:
            return 200, []
        self._read.add(key)
        referral = select(book.referrals, notify)
        if referral is None:
            return 200, [Note("notify_ignored", (("event_id", notify.event_id),))]
        late = notify.cseq < referral.notify_cseq
        late = late or (book.bye_cseq is not None and notify.cseq < book.bye_cseq)
        referral.notify_cseq = max(referral.notify_cseq, notify.cseq)
        return 200, self._news(now, referral, notify, late=late)

    def _news(self, now: float, referral: Referral, notify: Notify, *, late: bool) -> Effects:
        """What a NOTIFY means for its REFER; `late`: a later one, or the BYE, overtook it."""
        book = self._book
        effects: Effects = []
        if notify.unreadable:
            effects.append(Note("notify_unreadable", (("event_id", notify.event_id),)))
        fragment = notify.fragment
        if referral.final is not None:
            if notify.terminated:
                referral.become(ReferralState.CLOSED)
            if referral.unreported and fragment is not None:
                effects += book.remark(referral, fragment.status, fragment.reason)
            return effects
        effects += book.accept(now, referral)
        referral.notified = True
        if fragment is not None and is_outcome(fragment.status, notify):
            referral.final = fragment.status
            effects += book.settle(now, referral, fragment.status, fragment.reason)
            if notify.terminated:
                referral.become(ReferralState.CLOSED)
            return effects
        if fragment is not None and not late:
            referral.last_status = fragment.status
            if not notify.terminated:
                referral.handed_over_at = None
            effects += self._progress(now, referral, fragment.status, fragment.reason)
        if notify.terminated:
            effects += self._terminated(now, referral, notify)
        return effects

    def _progress(self, now: float, referral: Referral, status: int, reason: str) -> Effects:
        """A status that decides nothing: a stage, or at least the last word."""
        transfer = self._book.rider(referral)
        if transfer is None:
            return []
        changed = (transfer.sip_status, transfer.sip_reason) != (status, reason)
        if not referral.hopeless:  # else the answer to REFER is what decides it
            transfer.saw(status, reason)
        if status < 200:
            stage = self._book.advance(now, referral, "trying" if status == 100 else "ringing")
            if stage:
                return stage
        return self._book.changed(transfer) if changed else []

    def _terminated(self, now: float, referral: Referral, notify: Notify) -> Effects:
        """The subscription ended without an outcome; wait for the BYE, or ask once."""
        if referral.terminated_at is not None:
            if referral.subscribe_deadline is not None and notify.cseq == referral.notify_cseq:
                referral.ended_again_at = now
                referral.end_reason = notify.reason
            return []
        book = self._book
        referral.terminated_at = now
        referral.end_reason = notify.reason
        if notify.fragment is not None and notify.fragment.status == 100:
            referral.handed_over_at = now
        if book.rider(referral) is None:
            if book.over:  # nothing else keeps the leg there for the NOTIFY that was overtaken
                last = now + self._timers.transaction
                referral.overtaken_until = min(last, referral.watch_end())
            referral.become(ReferralState.CLOSED)
            return []
        if book.over:
            return book.infer(now) if book.handed_over(now, referral) else []
        if not notify.expired or referral.subscribed:
            return []
        referral.subscribed = True
        referral.subscribe_deadline = now + self._timers.transaction
        return [SendSubscribe(referral.transfer_id, referral.last_cseq)]

    def subscribe_answered(self, now: float, referral: Referral, status: int | None) -> Effects:
        """A 2xx brings the subscription back, unless a NOTIFY has ended it again before; anything
        else leaves it ended."""
        if referral.subscribe_deadline is None:
            return []
        referral.subscribe_deadline = None
        if status is not None and 200 <= status < 300:
            referral.terminated_at = referral.ended_again_at
            if referral.terminated_at is None:
                return []
        if self._book.rider(referral) is None:
            referral.become(ReferralState.CLOSED)
            return []
        return self._lose_subscription(now, referral)

    def deadline(self, referral: Referral) -> float:
        """When the subscription of the pending transfer is given up, or its SUBSCRIBE is."""
        if referral.terminated_at is None or self._book.over:
            return inf
        if referral.subscribe_deadline is not None:
            return referral.subscribe_deadline
        return referral.terminated_at + TERMINATED_WAIT

    def handle_deadline(self, now: float, referral: Referral) -> Effects:
        """See `deadline`."""
        if now < self.deadline(referral):
            return []
        referral.subscribe_deadline = None
        return self._lose_subscription(now, referral)

    def _lose_subscription(self, now: float, referral: Referral) -> Effects:
        """Ended, the 2 s for the BYE are over, and the SUBSCRIBE did not help."""
        if now < self.deadline(referral):
            return []
        text = answers.subscription_ended_text(referral.end_reason, referral.last_status)
        return self._book.decide(now, "subscription ended", text)


def is_outcome(status: int, notify: Notify) -> bool:
    """A final status; but a 202 of a subscription that goes on only mirrors the REFER's own."""
    return status >= 200 and (status != 202 or notify.terminated)
