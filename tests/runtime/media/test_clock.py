"""One clock, and nothing adds up."""

from __future__ import annotations

import asyncio

import pytest

from hookflash.runtime.media.clock import LATE, Lateness, MediaClock, TickSchedule


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


@pytest.mark.parametrize(("late", "told"), [(0.0, 0), (0.015, 0), (0.025, 1), (0.07, 1), (3.0, 1)])
def test_a_tick_that_comes_a_whole_one_late_is_told_first(late: float, told: int) -> None:
    async def run() -> list[str]:
        seen: list[str] = []
        time = 100.0
        clock = MediaClock(
            asyncio.get_running_loop(),
            lambda: time,
            lambda: seen.append("tick"),
            behind=lambda: seen.append("behind"),
        )
        clock.start()
        time += 0.0205 + late
        clock._run()
        clock.stop()
        return seen

    seen = asyncio.run(run())
    assert seen[:told] == ["behind"] * told
    assert set(seen[told:]) == {"tick"}


def test_it_ticks_on_a_loop() -> None:
    async def run() -> int:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        ticks: list[float] = []
        between: list[int] = []

        def tick() -> None:
            ticks.append(loop.time())
            if len(ticks) == 3:
                done.set_result(None)

        clock = MediaClock(loop, loop.time, tick, lambda: between.append(len(ticks)))
        clock.start()
        clock.start()
        assert clock.running
        await done
        clock.stop()
        assert not clock.running
        assert clock.skipped >= 0
        assert sum(clock.lateness.counts) == 3 + clock.skipped
        assert between == sorted(set(between))  # once a turn,
        assert between[-1] == 3  # when its ticks are done
        return len(ticks)

    assert asyncio.run(run()) == 3
