"""Datagrams that are lost on their way, doubled, late, or overtaken by the next one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

Put = Callable[[], object]
"""Puts a datagram on the wire."""
LONGEST: Final = 0.2
"""Seconds for which a datagram waits for the one that is to overtake it."""


class Copies(NamedTuple):
    """What becomes of one datagram."""

    delays: tuple[float, ...]
    """How late (seconds) each copy of it goes out; no copy: it is lost."""
    overtaken: bool = False
    """It goes out after the next one."""


ON_TIME: Final = Copies((0.0,))
"""Once, and at once."""


class Departures:
    """Sends datagrams as their `Copies` have it. One that is to be overtaken waits until another
    one has gone out the same way, or for `LONGEST`; that other one is not overtaken in turn, so
    that nobody waits for more than one."""

    def __init__(self, later: Callable[[float, Put], object]) -> None:
        """`later`: calls something after so many seconds."""
        self._later = later
        self._waiting: dict[Hashable, list[Put]] = {}
        """What waits on each way: the copies of one datagram."""

    def send(self, way: Hashable, copies: Copies, put: Put) -> None:
        """`way`: datagrams of another one overtake nothing."""
        if copies is ON_TIME and not self._waiting:
            put()
            return
        if not copies.delays:
            return
        if copies.overtaken and way not in self._waiting:
            waiting = self._waiting[way] = [put] * len(copies.delays)
            self._later(LONGEST + copies.delays[0], lambda: self._give_up(way, waiting))
            return
        overtaken = self._waiting.pop(way, [])
        *first, last = copies.delays
        for delay in first:
            self._go(delay, [put])
        self._go(last, [put, *overtaken])

    def _give_up(self, way: Hashable, waiting: list[Put]) -> None:
        """No other came."""
        if self._waiting.get(way) is waiting:
            del self._waiting[way]
            self._go(0.0, waiting)

    def _go(self, delay: float, puts: list[Put]) -> None:
        if delay:
            self._later(delay, lambda: self._go(0.0, puts))
            return
        for put in puts:
            put()
