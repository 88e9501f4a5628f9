"""One REFER in the dialog and the subscription that it makes (RFC 3515, RFC 6665 §4.4.4).

`STEPS` is the table of all states (drawn in docs/architecture.md). Everything that may change a
state is in this file, and nobody outside sees one: inputs return reports (`attempt.Report`), of
which `outcomes` says what they mean for transfers and call.

A peer's message that means nothing in a state is no change; a step that the table lacks is a
mistake of ours and raises AssertionError. Also here: which REFER a NOTIFY belongs to (transfer.md
§4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

from ...base.light import LightEnum
from ...sip.effects import FailureReason
from ...sip.message import Response
from ...sip.refer import Fragment, ReferTarget
from ...sip.subscription import MOST_IDS, Notify
from ...sip.timers import Timers
from ..effects import LegEffect, Note
from ..records import Mode
from .attempt import (
    WATCH,
    AttemptAccepted,
    AttemptDeferred,
    AttemptFinal,
    AttemptLost,
    AttemptProgress,
    AttemptRefused,
    AttemptRemark,
    AttemptSent,
    AttemptUnanswered,
    Report,
    Said,
    Standing,
)
from .transferor_effects import SendSubscribe, TransferorEffect

TERMINATED_WAIT = 2.0
"""Seconds between `terminated` without an outcome and the BYE that explains it."""
SUBSCRIBE_WAIT = 4.0
"""Seconds for the answer to our SUBSCRIBE."""


class ReferState(LightEnum):
    """Where a REFER and its subscription stand."""

    IDLE = "idle"
    """Waits for the store."""
    HELD = "held"
    """Stored; held back until the ACK is here and no INVITE transaction is open."""
    SENT = "sent"
    """Out, and neither answered nor followed by a NOTIFY."""
    BACKOFF = "backoff"
    """Answered 491; goes out again."""
    SILENT = "silent"
    """It got no answer. Whoever has it may still send a NOTIFY."""
    ACCEPTED = "accepted"
    """By a 2xx, or by its first NOTIFY."""
    LAPSED = "lapsed"
    """Its subscription ended without an outcome: the BYE may explain it."""
    ASKING = "asking"
    """So it did, and our SUBSCRIBE asks for the outcome."""
    FAILED = "failed"
    """Answered with an error; the verdict that follows is not there yet."""
    REPORTED = "reported"
    """Its outcome is here, its subscription goes on."""
    WATCHED = "watched"
    """Refused although a NOTIFY had accepted it: read for earlier transfers on it."""
    OVERTAKEN = "overtaken"
    """Ended, after the call, by a NOTIFY that may have overtaken the one with the outcome."""
    UNREPORTED = "unreported"
    """Accepted with `Refer-Sub: false`: there is no subscription. The end."""
    REFUSED = "refused"
    """Never accepted: no NOTIFY can belong to it. The end."""
    CLOSED = "closed"
    """Never sent, terminated, or watched long enough. The end."""


_S = ReferState
STEPS: dict[ReferState, frozenset[ReferState]] = {
    _S.IDLE: frozenset({_S.HELD, _S.CLOSED}),
    _S.HELD: frozenset({_S.SENT, _S.CLOSED}),
    _S.SENT: frozenset({_S.BACKOFF, _S.SILENT, _S.ACCEPTED, _S.FAILED, _S.REFUSED, _S.CLOSED}),
    _S.BACKOFF: frozenset({_S.SENT, _S.ACCEPTED, _S.REFUSED}),
    _S.SILENT: frozenset({_S.ACCEPTED, _S.CLOSED}),
    _S.ACCEPTED: frozenset(
        {_S.LAPSED, _S.ASKING, _S.FAILED, _S.REPORTED, _S.OVERTAKEN, _S.UNREPORTED, _S.CLOSED}
    ),
    _S.LAPSED: frozenset({_S.FAILED, _S.UNREPORTED, _S.CLOSED}),
    _S.ASKING: frozenset({_S.ACCEPTED, _S.LAPSED, _S.FAILED, _S.UNREPORTED, _S.CLOSED}),
    _S.FAILED: frozenset({_S.REPORTED, _S.WATCHED, _S.REFUSED, _S.CLOSED}),
    _S.REPORTED: frozenset({_S.CLOSED}),
    _S.WATCHED: frozenset({_S.REPORTED, _S.OVERTAKEN, _S.CLOSED}),
    _S.OVERTAKEN: frozenset({_S.UNREPORTED, _S.CLOSED}),
    _S.UNREPORTED: frozenset(),
    _S.REFUSED: frozenset(),
    _S.CLOSED: frozenset(),
}
"""Every legal step."""
_OVER = frozenset({_S.UNREPORTED, _S.REFUSED, _S.CLOSED})
_OUTCOME_OPEN = frozenset({_S.SENT, _S.SILENT, _S.ACCEPTED, _S.LAPSED, _S.ASKING, _S.FAILED})
"""It is out, and its outcome may still come."""
_SUBSCRIBED = _OUTCOME_OPEN | {_S.REPORTED, _S.WATCHED}
"""Its subscription, if it was accepted, is not known to be over."""
_ACCEPTED_BY_NOTIFY = frozenset({_S.SENT, _S.BACKOFF, _S.SILENT})


class ReferUsage:
    """One REFER. Inputs with `now`; each returns effects and reports, in order."""

    __slots__ = (
        "_accepted",
        "_aliases",
        "_asked_at",
        "_awaited",
        "_call_over",
        "_cseqs",
        "_end_reason",
        "_ended_again_at",
        "_final",
        "_handed_over_at",
        "_lapsed_at",
        "_last_status",
        "_notified",
        "_notify_cseq",
        "_provisional",
        "_retry_at",
        "_retry_interval",
        "_send",
        "_state",
        "_timers",
        "_unanswered",
        "_undelivered",
        "_watched_until",
        "target",
        "transfer_id",
    )

    mode: Mode = "refer"

    def __init__(
        self,
        transfer_id: str,
        target: ReferTarget,
        timers: Timers,
        send: Callable[[], tuple[int, LegEffect]],
        retry_interval: Callable[[], float],
    ) -> None:
        """`send`: puts the REFER on its way, and says its CSeq. `retry_interval`: seconds after a
        491 (RFC 3261 §14.1)."""
        self.transfer_id = transfer_id
        """The transfer that it was made for: the leg knows it under this id."""
        self.target = target
        self._timers = timers
        self._send = send
        self._retry_interval = retry_interval
        self._state = ReferState.IDLE
        self._awaited = True
        """A transfer without a verdict takes its outcome from it."""
        self._call_over = False
        self._watched_until = inf
        self._retry_at = inf
        self._cseqs: list[str] = []
        """CSeq of each time that it went out: any of them is an `id` of ours."""
        self._aliases: set[str] = set()
        """Ids of the peer's own making that came while there was no other REFER."""
        self._unanswered = False
        """Its transaction is open, whatever NOTIFYs said meanwhile."""
        self._undelivered = False
        """Its connection failed: most likely nobody has it."""
        self._provisional = 0
        self._accepted = False
        """Ever; it counts among the REFERs of the dialog also when it is over."""
        self._notified = False
        self._notify_cseq = -1
        """Highest CSeq among its NOTIFYs."""
        self._last_status = 0
        self._final: int | None = None
        """The first final status."""
        self._lapsed_at: float | None = None
        """When the subscription ended without a final status."""
        self._handed_over_at: float | None = None
        """When it ended with 100 as its last word."""
        self._asked_at: float | None = None
        """When the one SUBSCRIBE for the outcome went out."""
        self._ended_again_at: float | None = None
        """When it ended once more while that was unanswered (RFC 6665 §4.1.2.4: its NOTIFY may
        come first)."""
        self._end_reason = ""

    def _become(self, state: ReferState) -> None:
        if state not in STEPS[self._state]:
            raise AssertionError(f"{self._state.value} -> {state.value}")
        self._state = state

    # --- going out --------------------------------------------------------------------------

    def stored(self) -> None:
        """The record of its transfer is safe; after a verdict nobody needs to know."""
        if self._state is ReferState.IDLE:
            self._become(ReferState.HELD)

    def start(self, now: float) -> Said:
        """It may go out now: no INVITE transaction is open, and the call is up."""
        again = self._state is ReferState.BACKOFF and now >= self._retry_at
        if self._state is not ReferState.HELD and not again:
            return []
        self._become(ReferState.SENT)
        self._unanswered = True
        cseq, effect = self._send()
        return [effect, *self.sent_again(cseq)]

    def start_at(self) -> float:
        """When `start` is to be called again, after a 491."""
        return self._retry_at if self._state is ReferState.BACKOFF else inf

    def sent_again(self, cseq: int) -> list[Report]:
        """It went out with this CSeq, with credentials."""
        self._cseqs.append(str(cseq))
        return [AttemptSent()]

    # --- what comes of it -------------------------------------------------------------------

    def answered(self, now: float, response: Response, explain: str = "") -> list[Report]:
        """An answer to the REFER, but a challenge that the leg meets; `explain`: why it did not."""
        status, reason = response.status, response.reason
        if not self._unanswered:
            return []
        if status < 200:
            self._provisional += 1
            return []
        self._unanswered = False
        if status < 300:
            return self._accepted_by(response)
        if not self._awaited:
            if self._state is ReferState.SENT:
                self._become(ReferState.REFUSED)
        elif status == 491 and not self._call_over and not self._accepted:
            self._become(ReferState.BACKOFF)
            self._retry_at = now + self._retry_interval()
            return [AttemptDeferred(status, reason)]
        else:
            self._lapsed_at = None if self._state is ReferState.ASKING else self._lapsed_at
            self._become(ReferState.FAILED)
        return [AttemptRefused(status, reason, explain)]

    def _accepted_by(self, response: Response) -> list[Report]:
        """A 2xx: acceptance, and never success unless the peer says that nothing will follow."""
        reports = self._accept(response.status, response.reason)
        unreported = (response.header("Refer-Sub") or "").partition(";")[0].strip().lower()
        if unreported == "false" and self._final is None:
            self._final = response.status
            if self._state not in _OVER:
                self._become(ReferState.UNREPORTED)
            reports.append(AttemptFinal(response.status, response.reason, reported=False))
        return reports

    def _accept(self, status: int = 0, reason: str = "") -> list[Report]:
        """A 2xx, or the first NOTIFY; whichever comes first."""
        if self._accepted:
            return []
        self._accepted = True
        if self._state in _ACCEPTED_BY_NOTIFY:
            self._become(ReferState.ACCEPTED)
        return [AttemptAccepted(status, reason)]

    def unanswered(self, reason: FailureReason) -> list[Report]:
        """No answer to REFER. Where a NOTIFY came, it was accepted all the same."""
        if not self._unanswered:
            return []
        self._unanswered = False
        self._undelivered = reason != "timeout"
        if self._state is ReferState.SENT:
            self._become(ReferState.SILENT)
        if not self._awaited or self._accepted or self._call_over:
            return []
        return [AttemptUnanswered(reason, self._provisional)]

    def notified(self, now: float, notify: Notify, *, overtaken: bool = False) -> Said:
        """A NOTIFY of its subscription. `overtaken`: by the BYE; a later NOTIFY does so too."""
        late = overtaken or notify.cseq < self._notify_cseq
        self._notify_cseq = max(self._notify_cseq, notify.cseq)
        said: list[Report | LegEffect | TransferorEffect] = []
        if notify.unreadable:
            said.append(Note("notify_unreadable", (("event_id", notify.event_id),)))
        fragment = notify.fragment
        if self._final is not None:
            return [*said, *self._after_the_outcome(notify)]
        said += self._accept()  # NOTIFY before 202: it accepts the REFER
        self._notified = True
        if fragment is not None and is_outcome(fragment.status, notify):
            return [*said, *self._outcome(fragment, notify)]
        if fragment is not None and not late:
            self._last_status = fragment.status
            if not notify.terminated:
                self._handed_over_at = None
            latest = self._state is not ReferState.FAILED
            said.append(AttemptProgress(fragment.status, fragment.reason, latest))
        return [*said, *self._ended(now, notify)] if notify.terminated else said

    def _outcome(self, fragment: Fragment, notify: Notify) -> list[Report]:
        self._final = fragment.status
        if self._state is not ReferState.OVERTAKEN and self._state not in _OVER:
            ended = notify.terminated or self._lapsed_at is not None
            self._become(ReferState.CLOSED if ended else ReferState.REPORTED)
        return [AttemptFinal(fragment.status, fragment.reason)]

    def _after_the_outcome(self, notify: Notify) -> list[Report]:
        fragment = notify.fragment
        if notify.terminated and self._state is ReferState.REPORTED:
            self._become(ReferState.CLOSED)
        if fragment is None or self._state is not ReferState.UNREPORTED:
            return []
        return [AttemptRemark(fragment.status, fragment.reason)]

    def _ended(self, now: float, notify: Notify) -> Said:
        """The subscription ended without an outcome; wait for the BYE, or ask once."""
        if self._lapsed_at is not None:
            if self._state is ReferState.ASKING and notify.cseq == self._notify_cseq:
                self._ended_again_at = now
                self._end_reason = notify.reason
            return []
        self._lapsed_at = now
        self._end_reason = notify.reason
        if notify.fragment is not None and notify.fragment.status == 100:
            self._handed_over_at = now
        if not self._awaited:
            self._ended_unawaited(now)
            return []
        if self._state is ReferState.FAILED:
            return []
        if self._call_over or not notify.expired or self._asked_at is not None:
            self._become(ReferState.LAPSED)
            return []
        self._become(ReferState.ASKING)
        self._asked_at = now
        return [SendSubscribe(self.transfer_id, int(self._cseqs[-1]))]

    def _ended_unawaited(self, now: float) -> None:
        if self._state in _OVER:
            return
        if not self._call_over:
            self._become(ReferState.CLOSED)
            return
        # Nothing else keeps the leg there for the NOTIFY that was overtaken.
        self._become(ReferState.OVERTAKEN)
        self._watched_until = min(now + self._timers.transaction, self._watched_until)

    def subscribed(self, now: float, status: int | None) -> list[Report]:
        """The answer to our SUBSCRIBE, None where none came. A 2xx brings the subscription back,
        unless a NOTIFY has ended it again before; anything else leaves it ended."""
        if self._state is not ReferState.ASKING:
            return []
        if status is not None and 200 <= status < 300:
            self._lapsed_at = self._ended_again_at
            if self._lapsed_at is None:
                self._become(ReferState.ACCEPTED)
                return []
        return self._unhelped(now)

    def _unhelped(self, now: float) -> list[Report]:
        """The SUBSCRIBE did not help."""
        if not self._awaited:
            self._become(ReferState.CLOSED)
            return []
        self._become(ReferState.LAPSED)
        return self._lose(now)

    def _lose(self, now: float) -> list[Report]:
        """Ended, and the 2 s for the BYE are over."""
        due = self._state is ReferState.LAPSED and now >= self.next_deadline()
        return [AttemptLost(self._end_reason, self._last_status)] if due else []

    # --- what its transfers and the call do -------------------------------------------------

    def join(self) -> bool:
        """A further transfer takes its outcome from it. True where it was accepted already."""
        self._awaited = True
        self._watched_until = inf
        return self._accepted

    def cancel(self, now: float, *, counts: bool) -> None:
        """No transfer waits for it any more: it is never sent if it is not out, else watched for
        3 minutes, if there is anything left to be told. `counts`: a late success would end the call
        for one of its transfers."""
        self._awaited = False
        self._watched_until = now + WATCH
        match self._state:
            case ReferState.IDLE | ReferState.HELD | ReferState.LAPSED:
                self._become(ReferState.CLOSED)
            case ReferState.BACKOFF:
                self._become(ReferState.REFUSED)
            case ReferState.FAILED if not self._accepted:
                self._become(ReferState.REFUSED)
            case ReferState.FAILED:
                watched = counts and self._lapsed_at is None
                self._become(ReferState.WATCHED if watched else ReferState.CLOSED)
            case _:  # what is out is watched
                pass

    def close(self) -> None:
        """Nothing that comes of it is waited for any more."""
        if self._state not in _OVER:
            self._become(ReferState.CLOSED)

    def call_ended(self) -> None:
        """The INVITE usage is over; the subscription is not (RFC 5057)."""
        self._call_over = True

    # --- what may be asked ------------------------------------------------------------------

    @property
    def transaction_open(self) -> bool:
        """It is out and unanswered: no INVITE or UPDATE of ours meanwhile."""
        return self._unanswered

    @property
    def may_still_report(self) -> bool:
        """It is out, and not refused: a NOTIFY with the outcome may still come."""
        return self._state in _OUTCOME_OPEN and (self._accepted or not self._undelivered)

    @property
    def standing(self) -> Standing:
        """How it stands, for the notes."""
        if not self._cseqs:
            return "unsent"
        if self._state is ReferState.BACKOFF:
            return "deferred"
        if not self._accepted:
            return "unanswered" if self._unanswered else "going"
        return "going" if self._notified else "unreported"

    def handed_over(self, now: float) -> bool:
        """Its subscription ended with 100 as its last word, less than 2 s ago: if the peer hung up
        too, it is a small PBX that has handed the call over (transfer.md §1, friendly cases)."""
        at = self._handed_over_at
        return at is not None and now - at <= TERMINATED_WAIT

    def watch_end(self) -> float:
        """Until when NOTIFYs are awaited: 3 minutes after the last verdict, for ever while there
        is none, `-inf` once it is closed for good."""
        return -inf if self._state in _OVER else self._watched_until

    @property
    def concluded(self) -> bool:
        """Its outcome is here, and its subscription has ended."""
        return self._state is ReferState.CLOSED and self._final is not None

    def next_deadline(self) -> float:
        """When its subscription, or its SUBSCRIBE, is given up."""
        if self._state is ReferState.ASKING and self._asked_at is not None:
            return self._asked_at + SUBSCRIBE_WAIT
        if self._state is ReferState.LAPSED and self._lapsed_at is not None:
            return inf if self._call_over else self._lapsed_at + TERMINATED_WAIT
        return inf

    def handle_deadline(self, now: float) -> list[Report]:
        """See `next_deadline` and `watch_end`."""
        if self._state not in _OVER and now >= self._watched_until:
            self._become(ReferState.CLOSED)
        if now < self.next_deadline():
            return []
        return self._unhelped(now) if self._state is ReferState.ASKING else self._lose(now)


