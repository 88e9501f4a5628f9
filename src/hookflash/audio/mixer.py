"""Everybody hears everybody else: one numpy pass over all rooms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
Index = NDArray[np.intp]


class RoomMixer:
    """Mixes a fixed set of rooms, tick after tick, in arrays of its own: fresh ones of this size
    would cost more than the sums, in page faults."""

    __slots__ = ("_heard", "_result", "_room_of", "_starts", "_wide")

    def __init__(self, starts: Index, room_of: Index, samples: int) -> None:
        """`starts`: first row of each room, the legs of a room side by side; `room_of`: (legs,)
        the room of each row; `samples`: of a frame."""
        shape = (len(room_of), samples)
        self._starts = starts
        self._room_of = room_of
        self._wide = np.empty(shape, np.int32)
        self._heard = np.empty(shape, np.int32)
        self._result = np.empty(shape, np.int16)

    def mix(self, frames: Pcm) -> Pcm:
        """What each leg hears: the sum of its room without itself, clipped; (legs, samples).

        The result is valid until the next call.
        """
        wide, heard = self._wide, self._heard
        wide[:] = frames
        totals = np.add.reduceat(wide, self._starts, axis=0)
        totals.take(self._room_of, axis=0, out=heard, mode="clip")
        heard -= wide
        np.clip(heard, -32768, 32767, out=heard)
        np.copyto(self._result, heard, casting="unsafe")
        return self._result


def mix(frames: Pcm) -> Pcm:
    """The sum of all rows of (legs, samples), clipped; silence where there are no rows."""
    return _clip(frames.sum(axis=0, dtype=np.int32))


def mix_others(frames: Pcm) -> Pcm:
    """What each leg of a single room hears: (legs, samples), clipped."""
    wide = frames.astype(np.int32)
    return _clip(wide.sum(axis=0) - wide)


def _clip(samples: NDArray[np.int32]) -> Pcm:
    return np.clip(samples, -32768, 32767).astype(np.int16)
