from __future__ import annotations

import pytest

from hookflash.calls.trunks.numbers import distinct, normalise


@pytest.mark.parametrize(
    ("number", "normal"),
    [
        ("+1 (510) 555-0100", "+15105550100"),
        ("1510-555-0100", "+15105550100"),
        ("+15105550100", "+15105550100"),
        ("100", "+100"),
        ("alice", "alice"),
        ("alice 1", "alice 1"),
        ("+1+2", "+1+2"),
        ("+", "+"),
        ("", ""),
        ("1510*", "1510*"),
        ("١٢٣", "١٢٣"),
        ("+1\n", "+1\n"),
    ],
)
def test_normalise(number: str, normal: str) -> None:
    assert normalise(number) == normal


def test_distinct_keeps_the_first_spelling() -> None:
    assert distinct(["1 5", "+15", "bob"]) == {"+15": "1 5", "bob": "bob"}
