"""Which port pair is next (calls.md §3, row *port*)."""

from __future__ import annotations

from collections import deque
from typing import Final

from ..base.errors import HookflashError
from ..base.ids import RandomSource

REST: Final = 30.0
"""Seconds after which what comes to a freed pair is no packet of its last call any more."""
SHORT_REST: Final = 2.0
"""Seconds for which a freed pair is never used again, even where no other is left."""


class NoPorts(HookflashError):  # noqa: N818 - a state of the exchange, not a fault
    """Every port of the range is in use, or was until a moment ago."""


class PortPool:
    """Even ports of a range. Which one comes next cannot be guessed: whoever could would have his
    packets there before the call's own."""

    def __init__(self, first: int, last: int, chance: RandomSource) -> None:
        self._chance = chance
        self._rested = list(range(first + first % 2, last, 2))
        self._resting: deque[tuple[float, int]] = deque()
        """(when freed, port), the one free longest first."""
        self.size = len(self._rested)

    @property
    def free(self) -> int:
        """Pairs not in use, rested or not."""
        return len(self._rested) + len(self._resting)

    def take(self, now: float) -> int:
        """The even port of a pair that has rested; else of the one free longest. NoPorts where
        there is none."""
        resting, rested = self._resting, self._rested
        while resting and now - resting[0][0] >= REST:
            rested.append(resting.popleft()[1])
        if rested:
            number = int(self._chance.random() * len(rested))
            rested[number], rested[-1] = rested[-1], rested[number]
            return rested.pop()
        if not resting:
            raise NoPorts("all RTP ports are in use")
        if now - resting[0][0] < SHORT_REST:
            raise NoPorts("all RTP ports are in use or were until just now")
        return resting.popleft()[1]

    def give_back(self, port: int, now: float) -> None:
        """A pair is closed, or turned out to belong to another process."""
        self._resting.append((now, port))