def is_outcome(status: int, notify: Notify) -> bool:
    """A final status; but a 202 of a subscription that goes on only mirrors the REFER's own."""
    return status >= 200 and (status != 202 or notify.terminated)


def select(usages: Sequence[ReferUsage], notify: Notify, *, writes_ids: bool) -> ReferUsage | None:
    """The REFER that a NOTIFY speaks of; None for an unknown `id` (transfer.md §4).

    One REFER ever accepted: any `id` or none is it, and an `id` of the peer's own making is
    remembered. Several: the `id` is the CSeq of any time that it went out. Without one, the newest
    that was accepted and whose subscription goes on, for there are peers that never write it; of a
    peer that does (`writes_ids`), or where there is no such REFER, the oldest open.
    """
    candidates = [r for r in usages if r._cseqs and r._state is not ReferState.REFUSED]
    event_id = notify.event_id
    if event_id is not None:
        known = [r for r in candidates if event_id in r._cseqs]
        known = known or [r for r in candidates if event_id in r._aliases]
        if known:
            return known[0]
    likely = [r for r in candidates if r._accepted or not r._undelivered] or candidates
    if len(likely) == 1:
        if event_id is not None and len(likely[0]._aliases) < MOST_IDS:
            likely[0]._aliases.add(event_id)
        return likely[0]
    if event_id is not None:
        return None
    newest = [r for r in likely if r._accepted and r._state in _SUBSCRIBED]
    if newest and not writes_ids:
        return newest[-1]
    return next((r for r in likely if r._state in _OUTCOME_OPEN), None)
