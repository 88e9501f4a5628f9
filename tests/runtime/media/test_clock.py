"""One clock on the loop."""

from __future__ import annotations

import asyncio
import math

import pytest

from hookflash.runtime.media.clock import MediaClock


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


def test_it_says_when_its_next_tick_is_due() -> None:
    async def run() -> list[float]:
        time = 100.0
        clock = MediaClock(asyncio.get_running_loop(), lambda: time, lambda: None)
        seen = [clock.until_tick()]
        clock.start()
        seen.append(clock.until_tick())
        time += 0.03
        seen.append(clock.until_tick())
        clock.stop()
        return seen

    assert asyncio.run(run()) == [math.inf, pytest.approx(0.02), pytest.approx(-0.01)]
