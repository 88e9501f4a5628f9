"""When the 20 ms ticks of the sound are due, and how late they came."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

TICK: Final = 0.02
MAX_BEHIND: Final = 5
"""Ticks that are caught up with; after a longer stop of the process the schedule starts anew."""
LATE: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Seconds by which ticks are counted in `Lateness`."""


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
