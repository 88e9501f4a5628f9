"""What the rooms refuse, in the words of signalling."""

from __future__ import annotations

import pytest
from livekit.protocol.rtc import RequestResponse, SignalRequest

from hookflash.base.errors import ApiError
from hookflash.signalling.refusals import refusal

Reason = RequestResponse.Reason


@pytest.mark.parametrize(
    ("code", "reason", "text"),
    [
        ("permission_denied", Reason.NOT_ALLOWED, ""),
        ("not_found", Reason.NOT_FOUND, "why"),
        ("resource_exhausted", Reason.LIMIT_EXCEEDED, "why"),
        ("invalid_argument", Reason.INVALID_REQUEST, "why"),
        ("internal", Reason.UNCLASSIFIED_ERROR, "why"),
    ],
)
def test_codes_become_reasons(code: str, reason: RequestResponse.Reason, text: str) -> None:
    request = SignalRequest(mute={"sid": "TR_x"})
    answer = refusal(request, ApiError(code, "why")).request_response
    assert (answer.reason, answer.message, answer.request_id) == (reason, text, 0)
    assert answer.mute.sid == "TR_x"


def test_an_update_that_is_too_long_keeps_its_number() -> None:
    request = SignalRequest(update_metadata={"request_id": 7})
    answer = refusal(request, ApiError("invalid_argument", "too long")).request_response
    assert (answer.reason, answer.request_id) == (Reason.LIMIT_EXCEEDED, 7)
