"""Transfers and calls as LiveKit's messages, and as the keys that Hookflash adds to them."""

from __future__ import annotations

from typing import Final, cast

from livekit.protocol.sip import (
    SIPCallDirection,
    SIPCallInfo,
    SIPCallStatus,
    SIPStatus,
    SIPStatusCode,
    SIPTransferInfo,
    SIPTransferStatus,
)

from ..base.protojson import Json, JsonWriter
from ..calls.records import AttemptRecord, CallRecord, TransferRecord
from ..calls.transfers.transfer import REASONS

to_json: Final = JsonWriter("json", defaults=False).to_dict
"""The JSON of webhooks: camelCase, only what is set."""


def nanoseconds(seconds: float | None) -> int:
    """For LiveKit's `…_at_ns` fields; 0 for a time that has not come."""
    return 0 if seconds is None else round(seconds * 1e6) * 1000


def sip_status(status: int | None, reason: str = "") -> SIPStatus | None:
    """LiveKit's SIPStatus; a number without a name in its enum stays a number."""
    if status is None:
        return None
    return SIPStatus(code=cast(SIPStatusCode, status), status=reason)


def transfer_info(record: TransferRecord) -> SIPTransferInfo:
    """livekit.SIPTransferInfo of a transfer as it stands."""
    if record.verdict is None:
        status, reason = SIPTransferStatus.STS_TRANSFER_ONGOING, "STR_UNSPECIFIED"
    else:
        succeeded = record.verdict == "succeeded"
        status = (
            SIPTransferStatus.STS_TRANSFER_SUCCESSFUL
            if succeeded
            else SIPTransferStatus.STS_TRANSFER_FAILED
        )
        reason = REASONS[record.verdict]
    return SIPTransferInfo(
        transfer_id=record.transfer_id,
        call_id=record.call_id,
        transfer_to=record.target,
        transfer_initiated_at_ns=nanoseconds(record.created_at),
        transfer_completed_at_ns=nanoseconds(record.ended_at),
        transfer_status=status,
        error=record.error,
        transfer_status_code=sip_status(record.sip_status, record.sip_reason),
        reason=reason,
    )


def transfer_json(record: TransferRecord) -> Json:
    """The value of `sipTransfer` in a webhook (transfer.md §7)."""
    body = to_json(transfer_info(record))
    added: Json = {
        "stage": record.stages[-1].stage if record.stages else "",
        "verdict": record.verdict,
        "notes": list(record.notes),
        "sipStatus": record.sip_status,
        "lateSuccess": record.late_success,
        "attempts": [_attempt_json(attempt) for attempt in record.attempts],
    }
    body.update((key, value) for key, value in added.items() if value)
    return body


def _attempt_json(attempt: AttemptRecord) -> Json:
    body: Json = {
        "target": attempt.target,
        "mode": attempt.mode,
        "stages": [{"stage": each.stage, "at": each.at} for each in attempt.stages],
        "outcome": attempt.outcome,
        "sipStatus": attempt.sip_status,
    }
    return {key: value for key, value in body.items() if value}


def call_info(record: CallRecord) -> SIPCallInfo:
    """livekit.SIPCallInfo of a call that is over."""
    failed = record.answered_at is None
    return SIPCallInfo(
        call_id=record.call_id,
        trunk_id=record.trunk_id,
        dispatch_rule_id=record.rule_id,
        room_name=record.room,
        participant_identity=record.identity,
        call_direction=(
            SIPCallDirection.SCD_INBOUND
            if record.direction == "inbound"
            else SIPCallDirection.SCD_OUTBOUND
        ),
        call_status=SIPCallStatus.SCS_ERROR if failed else SIPCallStatus.SCS_DISCONNECTED,
        created_at_ns=nanoseconds(record.created_at),
        started_at_ns=nanoseconds(record.answered_at),
        ended_at_ns=nanoseconds(record.ended_at),
        call_status_code=sip_status(record.answer_status),
        audio_codec=record.stats.codec,
        sip_call_id=record.sip_call_id,
    )


def call_json(record: CallRecord) -> Json:
    """The value of `sipCall` in a webhook (calls.md §6)."""
    body = to_json(call_info(record))
    stats = record.stats
    added: Json = {
        "caller": record.caller,
        "called": record.called,
        "endReason": record.end_reason,
        "endCause": record.end_cause,
        "endedBy": record.ended_by,
        "packetsSent": str(stats.packets_sent) if stats.packets_sent else "",
        "packetsReceived": str(stats.packets_received) if stats.packets_received else "",
        "packetsLost": str(stats.packets_lost) if stats.packets_lost else "",
        "jitterMs": round(stats.jitter_ms, 3),
    }
    body.update((key, value) for key, value in added.items() if value)
    return body
