"""Which rows of the one matrix belong to which room."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..audio.mixer import Index, RoomLayout

_SPARE: Final = 64
"""Rows that may lie idle whatever is in use."""


class Rows:
    """Gives each room rows side by side, and gives them to another when the room has gone. No room
    ever moves for another's sake: rows in between lie idle until a room of their number comes.

    Idle rows count as a room of their own. Where too many lie idle (`sparse`), the owner begins
    anew.
    """

    __slots__ = ("_count", "_free", "_layout", "_room_of", "_rooms", "_starts", "idle")

    def __init__(self) -> None:
        self._count = self._rooms = 0
        self._starts: Index = np.zeros(16, np.intp)
        self._room_of: Index = np.zeros(16, np.intp)
        self._free: dict[int, list[int]] = {}
        """The first rows of those that lie idle, by their number."""
        self._layout: RoomLayout | None = None
        self.idle = 0

    def __len__(self) -> int:
        return self._count

    @property
    def layout(self) -> RoomLayout:
        """Of all rows; made anew only where there are more than before."""
        if self._layout is None:
            rows, rooms = self._room_of[: self._count], self._starts[: self._rooms]
            self._layout = RoomLayout(rooms.copy(), rows.copy())
        return self._layout

    @property
    def sparse(self) -> bool:
        """More rows lie idle than are in use."""
        return self.idle > self._count - self.idle + _SPARE

    def take(self, count: int) -> range:
        """`count` rows for a room."""
        free = self._free.get(count)
        if free:
            self.idle -= count
            start = free.pop()
            return range(start, start + count)
        self._layout = None
        start, self._count = self._count, self._count + count
        self._room_of = _grown(self._room_of, self._count)
        self._starts = _grown(self._starts, self._rooms + 1)
        self._room_of[start : self._count] = self._rooms
        self._starts[self._rooms] = start
        self._rooms += 1
        return range(start, self._count)

    def give_back(self, rows: range) -> None:
        """The room has gone, or wants another number of rows."""
        self.idle += len(rows)
        self._free.setdefault(len(rows), []).append(rows.start)


def _grown(line: Index, size: int) -> Index:
    """`line` with room for `size` entries, made twice as long where it has none."""
    while len(line) < size:
        line = np.concatenate([line, np.zeros_like(line)])
    return line
