"""What the rooms refuse, in the words of signalling (RequestResponse)."""

from __future__ import annotations

from livekit.protocol.rtc import SignalRequest, SignalResponse

from ..base.errors import ApiError
from .responses import Reason, answer_to

_REASONS = {
    "permission_denied": Reason.NOT_ALLOWED,
    "not_found": Reason.NOT_FOUND,
    "resource_exhausted": Reason.LIMIT_EXCEEDED,
    "invalid_argument": Reason.INVALID_REQUEST,
    "already_exists": Reason.INVALID_REQUEST,
    "unimplemented": Reason.UNSUPPORTED_TYPE,
}

_TEXTS = {
    "name length exceeds limits": "exceeds name length limit",
    "metadata size exceeds limits": "exceeds metadata size limit",
    "attribute size exceeds limits": "exceeds attributes size limit",
}
"""LiveKit's, where a client's own update is refused; by what the API says of it (`rooms.rules`)."""

NO_OWN_METADATA = "does not have permission to update own metadata"


def refusal(request: SignalRequest, error: ApiError) -> SignalResponse:
    """The answer to a request that was refused. LiveKit gives no text where the permission to
    publish is missing (conformance/signalling)."""
    reason = _REASONS.get(error.code, Reason.UNCLASSIFIED_ERROR)
    if reason == Reason.INVALID_REQUEST and request.HasField("update_metadata"):
        reason = Reason.LIMIT_EXCEEDED  # nothing else can be wrong with it
    text = "" if reason == Reason.NOT_ALLOWED else error.msg
    if request.HasField("update_metadata"):
        text = _TEXTS.get(error.meta.get("argument", ""), text)
    return answer_to(request, reason, text, request_id_of(request))


def request_id_of(request: SignalRequest) -> int:
    """Its request_id; 0 for those that have none."""
    if request.WhichOneof("message") == "update_metadata":
        return request.update_metadata.request_id
    return 0
