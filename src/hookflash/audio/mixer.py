"""Everybody hears everybody else: one numpy pass over all rooms."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
Index = NDArray[np.intp]

_SMALL: Final = 8
"""The most rows of a room that is summed together with others; a larger one is summed by itself."""


class RoomLayout:
    """Which rows are whose: the rows of a room are side by side."""

    __slots__ = ("further", "large", "room_of", "starts")

    def __init__(self, starts: Index, room_of: Index) -> None:
        """`starts`: the first row of each room; `room_of`: the number of the room of each row."""
        self.starts = starts
        self.room_of = room_of
        sizes = np.diff(starts, append=len(room_of))
        self.large = [
            (room, slice(starts[room], starts[room] + sizes[room]))
            for room in np.flatnonzero(sizes > _SMALL)
        ]
        """Rooms that are summed by themselves, and their rows."""
        self.further: list[tuple[Index, Index]] = []
        """Of the others, those that have a second row, and these rows; the same for the third, and
        so on."""
        for place in range(1, _SMALL):
            rooms = np.flatnonzero((sizes > place) & (sizes <= _SMALL))
            if not rooms.size:
                break
            self.further.append((rooms, starts[rooms] + place))


class RoomMixer:
    """Mixes rooms side by side, tick after tick, in arrays of its own: fresh ones of this size
    would cost more than the sums, in page faults.

    Whole rows are added, of all rooms the second, then of all the third: the sum of each room and
    sample by itself (`np.add.reduceat`) takes several times as long.
    """

    __slots__ = ("_heard", "_result", "_wide")

    def __init__(self, rows: int, samples: int) -> None:
        """`rows`: the most that there will be; `samples`: of a frame."""
        self._wide = np.empty((rows, samples), np.int32)
        self._heard = np.empty((rows, samples), np.int32)
        self._result = np.empty((rows, samples), np.int16)

    def mix(self, frames: Pcm, layout: RoomLayout) -> Pcm:
        """What each row of `frames` hears: the sum of its room without itself, clipped; (legs,
        samples).

        The result is valid until the next call.
        """
        count = len(frames)
        wide, heard, result = self._wide[:count], self._heard[:count], self._result[:count]
        wide[:] = frames
        totals = wide.take(layout.starts, axis=0)
        for rooms, rows in layout.further:
            if len(rooms) == len(totals):
                totals += wide.take(rows, axis=0)
            else:
                totals[rooms] += wide.take(rows, axis=0)
        for room, rows_of_one in layout.large:
            np.add.reduce(wide[rows_of_one], axis=0, out=totals[room])
        totals.take(layout.room_of, axis=0, out=heard, mode="clip")
        heard -= wide
        np.copyto(result, _clip(heard), casting="unsafe")
        return result


def mix(frames: Pcm) -> Pcm:
    """The sum of all rows of (legs, samples), clipped; silence where there are no rows."""
    return _clip(frames.sum(axis=0, dtype=np.int32)).astype(np.int16)


def mix_others(frames: Pcm) -> Pcm:
    """What each leg of a single room hears: (legs, samples), clipped."""
    wide = frames.astype(np.int32)
    return _clip(wide.sum(axis=0) - wide).astype(np.int16)


def _clip(samples: NDArray[np.int32]) -> NDArray[np.int32]:
    """In place. `np.clip` looks its limits up anew each time, which takes longer than this."""
    np.minimum(samples, 32767, out=samples)
    return np.maximum(samples, -32768, out=samples)
