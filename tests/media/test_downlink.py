"""What the way to a subscriber carries."""

from __future__ import annotations

import pytest

from hookflash.media.downlink import BEST, FIRST_HOLD, LONGEST_HOLD, Downlink


def reports(way: Downlink, start: float, *lost: float, rank: int = 2) -> float:
    """One a second; when the last came."""
    for number, part in enumerate(lost):
        way.reported(part, min(rank, way.cap), start + number)
    return start + len(lost) - 1


@pytest.mark.parametrize(
    ("lost", "cap"),
    [
        ((0.0, 0.05, 0.1, 0.1), BEST),
        ((0.2, 0.0, 0.2, 0.0), BEST),
        ((0.2, 0.2), 1),
        ((0.2, 0.2, 0.2, 0.2), 0),
        ((0.2,) * 9, 0),
    ],
)
def test_a_tenth_lost_in_two_reports_costs_a_layer(lost: tuple[float, ...], cap: int) -> None:
    way = Downlink()
    reports(way, 100.0, *lost)
    assert way.cap == cap


def test_the_layer_that_goes_out_counts() -> None:
    way = Downlink()
    reports(way, 100.0, 0.2, 0.2, rank=1)
    assert way.cap == 0


def test_reports_close_on_each_other_are_one() -> None:
    way = Downlink()
    for number in range(4):
        way.reported(0.5, 2, 100 + number / 10)
    assert way.cap == BEST


def test_a_better_one_is_tried_after_a_while_and_a_longer_one_each_time() -> None:
    way = Downlink()
    waits = []
    now = 100.0
    for _ in range(6):
        now = reports(way, now + 1, 0.2, 0.2)
        assert way.cap == 1
        lowered = now
        while way.cap < BEST:
            now = reports(way, now + 1, 0.0)
        waits.append(now - lowered)
    assert waits == [10, 20, 40, 80, 120, 120]
    assert (FIRST_HOLD, LONGEST_HOLD) == (10, 120)


def test_not_while_some_is_lost() -> None:
    way = Downlink()
    now = reports(way, 100.0, 0.2, 0.2)
    now = reports(way, now + 1, *[0.05] * 60)
    assert way.cap == 1
    reports(way, now + 1, 0.01)
    assert way.cap == BEST
