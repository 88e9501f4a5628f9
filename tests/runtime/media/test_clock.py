"""One clock, and nothing adds up."""

from __future__ import annotations

import asyncio

import pytest

from hookflash.runtime.media.clock import MediaClock, Schedule


def test_the_schedule_does_not_drift() -> None:
    schedule = Schedule(100.0)
    now, count = 100.0, 0
    for _ in range(100_000):
        now = schedule.due + 0.0007  # the loop is always a little late
        count += schedule.passed(now)
    assert count == 100_000
    assert schedule.due == pytest.approx(100 + 100_001 * 0.02)


def test_early_is_nothing() -> None:
    schedule = Schedule(0.0)
    assert schedule.passed(0.0199) == 0
    assert schedule.passed(0.02) == 1
    assert schedule.passed(0.0201) == 0


def test_short_delays_are_made_up_for() -> None:
    schedule = Schedule(0.0)
    assert schedule.passed(0.081) == 4
    assert schedule.due == pytest.approx(0.1)


def test_a_long_stop_is_not() -> None:
    schedule = Schedule(0.0)
    assert schedule.passed(10.0) == 1
    assert schedule.skipped == 499
    assert schedule.due == pytest.approx(10.02)


def test_it_ticks_on_a_loop() -> None:
    async def run() -> int:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        ticks = []

        def tick() -> None:
            ticks.append(loop.time())
            if len(ticks) == 3:
                done.set_result(None)

        clock = MediaClock(loop, tick)
        clock.start()
        clock.start()
        assert clock.running
        await done
        clock.stop()
        assert not clock.running
        assert clock.skipped >= 0
        return len(ticks)

    assert asyncio.run(run()) == 3
