"""The clocks of the process."""

from __future__ import annotations

import time
from collections.abc import Callable

NOTICED = 1.0
"""Seconds by which the machine's clock must have been set to count."""


class SystemClock:
    """`ports.WorldClock`; `wall` is the machine's clock.

    `now` reads the wall clock once; from then on the monotonic clock counts. So a step of the wall
    clock neither fires nor delays a deadline. The monotonic clock stands still while the machine is
    suspended.
    """

    __slots__ = ("_epoch", "world")

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self.world = wall
        """Seconds since the epoch, of the machine's clock."""
        self._epoch = wall() - time.monotonic()

    def now(self) -> float:
        """Seconds since the epoch that never go back."""
        return self._epoch + time.monotonic()

    def shift(self) -> float:
        """From `now` to the world's time; 0.0 where they differ by less than `NOTICED`, so that
        what happened at one moment has one time."""
        ahead = self.world() - time.monotonic() - self._epoch
        return ahead if abs(ahead) > NOTICED else 0.0
