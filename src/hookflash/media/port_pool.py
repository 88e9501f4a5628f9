"""Which port pair is next (calls.md §3, row *port*)."""

from __future__ import annotations

from collections import deque
from typing import Final

from ..base.errors import HookflashError

REST: Final = 2.0
"""Seconds for which a freed pair is never used again. As the pair free longest comes first, one
that rested less than 30 s is only taken where no other is left."""


class NoPorts(HookflashError):  # noqa: N818 - a state of the exchange, not a fault
    """Every port of the range is in use, or was until a moment ago."""


class PortPool:
    """Even ports of a range, handed out in the order in which they became free."""

    def __init__(self, first: int, last: int) -> None:
        start = first + first % 2
        self._free: deque[tuple[float, int]] = deque(
            (float("-inf"), port) for port in range(start, last, 2)
        )
        self.size = len(self._free)

    @property
    def free(self) -> int:
        """Pairs not in use, rested or not."""
        return len(self._free)

    def take(self, now: float) -> int:
        """The even port of the pair free longest; NoPorts where there is none."""
        if not self._free:
            raise NoPorts("all RTP ports are in use")
        freed, port = self._free[0]
        if now - freed < REST:
            raise NoPorts("all RTP ports are in use or were until just now")
        self._free.popleft()
        return port

    def give_back(self, port: int, now: float) -> None:
        """A pair is closed, or turned out to belong to another process."""
        self._free.append((now, port))
