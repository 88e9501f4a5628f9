"""Where a provider's API is asked, and what is said where it does not answer."""

from __future__ import annotations

import pytest

from hookflash.adapters.provider_api import (
    ProviderApiError,
    no_library,
    refused,
    stand_in,
    unreached,
)


@pytest.mark.parametrize(
    ("api", "words"),
    [
        ("http://192.0.2.1:8080", "in clear; use https"),
        ("http://provider.example", "in clear; use https"),
        ("ftp://127.0.0.1", "no address such as"),
        ("127.0.0.1:8080", "no address such as"),
        ("https://", "no address such as"),
    ],
)
def test_the_secret_goes_nowhere_in_clear_but_to_this_machine(api: str, words: str) -> None:
    with pytest.raises(ProviderApiError, match=words):
        stand_in(api)


@pytest.mark.parametrize(
    "api",
    ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:8080", "https://a.example/v2"],
)
def test_elsewhere_it_may(api: str) -> None:
    assert stand_in(api).geturl() == api


def test_what_is_said() -> None:
    assert str(no_library("Acme", "acme")) == (
        "Acme's library is not installed: pip install 'hookflash[acme]'"
    )
    assert str(refused("Acme", 404, "gone", 20404)) == "Acme answered 404: gone (error 20404)"
    assert str(refused("Acme", 502, "no error of its API", None)) == (
        "Acme answered 502: no error of its API"
    )
    assert str(unreached("Acme", "no network")) == "Acme cannot be asked: no network"


def test_of_what_no_library_reached_the_systems_words_are_said() -> None:
    """As requests, urllib3 and httpx wrap it: with their own objects in the text."""
    wrapped = OSError("HTTPConnectionPool(host='127.0.0.1', port=9): Max retries exceeded")
    wrapped.__context__ = ValueError("NewConnectionError(<object at 0x7f>)")
    wrapped.__context__.__cause__ = ConnectionRefusedError(111, "Connection refused")
    assert str(unreached("Acme", wrapped)) == "Acme cannot be asked: Connection refused"
    assert str(unreached("Acme", OSError("no words"))) == "Acme cannot be asked: no words"
