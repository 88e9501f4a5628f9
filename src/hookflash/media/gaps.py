"""Packets of a publisher's stream that have not come, and when to ask for them (RFC 4585 §6.2.1).

Numbers here are sequence numbers counted beyond 16 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_MISSING: Final = 300
"""Beyond that a keyframe is the shorter way: who watches asks for it."""
MAX_TIMES: Final = 8
"""How often one packet is asked for."""
AGAIN: Final = 0.1
"""Seconds after which it is asked for again."""


@dataclass(slots=True, eq=False)
class Missing:
    """One packet: when it was last asked for, and how often."""

    asked_at: float
    times: int = 1


class Gaps:
    """Those of one stream."""

    __slots__ = ("_missing",)

    def __init__(self) -> None:
        self._missing: dict[int, Missing] = {}

    def __len__(self) -> int:
        return len(self._missing)

    def opened(self, first: int, end: int, now: float) -> range:
        """Those from `first` up to, not including, `end` were passed over: what is to be asked for
        at once. Nothing where too many are missing; `len` is 0 then."""
        if end - first + len(self._missing) > MAX_MISSING:
            self._missing.clear()
            return range(0)
        for number in range(first, end):
            self._missing[number] = Missing(now)
        return range(first, end)

    def filled(self, number: int) -> bool:
        """That packet came after all. False: it was not missed."""
        return self._missing.pop(number, None) is not None

    def due(self, now: float) -> list[int]:
        """Those to be asked for again; those that were asked for too often are given up."""
        if not self._missing:
            return []
        found = []
        for number, missing in list(self._missing.items()):
            if now - missing.asked_at < AGAIN:
                continue
            if missing.times >= MAX_TIMES:
                del self._missing[number]
                continue
            missing.asked_at = now
            missing.times += 1
            found.append(number)
        return found

    def clear(self) -> None:
        """A keyframe makes them needless, or the stream began anew."""
        self._missing.clear()
