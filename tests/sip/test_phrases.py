"""Default reason phrases."""

from __future__ import annotations

import pytest

from hookflash.sip.phrases import fault_phrase, reason_phrase, told_phrase


@pytest.mark.parametrize(
    ("status", "phrase"),
    [
        (100, "Trying"),
        (202, "Accepted"),
        (481, "Call/Transaction Does Not Exist"),
        (603, "Decline"),
        (199, "Early Dialog Terminated"),
        (222, "Success"),
        (399, "Redirection"),
        (499, "Client Error"),
        (599, "Server Error"),
        (699, "Global Failure"),
        (150, "Progress"),
        (99, "Unknown"),
        (700, "Unknown"),
    ],
)
def test_phrases(status: int, phrase: str) -> None:
    assert reason_phrase(status) == phrase


def test_what_a_peer_says_is_told_without_what_a_terminal_obeys() -> None:
    assert told_phrase("D\udce9cline") == "D\ufffdcline"
    assert told_phrase("\x1b[2JDe\x07cl\x9bi\tne ü") == "[2JDecli\tne ü"


def test_only_a_400_names_its_fault_and_nothing_that_no_phrase_may_hold() -> None:
    assert fault_phrase(400, "Bad \r\n\udcff line") == "Bad ??? line"
    assert fault_phrase(400, "x" * 200) == "x" * 100
    assert fault_phrase(400, "") is None
    assert fault_phrase(415, "body not understood") is None
