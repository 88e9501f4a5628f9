"""What `hookflash phone` asks a carrier."""

from __future__ import annotations

import pytest

from hookflash.cli.phone_http import PhoneError, ask, check_address, refusal


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"error": "there is no call CA_2"}', "there is no call CA_2"),
        (b'{"msg": "?"}', "the carrier answered 404"),
        (b"[]", "the carrier answered 404"),
        (b"<html>", "the carrier answered 404"),
    ],
)
def test_why_it_refuses(body: bytes, why: str) -> None:
    assert refusal(404, body) == why


def test_what_is_an_address() -> None:
    check_address("http://127.0.0.1:8080")
    check_address("https://carrier.test")
    with pytest.raises(PhoneError, match=r"'127.0.0.1:8080' is no address such as"):
        check_address("127.0.0.1:8080")


@pytest.mark.parametrize("url", ["http://127.0.0.1:x", "http://", "http://[::1"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(PhoneError, match="no carrier at http://"):
        ask(url, "GET")
