"""Packets that have not come."""

from __future__ import annotations

from hookflash.media.gaps import AGAIN, MAX_MISSING, MAX_TIMES, Gaps


def test_what_is_missing_is_asked_for_until_it_comes() -> None:
    gaps = Gaps()
    assert list(gaps.opened(5, 8, 1.0)) == [5, 6, 7]
    assert gaps.due(1.05) == []
    assert gaps.filled(6)
    assert not gaps.filled(6)
    assert gaps.due(1.0 + AGAIN) == [5, 7]
    assert gaps.due(1.0 + AGAIN) == []


def test_it_is_given_up_in_the_end() -> None:
    gaps = Gaps()
    gaps.opened(5, 6, 0.0)
    asked = 1 + sum(len(gaps.due(number * 0.2)) for number in range(1, 30))
    assert asked == MAX_TIMES
    assert len(gaps) == 0


def test_too_many_are_not_asked_for() -> None:
    gaps = Gaps()
    assert len(gaps.opened(0, MAX_MISSING, 0.0)) == MAX_MISSING
    assert list(gaps.opened(MAX_MISSING + 1, MAX_MISSING + 2, 0.0)) == []
    assert len(gaps) == 0
    gaps.opened(1, 3, 0.0)
    gaps.clear()
    assert gaps.due(9.0) == []
