"""Default reason phrases."""

from __future__ import annotations

import pytest

from hookflash.sip.phrases import reason_phrase


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
