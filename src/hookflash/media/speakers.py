"""Who speaks in a room, by LiveKit's rules: a loudness every 400 ms, in steps of an eighth.

Levels are -dBov as RFC 6464 has them: 0 is the loudest, 127 is silence. Of clients they come with
their packets; what a telephone says is measured (`levels_of`).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

INTERVAL: Final = 0.4
"""Seconds between two looks."""
_ACTIVE: Final = 35
"""-dBov from which on a packet counts as speech."""
_SHARE: Final = 0.4
"""Of an interval that must be speech."""
_SMOOTH: Final = 2 / (2 + 1)
"""Weight of the newest interval, of two."""
_STEPS: Final = 8
_SILENT: Final = 127


def levels_of(frames: NDArray[np.int16]) -> list[int]:
    """-dBov of each row of (frames, samples), 20 ms of sound: all at once, for a frame by itself
    takes as long as ten."""
    wide = frames.astype(np.float32)
    power = np.einsum("ij,ij->i", wide, wide) / frames.shape[1]
    levels = np.rint(-10 * np.log10(np.maximum(power, 1.0) / 32768**2))
    levels[power < 1.0] = _SILENT
    return [int(level) for level in levels]


class Loudness:
    """Of one track."""

    __slots__ = ("_active_ms", "_loudest", "_smoothed")

    def __init__(self) -> None:
        self._active_ms = 0
        self._loudest = _SILENT
        self._smoothed = 0.0

    def observe(self, level: int, ms: int = 20) -> None:
        """One packet of so many milliseconds."""
        if level <= _ACTIVE:
            self._active_ms += ms
            self._loudest = min(self._loudest, level)

    def look(self) -> float:
        """An interval is over: how loud it was, 0.0 to 1.0 in eighths; 0.0: does not speak."""
        share = self._active_ms / (INTERVAL * 1000)
        level = 0.0
        if share >= _SHARE:
            level = 10 ** ((20 * math.log10(min(1.0, share)) - self._loudest) / 20)
        self._active_ms, self._loudest = 0, _SILENT
        self._smoothed += (level - self._smoothed) * _SMOOTH
        if self._smoothed < 10 ** (-_ACTIVE / 20):
            self._smoothed = 0.0 if level == 0.0 else self._smoothed
            return 0.0
        return math.ceil(self._smoothed * _STEPS) / _STEPS


class Speakers:
    """Those of one room, by participant SID."""

    def __init__(self) -> None:
        self._tracks: dict[str, tuple[str, Loudness]] = {}
        self._levels: dict[str, float] = {}

    def add(self, track_sid: str, participant_sid: str) -> Loudness:
        """A track whose packets are to be told to what comes back."""
        loudness = Loudness()
        self._tracks[track_sid] = (participant_sid, loudness)
        return loudness

    def remove(self, track_sid: str) -> None:
        """It is gone; who spoke with it is silent at the next look."""
        self._tracks.pop(track_sid, None)

    def look(self) -> dict[str, float]:
        """To be called every `INTERVAL`: the levels of those that changed, 0.0 for who stopped."""
        levels: dict[str, float] = {}
        for participant_sid, loudness in self._tracks.values():
            levels[participant_sid] = max(levels.get(participant_sid, 0.0), loudness.look())
        levels = {sid: level for sid, level in levels.items() if level}
        changed = {sid: level for sid, level in levels.items() if self._levels.get(sid) != level}
        changed |= {sid: 0.0 for sid in self._levels if sid not in levels}
        self._levels = levels
        return changed
