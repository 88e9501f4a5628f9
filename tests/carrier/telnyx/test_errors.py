"""Errors as Telnyx's JSON has them."""

from __future__ import annotations

from hookflash.carrier.telnyx.errors import NOT_FOUND, TITLES, TelnyxFaceError


def test_the_body_of_an_error() -> None:
    error = {
        "code": "10005",
        "title": "Resource not found",
        "detail": "gone",
        "meta": {"url": "https://developers.telnyx.com/docs/overview/errors/10005"},
    }
    assert TelnyxFaceError(404, NOT_FOUND, "gone").body == {"errors": [error]}
    pointed = {**error, "source": {"pointer": "/name"}}
    assert TelnyxFaceError(404, NOT_FOUND, "gone", "/name").body == {"errors": [pointed]}


def test_codes_are_of_the_api() -> None:
    assert all(10000 < code < 11000 for code in TITLES)
