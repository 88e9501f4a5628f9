"""The clock of the process."""

from __future__ import annotations

import time


class SystemClock:
    """Seconds since the epoch that never go back (`ports.Clock`).

    The wall clock is read once; from then on the monotonic clock counts. So a step of the wall
    clock neither fires nor delays a deadline.
    """

    __slots__ = ("_epoch",)

    def __init__(self) -> None:
        self._epoch = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._epoch + time.monotonic()
