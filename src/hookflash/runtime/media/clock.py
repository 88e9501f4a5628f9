"""The one 20 ms clock of the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import Final

from ...media.schedule import TICK, Lateness, TickSchedule

_ROUNDING: Final = 0.0005
"""uvloop rounds a delay to milliseconds; this much more, and it never wakes us too early."""


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

    def until_tick(self) -> float:
        """Seconds until the next tick is due, less than 0 where it is late; infinite if none is."""
        return self._schedule.due - self._now() if self.running else inf

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
