"""How many bits of a stream come in a second."""

from __future__ import annotations

from typing import Final

_PARTS: Final = 10
"""Of a second. One more is kept, that of now, which does not count yet."""


class Rate:
    """Over the last second."""

    __slots__ = ("_octets", "_part")

    def __init__(self) -> None:
        self._octets = [0] * (_PARTS + 1)
        self._part = 0

    def add(self, octets: int, now: float) -> None:
        """They came now."""
        part = int(now * _PARTS)
        if part != self._part:
            self._pass(part)
        self._octets[part % (_PARTS + 1)] += octets

    def bits(self, now: float) -> int:
        """Per second."""
        part = int(now * _PARTS)
        if part != self._part:
            self._pass(part)
        return 8 * (sum(self._octets) - self._octets[part % (_PARTS + 1)])

    def _pass(self, part: int) -> None:
        """Time has gone on: what is older is forgotten."""
        for passed in range(max(self._part + 1, part - _PARTS), part + 1):
            self._octets[passed % (_PARTS + 1)] = 0
        self._part = part
