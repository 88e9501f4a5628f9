"""The one 20 ms clock of the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

TICK: Final = 0.02
MAX_BEHIND: Final = 5
"""Ticks that are caught up with; after a longer stop of the process the schedule starts anew."""


class Schedule:
    """When the ticks are due: multiples of 20 ms from the start, so that nothing adds up."""

    __slots__ = ("_number", "_start", "skipped")

    def __init__(self, start: float) -> None:
        self._start = start
        self._number = 1
        self.skipped = 0

    @property
    def due(self) -> float:
        """The next tick."""
        return self._start + self._number * TICK

    def passed(self, now: float) -> int:
        """How many ticks are to be done at `now`; the schedule moves on by them."""
        count = int((now - self._start) / TICK + 1e-6) - self._number + 1
        if count <= 0:
            return 0
        self._number += count
        if count > MAX_BEHIND:
            self.skipped += count - 1
            return 1
        return count


class MediaClock:
    """Calls `tick` every 20 ms, on one timer of the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tick: Callable[[], None]) -> None:
        self._loop = loop
        self._tick = tick
        self._timer: asyncio.TimerHandle | None = None
        self._schedule = Schedule(0.0)

    @property
    def running(self) -> bool:
        """True between `start` and `stop`."""
        return self._timer is not None

    @property
    def skipped(self) -> int:
        """Ticks left out because the process stood still."""
        return self._schedule.skipped

    def start(self) -> None:
        """Begin now; nothing happens if it runs already."""
        if self._timer is None:
            self._schedule = Schedule(self._loop.time())
            self._timer = self._loop.call_at(self._schedule.due, self._run)

    def stop(self) -> None:
        """No tick after this."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        count = self._schedule.passed(self._loop.time())
        self._timer = self._loop.call_at(self._schedule.due, self._run)
        for _ in range(count):
            self._tick()
