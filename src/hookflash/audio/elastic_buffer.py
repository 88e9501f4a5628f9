"""A buffer of sound between two clocks that are never quite the same. Pure; for one thread.

One clock puts samples in, as they come; the other takes so many each time. Where nothing is there,
silence is taken. Where more is there than is ever needed, the oldest is left out, so that the sound
is never late for long.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from .tone_bank import Pcm

RATE: Final = 8000
TARGET: Final = RATE * 60 // 1000
"""Samples that are there before the first is taken, and again after there were none."""
LIMIT: Final = RATE * 200 // 1000
"""Samples that may wait; where more come, only the newest `TARGET` stay."""
WINDOW: Final = RATE
"""Samples that are taken between two looks whether too much waits."""
STEP: Final = RATE // 50
"""Samples that are left out then."""


class ElasticBuffer:
    """Samples (int16, 8 kHz). The wait in it stays under `LIMIT`; what the clocks differ by is made
    up by 20 ms at a time that are left out, or by silence until `TARGET` is there again."""

    def __init__(self) -> None:
        self._parts: deque[Pcm] = deque()
        self._size = 0
        self._flows = False
        self._taken = 0
        self._lowest = LIMIT
        """Fewest samples that were left over since the last look."""

    def __len__(self) -> int:
        """Samples that wait."""
        return self._size

    def put(self, samples: Pcm) -> None:
        """What comes next; nothing is kept of what is empty, of which any number may come."""
        if not len(samples):
            return
        self._parts.append(samples)
        self._size += len(samples)
        if self._size > LIMIT:
            self._pull(self._size - TARGET)

    def take(self, count: int) -> Pcm:
        """The next `count` samples; silence for those that are not there."""
        if not self._flows and self._size < max(TARGET, count):
            return np.zeros(count, np.int16)
        self._flows = True
        found = self._pull(min(count, self._size))
        if len(found) < count:
            self._flows = False
            found = np.concatenate([found, np.zeros(count - len(found), np.int16)])
        self._look(count)
        return found

    def clear(self) -> None:
        """Nothing has come yet."""
        self._parts.clear()
        self._size = 0
        self._flows = False

    def _look(self, count: int) -> None:
        self._lowest = min(self._lowest, self._size)
        self._taken += count
        if self._taken >= WINDOW:
            if self._lowest >= TARGET + STEP:
                self._pull(STEP)
            self._taken, self._lowest = 0, LIMIT

    def _pull(self, count: int) -> Pcm:
        self._size -= count
        parts = []
        while count:
            part = self._parts.popleft()
            if len(part) > count:
                self._parts.appendleft(part[count:])
                part = part[:count]
            parts.append(part)
            count -= len(part)
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)
