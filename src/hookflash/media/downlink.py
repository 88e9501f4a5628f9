"""How good a layer the way to a subscriber carries, by the loss that it reports (RFC 3550 §6.4.1).

Nothing else is known of that way: no estimate of its bandwidth is made. So a better layer is tried
again after a while, and after a longer one each time that it was lost again.
"""

from __future__ import annotations

from typing import Final

BEST: Final = 2
"""The rank of the best layer (VideoQuality HIGH)."""
TOO_MUCH: Final = 0.1
"""The part of packets whose loss, in two reports on end, means that the way is full."""
LITTLE: Final = 0.02
REPORTS: Final = 2
APART: Final = 0.5
"""Seconds between two reports that count: a client may report more often."""
FIRST_HOLD: Final = 10.0
LONGEST_HOLD: Final = 120.0
"""Seconds until the next better layer is tried: doubled each time, up to the longest."""


class Downlink:
    """Of one subscription."""

    __slots__ = ("_bad", "_counted_at", "_hold", "_raise_at", "cap")

    def __init__(self) -> None:
        self.cap = BEST
        """No better layer than of that rank is sent."""
        self._bad = 0
        self._counted_at = float("-inf")
        self._hold = FIRST_HOLD
        self._raise_at = 0.0

    def reported(self, lost: float, rank: int, now: float) -> None:
        """The subscriber lost that part, 0.0 to 1.0, of what it was sent since its last report;
        the layer that goes out has that rank."""
        if now - self._counted_at < APART:
            return
        self._counted_at = now
        self._bad = self._bad + 1 if lost > TOO_MUCH else 0
        if self._bad >= REPORTS:
            self._bad = 0
            if rank > 0:
                self.cap = rank - 1
                self._raise_at = now + self._hold
                self._hold = min(LONGEST_HOLD, 2 * self._hold)
        elif self.cap < BEST and lost <= LITTLE and now >= self._raise_at:
            self.cap += 1
            self._raise_at = now + FIRST_HOLD
