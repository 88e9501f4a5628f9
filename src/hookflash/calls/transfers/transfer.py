"""One transfer: its stages, its verdict, who waits for it (transfer.md §1).

    requested ──▶ sent ──▶ accepted, trying, ringing in any order ──▶ verdict
                  │  ▲ ▲
                  ▼  │ └── waiting (491)
              challenged (401, 407)

A verdict may come in every stage and is set once. A transfer that takes its outcome from the
REFER of an earlier one goes from `requested` straight to `accepted`. `LEGAL` is the table; only
`Transfer.enter` changes a stage and only `Transfer.decide` sets a verdict. Stages are those of its
attempts, one after another; each attempt begins anew.
"""

from __future__ import annotations

from math import inf

from ...base.errors import ApiError
from ...sip.refer import ReferTarget
from ..records import (
    AttemptRecord,
    Mode,
    Stage,
    StageEntry,
    TransferReason,
    TransferRecord,
    Verdict,
)
from .attempt import WATCH, Attempt
from .request import TransferRequest

LEGAL: dict[Stage, frozenset[Stage]] = {
    "requested": frozenset({"sent", "accepted"}),
    "sent": frozenset({"challenged", "waiting", "accepted"}),
    "challenged": frozenset({"sent", "accepted"}),
    "waiting": frozenset({"sent", "accepted"}),
    "accepted": frozenset({"trying", "ringing"}),
    "trying": frozenset({"ringing"}),
    "ringing": frozenset({"trying"}),
}
"""Every legal step from stage to stage. What the peer does against it changes no stage."""

REASONS: dict[Verdict, TransferReason] = {
    "succeeded": "STR_COMPLETED",
    "refused": "STR_REJECTED",
    "rejected": "STR_REJECTED",
    "timed out": "STR_RINGING_TIMEOUT",
    "call ended": "STR_CALL_ENDED",
    "subscription ended": "STR_SUBSCRIPTION_TERMINATED",
    "canceled": "STR_CANCELED",
    "unreachable": "STR_UNSPECIFIED",
    "interrupted": "STR_UNSPECIFIED",
}
"""LiveKit's reason of each verdict."""

WATCHED: frozenset[Verdict] = frozenset({"timed out", "canceled", "call ended", "unreachable"})
"""Verdicts after which the REFER may still succeed: a late 2xx ends the call (transfer.md §5)."""

MOST_STAGES = 64
MOST_NOTES = 32
"""Of one transfer: a peer whose NOTIFYs go from trying to ringing and back without end makes no
record that grows, nor more webhooks. Transfers have a handful of either."""

DEFAULT_RINGING_TIMEOUT = 30.0
LONGEST_RINGING_TIMEOUT = 3600.0


def ringing_timeout(seconds: float | None) -> float:
    """What a request's ringing_timeout means: absent, zero or negative is 30 s.

    Raises:
        ApiError: invalid_argument above one hour.
    """
    if seconds is None or seconds <= 0:
        return DEFAULT_RINGING_TIMEOUT
    if seconds > LONGEST_RINGING_TIMEOUT:
        raise ApiError("invalid_argument", "ringing_timeout must not exceed 1h")
    return seconds


class _AttemptLog:
    """What the record keeps of one attempt."""

    __slots__ = ("attempt", "outcome", "sip_status", "stages")

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.stages: list[StageEntry] = []
        self.outcome: Verdict | None = None
        self.sip_status: int | None = None

    def record(self) -> AttemptRecord:
        attempt = self.attempt
        return AttemptRecord(
            attempt.target.uri, attempt.mode, tuple(self.stages), self.outcome, self.sip_status
        )


