"""Bits of a stream in a second."""

from __future__ import annotations

import pytest

from hookflash.media.rate import Rate


@pytest.mark.parametrize("start", [0.0, 1_800_000_000.05])
def test_it_is_that_of_the_last_second(start: float) -> None:
    rate = Rate()
    for number in range(300):
        rate.add(100, start + number / 100)
    assert rate.bits(start + 3.0) == pytest.approx(80_000, rel=0.02)
    assert rate.bits(start + 3.5) == pytest.approx(40_000, rel=0.1)
    assert rate.bits(start + 4.2) == 0


def test_what_came_before_a_pause_is_forgotten() -> None:
    rate = Rate()
    rate.add(1000, 10.0)
    rate.add(100, 100.0)
    assert rate.bits(100.5) == 800


def test_this_moment_does_not_count_yet() -> None:
    rate = Rate()
    rate.add(100, 10.0)
    assert rate.bits(10.05) == 0
    assert rate.bits(10.15) == 800
