"""As many log lines as a person can read, of what strangers cause as often as they like."""

from __future__ import annotations

from typing import Final

SECOND: Final = 1.0
LINES: Final = 10
"""In a second, of one kind."""


class LineLimit:
    """Of one kind of line. Times are seconds of a clock that never goes back."""

    __slots__ = ("_ends", "_left_out", "_lines")

    def __init__(self) -> None:
        self._ends = float("-inf")
        self._lines = 0
        self._left_out = 0

    def take(self, now: float) -> tuple[bool, int]:
        """Whether this line is written, and how many were left out in the second before it, which
        is to be told with it."""
        before = 0
        if now >= self._ends:
            before, self._left_out = self._left_out, 0
            self._lines, self._ends = 0, now + SECOND
        if self._lines >= LINES:
            self._left_out += 1
            return False, 0
        self._lines += 1
        return True, before
