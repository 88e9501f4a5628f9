"""What is kept of transfers, calls and dialogs; the store and the API read these."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Literal, TypeVar

from ..base.light import light_dataclass
from ..rtp.stats import MediaStats
from ..sip.dialog import DialogRecord
from ..sip.flow import Address

__all__ = [
    "AttemptRecord",
    "CallDirection",
    "CallRecord",
    "DialRecord",
    "DialogRecord",
    "KeptMessage",
    "KeptMessages",
    "Left",
    "MediaStats",
    "Mode",
    "Side",
    "Stage",
    "StageEntry",
    "TransferReason",
    "TransferRecord",
    "Verdict",
    "in_world_time",
]

CallDirection = Literal["inbound", "outbound"]
Side = Literal["local", "remote"]
Left = Literal["hangup", "transfer", "canceled", "rejected", "unavailable", "dropped"]
"""Why a caller leaves its room (`effects.LegLeft`)."""

Stage = Literal["requested", "sent", "challenged", "waiting", "accepted", "trying", "ringing"]
Verdict = Literal[
    "succeeded",
    "refused",
    "rejected",
    "timed out",
    "call ended",
    "subscription ended",
    "canceled",
    "unreachable",
    "interrupted",
]
Mode = Literal["refer", "bridge", "attended"]
"""How an attempt carries a transfer out (transfer-modes.md)."""
TransferReason = Literal[
    "STR_UNSPECIFIED",
    "STR_COMPLETED",
    "STR_CALL_ENDED",
    "STR_REJECTED",
    "STR_RINGING_TIMEOUT",
    "STR_SUBSCRIPTION_TERMINATED",
    "STR_CANCELED",
]


@light_dataclass(frozen=True, slots=True)
class StageEntry:
    """One stage and when it was reached (seconds since the epoch)."""

    stage: Stage
    at: float


@light_dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One attempt to carry a transfer out."""

    target: str
    """The URI as sent, without brackets."""
    mode: Mode = "refer"
    stages: tuple[StageEntry, ...] = ()
    """Without `requested`, which is the transfer's."""
    outcome: Verdict | None = None
    """How it ended; None while it goes on."""
    sip_status: int | None = None
    """The last one that came for it."""


@light_dataclass(frozen=True, slots=True)
class TransferRecord:
    """A transfer as it is stored (transfer.md §1). Replaced as a whole at every change."""

    transfer_id: str
    call_id: str
    """SCL_ id of the leg."""
    room: str
    identity: str
    target: str
    """As asked."""
    refer_to: str
    """As sent, with its angle brackets."""
    api_key: str
    request_id: str
    created_at: float
    """Seconds since the epoch."""
    mode: Mode = "refer"
    stages: tuple[StageEntry, ...] = ()
    """Of all attempts, one after another."""
    verdict: Verdict | None = None
    ended_at: float | None = None
    sip_status: int | None = None
    """Last SIP status that came for it, in an answer to REFER or in a sipfrag."""
    sip_reason: str = ""
    error: str = ""
    """The text of the API error without the `twirp error unknown: ` prefix; "" on success."""
    notes: tuple[str, ...] = ()
    late_success: bool = False
    participant_sid: str = ""
    attempts: tuple[AttemptRecord, ...] = ()
    """In the order in which they were made; the verdict is that of the last."""
    provider: str = ""
    """Name of the preset that made `refer_to` of `target`; "" where it went as asked."""


@light_dataclass(frozen=True, slots=True)
class DialRecord:
    """A CreateSIPParticipant with a request id and what came of it: its repetition gets the same,
    and never dials twice (calls.md §4)."""

    api_key: str
    request_id: str
    created_at: float
    """Seconds since the epoch."""
    room: str
    callee: str
    """`sip_call_to`."""
    call_id: str
    """SCL_ id."""
    identity: str
    participant_sid: str
    verdict: Literal["answered", "failed", "interrupted"] | None = None
    """None: it is being dialled. `interrupted`: the process died meanwhile."""
    error_code: str = ""
    """Of the failure's Twirp error, with its text and meta."""
    error_text: str = ""
    error_meta: dict[str, str] = field(default_factory=dict)


@light_dataclass(frozen=True, slots=True)
class CallRecord:
    """One line of the call history (calls.md §6)."""

    call_id: str
    sip_call_id: str
    direction: CallDirection
    room: str = ""
    identity: str = ""
    trunk_id: str = ""
    rule_id: str = ""
    caller: str = ""
    called: str = ""
    created_at: float = 0.0
    answered_at: float | None = None
    ended_at: float | None = None
    answer_status: int | None = None
    """Final status of the INVITE."""
    end_reason: str = ""
    end_cause: str = ""
    """The Reason header of what ended it (RFC 3326), of either side."""
    ended_by: Side | None = None
    stats: MediaStats = field(default_factory=MediaStats)


@light_dataclass(frozen=True, slots=True)
class KeptMessage:
    """One SIP message of a call, without credentials."""

    at: float
    """Seconds since the epoch."""
    received: bool
    """Whether it came in."""
    transport: str
    """`udp`, `tcp` or `tls`."""
    local: Address
    remote: Address
    data: bytes
    """As it went by, but for what was overwritten (`sip.redaction`)."""


@light_dataclass(frozen=True, slots=True)
class KeptMessages:
    """The SIP messages of a call, in the order in which they went by."""

    messages: tuple[KeptMessage, ...]
    dropped: int = 0
    """Of the middle, where there were too many (`sip.trace`)."""


R = TypeVar("R", TransferRecord, CallRecord, DialRecord)


def in_world_time(record: R, shift: float) -> R:
    """A record whose times are those of deadlines, with the times that others are told
    (`ports.WorldClock.shift`)."""
    if not shift:
        return record
    if isinstance(record, DialRecord):
        return replace(record, created_at=record.created_at + shift)
    ended_at = None if record.ended_at is None else record.ended_at + shift
    if isinstance(record, TransferRecord):
        return replace(
            record,
            created_at=record.created_at + shift,
            ended_at=ended_at,
            stages=_shifted(record.stages, shift),
            attempts=tuple(
                replace(attempt, stages=_shifted(attempt.stages, shift))
                for attempt in record.attempts
            ),
        )
    answered_at = None if record.answered_at is None else record.answered_at + shift
    return replace(
        record, created_at=record.created_at + shift, ended_at=ended_at, answered_at=answered_at
    )


def _shifted(stages: tuple[StageEntry, ...], shift: float) -> tuple[StageEntry, ...]:
    return tuple(replace(entry, at=entry.at + shift) for entry in stages)