class Transfer:
    """The machine of one transfer. Knows no SIP: `outcomes` tells it what a report meant."""

    __slots__ = (
        "_logs",
        "_stages",
        "call_id",
        "created_at",
        "deadline",
        "ended_at",
        "error",
        "late_success",
        "mode",
        "notes",
        "request",
        "sip_reason",
        "sip_status",
        "tickets",
        "transfer_id",
        "verdict",
    )

    def __init__(self, now: float, call_id: str, request: TransferRequest) -> None:
        """`begin` gives it its first attempt."""
        self.transfer_id = request.transfer_id
        self.call_id = call_id
        self.request = request
        self.mode: Mode = "refer"
        """As asked for."""
        self.created_at = now
        self.deadline = now + request.ringing_timeout
        self._stages = [StageEntry("requested", now)]
        """Of all attempts."""
        self._logs: list[_AttemptLog] = []
        self.tickets: dict[int, float] = {}
        """Waiting API requests, each with the time at which its own wait ends."""
        self.verdict: Verdict | None = None
        self.ended_at: float | None = None
        self.sip_status: int | None = None
        self.sip_reason = ""
        self.error = ""
        self.notes: list[str] = []
        self.late_success = False

    @property
    def target(self) -> ReferTarget:
        """As asked for."""
        return self.request.target

    @property
    def attempt(self) -> Attempt:
        """The last one."""
        return self._logs[-1].attempt

    def begin(self, attempt: Attempt) -> None:
        """Carried out by this attempt from now on: one of its own, or an earlier transfer's."""
        self._logs.append(_AttemptLog(attempt))

    def rides_on(self, attempt: Attempt) -> bool:
        """It was carried out, or is, by this attempt."""
        return any(log.attempt is attempt for log in self._logs)

    def attempt_ended(self, how: Verdict) -> None:
        """Keep how the last attempt ended."""
        self._logs[-1].outcome = how

    @property
    def stage(self) -> Stage:
        """The stage that its attempt is in; after the verdict the one it was decided in."""
        stages = self._logs[-1].stages
        return stages[-1].stage if stages else "requested"

    def enter(self, now: float, stage: Stage) -> bool:
        """Reach a stage. False where that is no step (`LEGAL`), or the verdict is there: what
        makes stages is the peer's, in whatever order and as often as it likes."""
        if self.verdict is not None or stage not in LEGAL[self.stage]:
            return False
        if len(self._stages) >= MOST_STAGES and stage != "accepted":
            return False
        entry = StageEntry(stage, now)
        self._stages.append(entry)
        self._logs[-1].stages.append(entry)
        return True

    def saw(self, status: int, reason: str) -> None:
        """Keep the last SIP status that came for it; the verdict freezes it."""
        if self.verdict is None:
            self.sip_status = self._logs[-1].sip_status = status
            self.sip_reason = reason

    def note(self, text: str) -> None:
        """Add a remark in words, each once."""
        if text not in self.notes and len(self.notes) < MOST_NOTES:
            self.notes.append(text)

    def decide(self, now: float, verdict: Verdict, error: str = "") -> None:
        """Set the verdict; `error` is the text of the API error without its prefix. A second one is
        a mistake of ours."""
        if self.verdict is not None:
            raise AssertionError(f"{self.transfer_id} is already {self.verdict}")
        self.verdict = verdict
        self.ended_at = now
        self.error = error

    def wait(self, now: float, ticket: int, limit: float | None) -> None:
        """An API request waits for the verdict, at most `limit` seconds."""
        self.tickets[ticket] = inf if limit is None else now + limit

    def give_up(self, now: float) -> list[int]:
        """Tickets whose own wait is over; they are dropped."""
        over = [ticket for ticket, until in self.tickets.items() if until <= now]
        for ticket in over:
            del self.tickets[ticket]
        return over

    def next_deadline(self) -> float:
        """The ringing timeout, or the end of the shortest wait."""
        return min(self.deadline, *self.tickets.values()) if self.tickets else self.deadline

    def watch_end(self) -> float:
        """Until when a late outcome counts for it."""
        return inf if self.ended_at is None else self.ended_at + WATCH

    def record(self) -> TransferRecord:
        """Everything as it is to be stored and shown."""
        request = self.request
        return TransferRecord(
            transfer_id=self.transfer_id,
            call_id=self.call_id,
            room=request.room,
            identity=request.identity,
            target=request.target.asked,
            refer_to=request.target.refer_to,
            api_key=request.api_key,
            request_id=request.request_id,
            created_at=self.created_at,
            mode=self.mode,
            stages=tuple(self._stages),
            verdict=self.verdict,
            ended_at=self.ended_at,
            sip_status=self.sip_status,
            sip_reason=self.sip_reason,
            error=self.error,
            notes=tuple(self.notes),
            late_success=self.late_success,
            participant_sid=request.participant_sid,
            attempts=tuple(log.record() for log in self._logs),
            provider=request.provider,
        )
