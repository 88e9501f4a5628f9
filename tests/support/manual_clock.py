"""A clock that a test sets."""

from __future__ import annotations


class ManualClock:
    """`ports.WorldClock` that stands still until it is moved; it cannot go back."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start
        self.ahead = 0.0
        """By how much the machine's clock was set forward since the start."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    def world(self) -> float:
        """The same as the machine's clock says it."""
        return self._now + self.ahead

    def shift(self) -> float:
        """`ahead`."""
        return self.ahead

    def advance(self, seconds: float) -> float:
        """Go on by `seconds` (not below 0); the new time."""
        return self.set(self._now + seconds)

    def set(self, now: float) -> float:
        """Go on to `now`; ValueError if that were back."""
        if now < self._now:
            raise ValueError("a clock does not go back")
        self._now = now
        return now
