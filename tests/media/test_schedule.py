"""Ticks at multiples of 20 ms, and how late they came."""

from __future__ import annotations

import pytest

from hookflash.media.schedule import LATE, Lateness, TickSchedule


def test_the_schedule_does_not_drift() -> None:
    schedule = TickSchedule(100.0)
    now, count = 100.0, 0
    for _ in range(100_000):
        now = schedule.due + 0.0007  # the loop is always a little late
        count += schedule.passed(now)
    assert count == 100_000
    assert schedule.due == pytest.approx(100 + 100_001 * 0.02)


def test_early_is_nothing() -> None:
    schedule = TickSchedule(0.0)
    assert schedule.passed(0.0199) == 0
    assert schedule.passed(0.02) == 1
    assert schedule.passed(0.0201) == 0


def test_short_delays_are_made_up_for() -> None:
    schedule = TickSchedule(0.0)
    assert schedule.passed(0.081) == 4
    assert schedule.due == pytest.approx(0.1)


def test_a_long_stop_is_not() -> None:
    schedule = TickSchedule(0.0)
    assert schedule.passed(10.0) == 1
    assert schedule.skipped == 499
    assert schedule.due == pytest.approx(10.02)


def test_each_tick_is_counted_by_how_late_it_came() -> None:
    lateness = Lateness()
    schedule = TickSchedule(0.0, lateness)
    schedule.passed(0.0205)  # by 0.5 ms
    schedule.passed(0.041)  # by 1 ms, which is the limit
    schedule.passed(0.107)  # three at once: by 47, 27 and 7 ms
    by_limit = dict(zip(LATE, lateness.counts, strict=False))
    assert by_limit == {
        **dict.fromkeys(LATE, 0),
        **{0.001: 1, 0.002: 1, 0.01: 1, 0.05: 2},
    }
    assert lateness.total == pytest.approx(0.0005 + 0.001 + 0.047 + 0.027 + 0.007)


def test_ticks_that_are_skipped_were_late() -> None:
    lateness = Lateness()
    TickSchedule(0.0, lateness).passed(2.015)  # the first by 1.98 s, the last in time
    assert sum(lateness.counts) == 100
    assert lateness.counts[-1] == 75


def test_an_early_call_is_not_late() -> None:
    lateness = Lateness()
    TickSchedule(0.0, lateness).passed(0.02 - 1e-9)
    assert (lateness.counts[0], lateness.total) == (1, 0.0)
