"""As many log lines as a person can read, of what strangers cause as often as they like."""

from __future__ import annotations

from typing import Final

SECOND: Final = 1.0
LINES: Final = 10
"""In a second, of one kind; then one line with the count of those left out."""


class LineLimit:
    """Of one kind of line. Times are seconds of a clock that never goes back."""

    __slots__ = ("_lines", "_most", "ends", "left_out")

    def __init__(self, most: int = LINES) -> None:
        self.ends = float("-inf")
        """Of the second that goes on."""
        self.left_out = 0
        """Lines, in it."""
        self._most = most
        self._lines = 0

    def take(self, now: float) -> tuple[bool, int]:
        """Whether this line is written, and how many were left out in the second before it, which
        is to be told with it."""
        before = 0
        if now >= self.ends:
            before, self.left_out = self.left_out, 0
            self._lines, self.ends = 0, now + SECOND
        if self._lines >= self._most:
            self.left_out += 1
            return False, 0
        self._lines += 1
        return True, before
