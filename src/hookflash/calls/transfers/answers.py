"""What the API answers for a transfer: success, or the Twirp error of its verdict (transfer.md §1).

Everything is derived from the stored record, so a repeated request gets the same answer later.
Texts marked as prefixed in facts §3.4 carry `status.PREFIX`; `TransferRecord.error` is without.
"""

from __future__ import annotations

from livekit.protocol import sip as proto

from ...base.errors import ApiError
from ...sip.effects import FailureReason
from ..records import TransferRecord, Verdict
from ..status import PREFIX, status_meta, status_text, twirp_code
from .transfer import REASONS

CANCELED = "refer canceled"
CALL_ENDED = "call ended before transfer completed"
TIMED_OUT = "request timed out"
INTERRUPTED = "service shutting down"
NOT_STORED = "the transfer could not be stored, and was not begun: see the log of the exchange"
NOT_CONNECTED = "REFER could not be sent: connection failed"
NOT_FOUND = "REFER could not be sent: the peer's address was not found"

_CODES: dict[Verdict, str] = {
    "timed out": "deadline_exceeded",
    "call ended": "aborted",
    "subscription ended": "internal",
    "canceled": "canceled",
    "unreachable": "canceled",
    "interrupted": "unavailable",
}


def refused_text(status: int, phrase: str, explain: str = "") -> str:
    """REFER itself was refused; `explain` says in words why an answer of ours was not possible."""
    text = status_text(status, phrase)
    return f"{text} ({explain})" if explain else text


def rejected_text(status: int, phrase: str) -> str:
    """A NOTIFY told that the target refused."""
    return f"call transfer failed: {status_text(status, phrase)}"


def subscription_ended_text(reason: str, last_status: int) -> str:
    """`reason` as in Subscription-State, `last_status` 0 where no sipfrag ever came."""
    return (
        "call transfer failed: REFER subscription terminated without a final status "
        f'(reason "{reason}", last status {last_status})'
    )


def unreachable_text(reason: FailureReason, provisional: int) -> str:
    """No answer to REFER; `provisional` is the number of 1xx that came."""
    if reason == "transport":
        return NOT_CONNECTED
    if reason == "unresolved":
        return NOT_FOUND
    return f"transaction failed to complete ({provisional} intermediate responses)"


def success(record: TransferRecord) -> proto.TransferSIPParticipantResponse:
    """The answer of a transfer that succeeded; `sip_status` stays unset (old SDKs break on it)."""
    return proto.TransferSIPParticipantResponse(
        transfer_id=record.transfer_id,
        status=proto.SIPTransferStatus.STS_TRANSFER_SUCCESSFUL,
        reason=proto.SIPTransferReason.STR_COMPLETED,
    )


def failure(record: TransferRecord) -> ApiError | None:
    """The Twirp error of a decided transfer, None where it succeeded or is not decided."""
    verdict = record.verdict
    if verdict is None or verdict == "succeeded":
        return None
    status, phrase, text = record.sip_status, record.sip_reason, record.error
    meta = {}
    if verdict == "refused" and status is not None:
        code = twirp_code(status)
        meta = status_meta(status, phrase, code, refused_text(status, phrase))
    elif verdict == "rejected" and status is not None:
        code = twirp_code(status)
        meta = status_meta(status, phrase, code, text)
    else:
        code = _CODES.get(verdict, "unknown")
        if verdict == "interrupted":
            text = text or INTERRUPTED
        if verdict == "unreachable" and text in {NOT_CONNECTED, NOT_FOUND}:
            code = "unavailable"
        if verdict == "call ended" and status == 481:
            meta = status_meta(status, phrase, code, text)
    meta["sip_transfer_id"] = record.transfer_id
    meta["sip_transfer_reason"] = REASONS[verdict]
    return ApiError(code, PREFIX + text, meta)


def wait_over(transfer_id: str) -> ApiError:
    """This request's own wait is over; the transfer goes on, so there is no reason yet."""
    return ApiError("deadline_exceeded", PREFIX + TIMED_OUT, {"sip_transfer_id": transfer_id})


def elsewhere() -> ApiError:
    """Another transfer of this call, to another target, is pending."""
    return ApiError("invalid_argument", PREFIX + "call already being transferred elsewhere")


def not_established() -> ApiError:
    """The call is not answered yet (the leg says so, before it asks the transferor)."""
    return ApiError("failed_precondition", PREFIX + "can't transfer non established call")


def hung_up() -> ApiError:
    """The call is over."""
    return ApiError("failed_precondition", PREFIX + "can't transfer hung up call")


def other_target() -> ApiError:
    """The same X-Livekit-Request-Id came before with another target."""
    return ApiError("invalid_argument", "request id was already used with another transfer_to")
