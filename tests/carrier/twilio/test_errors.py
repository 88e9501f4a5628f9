"""Errors as Twilio's JSON has them."""

from __future__ import annotations

from hookflash.carrier.twilio.errors import DOMAIN_TAKEN, NAMES, RestError


def test_the_body_of_an_error() -> None:
    error = RestError(400, DOMAIN_TAKEN, "taken")
    assert error.body == {
        "code": 21248,
        "message": "taken",
        "more_info": "https://www.twilio.com/docs/errors/21248",
        "status": 400,
    }
    assert str(error) == "taken"


def test_codes_are_of_rest_and_of_trunks() -> None:
    """20xxx and 21xxx; a page of errors has 32xxx for SIP."""
    assert all(20000 <= code < 22000 for code in NAMES)
