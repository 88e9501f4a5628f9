"""Everybody hears everybody else: one numpy pass over all rooms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
Index = NDArray[np.intp]


def mix_rooms(frames: Pcm, starts: Index, room_of: Index) -> Pcm:
    """What each leg hears: the sum of its room without itself, clipped.

    `frames`: (legs, samples), the legs of a room side by side; `starts`: first row of each room;
    `room_of`: (legs,) the room of each row. Returns (legs, samples).
    """
    wide = frames.astype(np.int32)
    totals = np.add.reduceat(wide, starts, axis=0)
    heard = totals[room_of]
    heard -= wide
    return _clip(heard)


def mix(frames: Pcm) -> Pcm:
    """The sum of all rows of (legs, samples), clipped; silence where there are no rows."""
    return _clip(frames.sum(axis=0, dtype=np.int32))


def mix_others(frames: Pcm) -> Pcm:
    """`mix_rooms` for a single room."""
    wide = frames.astype(np.int32)
    return _clip(wide.sum(axis=0) - wide)


def _clip(samples: NDArray[np.int32]) -> Pcm:
    return np.clip(samples, -32768, 32767).astype(np.int16)
