"""`hookflash provider twilio` before Twilio is asked; the rest is tests/interop/test_twilio.py."""

from __future__ import annotations

import sys

import pytest
from tests.support.cli import invoke

NOWHERE = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--number", "5105550100"), "is not + and digits"),
        (("--origination", "sip.example.com"), "is not such as sip:sip.example.com:5060"),
        (("--origination", "sip:a@b"), "is not such as"),
    ],
)
@pytest.mark.parametrize("command", ["check", "setup"])
def test_wrong_options(command: str, words: tuple[str, ...], said: str) -> None:
    ran = invoke(NOWHERE, "provider", "twilio", command, *words)
    assert ran.code == 2
    assert said in " ".join(ran.err.split())


def test_a_domain_that_is_none_of_twilios() -> None:
    ran = invoke(NOWHERE, "provider", "twilio", "setup", "--domain", "sip.example.com")
    assert ran.code == 2
    assert "acme.pstn.twilio.com" in ran.err


@pytest.mark.parametrize("command", ["show", "check", "setup"])
def test_without_the_library(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "twilio.rest", None)
    ran = invoke(NOWHERE, "provider", "twilio", command)
    assert ran.code == 1
    assert ran.err == (
        "hookflash: Twilio's library is not installed: pip install 'hookflash[twilio]'\n"
    )
