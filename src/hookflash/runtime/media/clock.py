"""The one 20 ms clock of the process."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable
from typing import Final

TICK: Final = 0.02
MAX_BEHIND: Final = 5
"""Ticks that are caught up with; after a longer stop of the process the schedule starts anew."""
LATE: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Seconds by which ticks are counted in `Lateness`."""
_ROUNDING: Final = 0.0005
"""uvloop rounds a delay to milliseconds; this much more, and it never wakes us too early."""


class Lateness:
    """How late the ticks came: counts by the limits of `LATE`, the last one those beyond."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(LATE) + 1)
        self.total = 0.0
        """Seconds, of all ticks."""

    def add(self, seconds: float) -> None:
        """One tick came that late."""
        self.counts[bisect_left(LATE, seconds)] += 1
        self.total += seconds


class TickSchedule:
    """When the ticks are due: multiples of 20 ms from the start, so that nothing adds up."""

    __slots__ = ("_lateness", "_number", "_start", "skipped")

    def __init__(self, start: float, lateness: Lateness | None = None) -> None:
        self._start = start
        self._number = 1
        self._lateness = lateness if lateness is not None else Lateness()
        self.skipped = 0

    @property
    def due(self) -> float:
        """The next tick."""
        return self._start + self._number * TICK

    def passed(self, now: float) -> int:
        """How many ticks are to be done at `now`; the schedule moves on by them. One that is
        skipped came late too."""
        count = int((now - self._start) / TICK + 1e-6) - self._number + 1
        if count <= 0:
            return 0
        late = max(0.0, now - self.due)
        for number in range(count):
            self._lateness.add(max(0.0, late - number * TICK))
        self._number += count
        if count > MAX_BEHIND:
            self.skipped += count - 1
            return 1
        return count


class MediaClock:
    """Calls `tick` every 20 ms, on one timer of the loop; then `between`, which has the time until
    the next tick. `now` is read for the schedule: uvloop's own time stands still during a turn.

    `behind` is called first where a tick comes a whole one too late: see `MediaEngine.catch_up`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        now: Callable[[], float],
        tick: Callable[[], None],
        between: Callable[[], None] | None = None,
        behind: Callable[[], None] | None = None,
    ) -> None:
        self._loop = loop
        self._now = now
        self._tick = tick
        self._between = between
        self._behind = behind
        self._timer: asyncio.TimerHandle | None = None
        self._schedule = TickSchedule(0.0)
        self.lateness = Lateness()
        """Of all ticks, over stops and starts."""

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
            now = self._now()
            self._schedule = TickSchedule(now, self.lateness)
            self._arm(now)

    def stop(self) -> None:
        """No tick after this."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, now: float) -> None:
        delay = self._schedule.due - now + _ROUNDING
        self._timer = self._loop.call_later(delay, self._run)

    def _run(self) -> None:
        now = self._now()
        behind = now - self._schedule.due >= TICK
        count = self._schedule.passed(now)
        self._arm(now)
        if behind and self._behind is not None:
            self._behind()
        for _ in range(count):
            self._tick()
        if count and self._between is not None:
            self._between()
