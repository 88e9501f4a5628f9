"""One REFER in the dialog and the subscription that it makes (RFC 3515, RFC 6665 §4.4.4).

    idle ──▶ sent ──▶ open ──▶ closed
              │ ▲      ▲
              ▼ │      │
            backoff ───┘  (491, and a NOTIFY that came nevertheless)

Every state may close. Transfers *ride* on it: the one that sent it, and later ones to the same
target that take their verdict from it. `STEPS` is the table; only `ReferUsage.become` changes a
state. Also here: which REFER a NOTIFY belongs to (transfer.md §4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from ...base.light import LightEnum
from ...sip.subscription import Notify
from .transfer import WATCHED, Transfer

WATCH = 180.0
"""Seconds after a verdict in which NOTIFYs are still read."""


class ReferState(LightEnum):
    """Where a REFER and its subscription stand."""

    IDLE = "idle"
    """Waits for the store, for the ACK, or for an INVITE transaction to end."""
    SENT = "sent"
    """Out, and neither answered nor followed by a NOTIFY."""
    BACKOFF = "backoff"
    """Answered 491; goes out again."""
    OPEN = "open"
    """Accepted, by a 2xx or by its first NOTIFY."""
    CLOSED = "closed"
    """Nothing more comes of it: never sent, refused, terminated, or watched long enough."""


_S = ReferState
STEPS: dict[ReferState, frozenset[ReferState]] = {
    _S.IDLE: frozenset({_S.SENT, _S.CLOSED}),
    _S.SENT: frozenset({_S.BACKOFF, _S.OPEN, _S.CLOSED}),
    _S.BACKOFF: frozenset({_S.SENT, _S.OPEN, _S.CLOSED}),
    _S.OPEN: frozenset({_S.CLOSED}),
    _S.CLOSED: frozenset(),
}
"""Every legal step."""
REPORTING = frozenset({_S.SENT, _S.OPEN})
"""It is out, and its subscription did not end."""


class ReferUsage:
    """What is known of one REFER. Plain data: `Transferor` decides what follows."""

    __slots__ = (
        "accepted",
        "aliases",
        "attempts",
        "end_reason",
        "ended_again_at",
        "final",
        "handed_over_at",
        "hopeless",
        "last_cseq",
        "last_status",
        "notified",
        "notify_cseq",
        "overtaken_until",
        "provisional",
        "refused",
        "retry_at",
        "riders",
        "state",
        "stored",
        "subscribe_deadline",
        "subscribed",
        "terminated_at",
        "unanswered",
        "undelivered",
        "unreported",
    )

    def __init__(self, owner: Transfer) -> None:
        self.riders: list[Transfer] = [owner]
        """The transfer that sends it, then those that joined its subscription."""
        self.state = ReferState.IDLE
        self.stored = False
        """The owner's record is safe: it may be sent."""
        self.unanswered = False
        """Its transaction is open: no INVITE or UPDATE of ours meanwhile."""
        self.undelivered = False
        """Its connection failed: most likely nobody has it."""
        self.provisional = 0
        """Number of 1xx answers."""
        self.accepted = False
        self.refused = False
        self.hopeless = False
        """Answered 481, or in a way that nothing can follow: closed with the verdict."""
        self.unreported = False
        """`Refer-Sub: false`: there is no subscription."""
        self.retry_at = 0.0
        self.attempts: list[str] = []
        """CSeq of each attempt: any of them is an `id` of ours."""
        self.last_cseq = 0
        self.aliases: set[str] = set()
        """Ids of the peer's own making that came while there was no other REFER."""
        self.notified = False
        self.notify_cseq = -1
        """Highest CSeq among its NOTIFYs."""
        self.last_status = 0
        """Status of the last sipfrag, 0 before the first."""
        self.final: int | None = None
        """First final status of a NOTIFY."""
        self.terminated_at: float | None = None
        """When the subscription ended without a final status."""
        self.handed_over_at: float | None = None
        """When it ended with 100 as its last word: a BYE of the peer soon after is success."""
        self.overtaken_until = -inf
        """Closed by a NOTIFY that may have overtaken the one with the outcome: until then that
        one is still awaited."""
        self.end_reason = ""
        self.subscribed = False
        """The one SUBSCRIBE for the outcome is spent."""
        self.subscribe_deadline: float | None = None
        self.ended_again_at: float | None = None
        """When it ended once more while the SUBSCRIBE was unanswered (RFC 6665 §4.1.2.4: its NOTIFY
        may come first)."""

    @property
    def transfer_id(self) -> str:
        """The id under which the leg knows this REFER: its owner's."""
        return self.riders[0].transfer_id

    @property
    def refer_to(self) -> str:
        """Where it points."""
        return self.riders[0].refer_to

    @property
    def may_report(self) -> bool:
        """It is out, and not refused: a NOTIFY with the outcome may still come."""
        return self.state in REPORTING and not self.refused

    @property
    def selectable(self) -> bool:
        """A NOTIFY may belong to it: it was sent, and accepted or at least not refused."""
        return bool(self.attempts) and (self.accepted or not self.refused)

    def become(self, state: ReferState) -> None:
        """Change the state where that is a step; anything else is no change."""
        if state in STEPS[self.state]:
            self.state = state

    def watched(self, now: float) -> bool:
        """A late success counts for one of its transfers."""
        return any(rider.verdict in WATCHED and now < watch_end(rider) for rider in self.riders)

    def watch_end(self) -> float:
        """Until when NOTIFYs are awaited: 3 minutes after the last verdict, for ever while there
        is none, `-inf` once it is closed for good."""
        if self.state is ReferState.CLOSED:
            return self.overtaken_until
        return max(watch_end(rider) for rider in self.riders)


def watch_end(rider: Transfer) -> float:
    """Until when a late outcome counts for this transfer."""
    return inf if rider.ended_at is None else rider.ended_at + WATCH


def select(usages: Sequence[ReferUsage], notify: Notify) -> ReferUsage | None:
    """The REFER that a NOTIFY speaks of; None for an unknown `id` (transfer.md §4).

    One REFER ever accepted: any `id` or none is it, and an `id` of the peer's own making is
    remembered. Several: the `id` is the CSeq of any attempt; without one, the oldest open.
    """
    candidates = [usage for usage in usages if usage.selectable]
    event_id = notify.event_id
    if event_id is not None:
        known = _first(r for r in candidates if event_id in r.attempts)
        known = known or _first(r for r in candidates if event_id in r.aliases)
        if known is not None:
            return known
    likely = [r for r in candidates if r.accepted or not r.undelivered] or candidates
    if len(likely) == 1:
        if event_id is not None:
            likely[0].aliases.add(event_id)
        return likely[0]
    if event_id is not None:
        return None
    return _first(r for r in likely if r.may_report and r.final is None)


def _first(usages: Iterable[ReferUsage]) -> ReferUsage | None:
    return next(iter(usages), None)
