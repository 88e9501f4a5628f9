"""What Twilio's library is not needed for; with it: tests/interop/test_twilio.py."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from hookflash.adapters import twilio_rest
from hookflash.adapters.twilio_rest import TwilioAccount, TwilioError


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "twilio.rest", None)
    with pytest.raises(TwilioError, match=r"pip install 'hookflash\[twilio\]'"):
        TwilioAccount({"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t"})


class Http:
    """The library's HTTP client as far as it is derived from."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def request(self, method: str, url: str, **named: Any) -> tuple[str, str]:
        return method, url


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module where the library has its HTTP client."""
    for name in ("twilio", "twilio.http"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    made = ModuleType("twilio.http.http_client")
    made.TwilioHttpClient = Http  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "twilio.http.http_client", made)


@pytest.mark.usefixtures("library")
def test_a_server_in_twilios_place_gets_the_path_and_the_query() -> None:
    client = twilio_rest._http("https://twilio.example:8443")
    asked = client.request("GET", "https://trunking.twilio.com/v1/Trunks?Page=1")
    assert asked == ("GET", "https://twilio.example:8443/v1/Trunks?Page=1")
    assert type(twilio_rest._http("")) is Http


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("api", "words"),
    [
        ("http://192.0.2.1:8080", "in clear; use https"),
        ("http://twilio.example", "in clear; use https"),
        ("ftp://127.0.0.1", "no address such as"),
        ("127.0.0.1:8080", "no address such as"),
    ],
)
def test_the_secret_goes_nowhere_in_clear_but_to_this_machine(api: str, words: str) -> None:
    with pytest.raises(TwilioError, match=words):
        twilio_rest._http(api)
    for good in ("http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:8080"):
        assert twilio_rest._http(good) is not None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '{"code": 20003, "message": "Authenticate"}',
            "Twilio answered 401: Authenticate (error 20003)",
        ),
        ('{"message": "no"}', "Twilio answered 401: no"),
        ("<html>", "Twilio answered 401: no error of its API"),
        ("[]", "Twilio answered 401: no error of its API"),
    ],
)
def test_what_is_refused_of_a_list(text: str, words: str) -> None:
    error = Exception("Unable to fetch page", SimpleNamespace(status_code=401, text=text))
    assert str(twilio_rest._unreadable(error)) == words
    assert str(twilio_rest._unreadable(Exception("lost"))) == "Twilio cannot be asked: lost"
