"""How much of the process's time the messages of WebSockets may take: the one loop has telephones
to serve as well. Whoever asks for more is read more slowly, and is not cut off.

What a message costs is measured, since one may be a ping and the next a description of 256 kB, or a
change of which a hundred others are told.
"""

from __future__ import annotations

from typing import Final

SHARE: Final = 0.2
"""Of the time, for all who have spent more than they had, together."""
SAVED: Final = 0.25
"""Seconds that one may have saved: a join, with all that follows it, is not slowed down."""
FRAME: Final = 0.0001
"""Seconds for a message beside what is measured: reading it, and what is sent later."""
OCTET: Final = 3e-9
"""The same for each octet of it."""
LONGEST: Final = 2.0
"""Seconds of one pause, at most: a client that is gone is to be noticed."""


class Pacing:
    """All WebSockets of a server."""

    def __init__(self) -> None:
        self.slowed = 0
        """How many wait now."""

    @property
    def share(self) -> float:
        """Of the time, for one of them."""
        return SHARE / max(1, self.slowed)


class Pace:
    """One WebSocket. Times are seconds of one clock that never goes back."""

    def __init__(self, all_of_them: Pacing) -> None:
        self._all = all_of_them
        self._saved = SAVED
        self._at: float | None = None

    def spent(self, now: float, took: float, size: int) -> float:
        """A message of that size was dealt with, which took so long: seconds to wait before the
        next is read. 0: none."""
        share = self._all.share
        if self._at is not None:
            self._saved = min(SAVED, self._saved + (now - self._at) * share)
        self._at = now
        self._saved -= took + FRAME + size * OCTET
        return min(LONGEST, -self._saved / share) if self._saved < 0 else 0.0
