"""What a telephone hears, kept as it came: in its time, with silence where nothing did. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..audio.tone_bank import Pcm
from .speech import RATE
from .wave_files import wave_bytes

LONGEST: Final = 600
"""Seconds of a call that are recorded."""
_HOLE: Final = 10 * RATE
"""Samples by which a stream may jump ahead and be the same still."""


class Recording:
    """Of one telephone in one call, wherever it is connected meanwhile: int16, 8 kHz, 10 minutes at
    most."""

    def __init__(self, began: float) -> None:
        self.over = False
        """The call has ended."""
        self._began = began
        self._parts: list[Pcm] = []
        self._size = 0
        self._source = -1
        """SSRC of whom it hears."""
        self._next = 0
        """Timestamp of the packet that is to follow."""

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self._size / RATE

    @property
    def samples(self) -> Pcm:
        """All of it so far (int16)."""
        if len(self._parts) > 1:
            self._parts = [np.concatenate(self._parts)]
        return self._parts[0] if self._parts else np.zeros(0, np.int16)

    def wave(self) -> bytes:
        """All of it so far, as a WAV file."""
        return wave_bytes(self.samples)

    def heard(
        self, now: float, source: int, timestamp: int, samples: Pcm, clock: int = RATE
    ) -> None:
        """A packet: its SSRC, its timestamp by a clock of so many Hz, and what is in it. One that
        is late or came before counts for nothing (RFC 3550 §5.1)."""
        ticks = clock // RATE
        missing, hole = (timestamp - self._next) & 0xFFFFFFFF, _HOLE * ticks
        if source != self._source or hole < missing < 2**32 - hole:
            missing = round((now - self._began) * RATE) - len(samples) - self._size
        elif missing > hole:
            return
        else:
            missing //= ticks
        self._source, self._next = source, (timestamp + len(samples) * ticks) & 0xFFFFFFFF
        self._fill(missing)
        self._add(samples)

    def end(self, now: float) -> None:
        """The call is over."""
        self._fill(round((now - self._began) * RATE) - self._size)
        self.over = True

    def _fill(self, missing: int) -> None:
        if missing > 0:
            self._add(np.zeros(min(missing, LONGEST * RATE), np.int16))

    def _add(self, samples: Pcm) -> None:
        samples = samples[: LONGEST * RATE - self._size]
        if len(samples) and not self.over:
            self._parts.append(samples)
            self._size += len(samples)
