"""What a refusal of a REST is."""

from __future__ import annotations

import pytest

from hookflash.carrier.rest.messages import RestAnswer, RestFaceError
from hookflash.carrier.telnyx.errors import BAD_REQUEST, TelnyxFaceError
from hookflash.carrier.twilio.errors import NOT_ALLOWED, RestError


@pytest.mark.parametrize(
    "error", [RestError(400, NOT_ALLOWED, "no"), TelnyxFaceError(400, BAD_REQUEST, "no")]
)
def test_a_refusal_is_answered_by_its_carriers_body(error: RestFaceError) -> None:
    assert (error.status, error.text, str(error)) == (400, "no", "no")
    assert error.answer == RestAnswer(400, error.body)
    assert "no" in str(error.body)
