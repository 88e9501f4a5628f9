"""Everybody hears everybody else: one numpy pass over all rooms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
Index = NDArray[np.intp]


class RoomMixer:
    """Mixes rooms side by side, tick after tick, in arrays of its own: fresh ones of this size
    would cost more than the sums, in page faults."""

    __slots__ = ("_heard", "_result", "_wide")

    def __init__(self, rows: int, samples: int) -> None:
        """`rows`: the most that there will be; `samples`: of a frame."""
        self._wide = np.empty((rows, samples), np.int32)
        self._heard = np.empty((rows, samples), np.int32)
        self._result = np.empty((rows, samples), np.int16)

    def mix(self, frames: Pcm, starts: Index, room_of: Index) -> Pcm:
        """What each row of `frames` hears: the sum of its room without itself, clipped; (legs,
        samples). `starts`: first row of each room, those of a room side by side; `room_of`:
        (legs,) the room of each row.

        The result is valid until the next call.
        """
        count = len(frames)
        wide, heard, result = self._wide[:count], self._heard[:count], self._result[:count]
        wide[:] = frames
        totals = np.add.reduceat(wide, starts, axis=0)
        totals.take(room_of, axis=0, out=heard, mode="clip")
        heard -= wide
        np.clip(heard, -32768, 32767, out=heard)
        np.copyto(result, heard, casting="unsafe")
        return result


def mix(frames: Pcm) -> Pcm:
    """The sum of all rows of (legs, samples), clipped; silence where there are no rows."""
    return _clip(frames.sum(axis=0, dtype=np.int32))


def mix_others(frames: Pcm) -> Pcm:
    """What each leg of a single room hears: (legs, samples), clipped."""
    wide = frames.astype(np.int32)
    return _clip(wide.sum(axis=0) - wide)


def _clip(samples: NDArray[np.int32]) -> Pcm:
    return np.clip(samples, -32768, 32767).astype(np.int16)
