"""What the soak calls growth, and what it calls left."""

from __future__ import annotations

import asyncio

import pytest
from bench.soak import Holding, slope_mb_per_hour
from bench.watched import held

from hookflash.rooms.orders import RoomDefaults


def test_what_there_is_more_of() -> None:
    before = Holding({"legs": 1, "timer": 3, "open files": 20})
    after = Holding({"legs": 1, "timer": 2, "open files": 21, "task": 2})
    assert after.more_than(before) == {"open files": 1, "task": 2}
    assert before.more_than(before) == {}


def test_the_slope_is_that_of_the_warm_part() -> None:
    """10 MB an hour once the pools are full; what came before does not count."""
    cold = [(float(second), 50_000 + 1000 * second) for second in range(0, 300, 10)]
    warm = [(float(second), 400_000 + second * 10 * 1024 // 3600) for second in range(300, 900, 10)]
    assert slope_mb_per_hour([*cold, *warm]) == pytest.approx(10, abs=0.1)


def test_a_slope_needs_two_points() -> None:
    assert slope_mb_per_hour([]) == 0
    assert slope_mb_per_hour([(0.0, 1000)]) == 0


async def _over() -> None:
    """Ends at once."""


async def _counted() -> dict[str, int]:
    loop = asyncio.get_running_loop()
    gone, waiting = loop.call_later(60, print), loop.call_later(60, print)
    gone.cancel()
    done = asyncio.create_task(_over())
    await done
    running = asyncio.create_task(asyncio.Event().wait())
    counts = held([gone, waiting, done, running, RoomDefaults(), "text"])
    waiting.cancel()
    running.cancel()
    return dict(counts)


def test_what_is_over_is_not_counted() -> None:
    assert asyncio.run(_counted()) == {
        "task": 1,
        "timer": 1,
        "hookflash.rooms.orders.RoomDefaults": 1,
    }
