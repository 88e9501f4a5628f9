"""What is heard where a frame of a source is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..audio.resample import stretch

Pcm = NDArray[np.int16]

_FADE: Final = 3
"""Frames in which a lost sound fades to silence."""


class Concealer:
    """Fills the lost frames of one source: the last good one again, fading out over 60 ms."""

    __slots__ = ("_good", "_lost", "_samples", "decode", "line")

    def __init__(self, decode: Callable[[bytes], Pcm], samples: int) -> None:
        """`decode`: makes 20 ms (`samples`) of a frame as `JitterBuffer.pull` gives it."""
        self.decode = decode
        self.line: bytes | None = None
        """The last frame; the owner sets it when a good one comes. None once it is used."""
        self._samples = samples
        self._good: Pcm = np.zeros(samples, np.int16)
        self._lost = _FADE
        """Frames lost in a row: before the first good one there is nothing to fade."""

    def change_rate(self, decode: Callable[[bytes], Pcm], samples: int) -> None:
        """Frames are made of `samples` from now on, by `decode`; what fades goes on fading."""
        if self.line is not None:
            self._good, self._lost, self.line = self.decode(self.line), 0, None
        self.decode, self._samples = decode, samples
        self._good = stretch(self._good, samples)

    @property
    def silent(self) -> bool:
        """The sound has faded away: `fill` would give zeros."""
        return self._lost >= _FADE and self.line is None

    def fill(self) -> Pcm:
        """A frame for one that is missing."""
        if self.line is not None:
            self._good, self._lost, self.line = self.decode(self.line), 0, None
        if self._lost >= _FADE:
            return np.zeros(self._samples, np.int16)
        start = 1 - self._lost / _FADE
        self._lost += 1
        gain = np.linspace(start, start - 1 / _FADE, self._samples, dtype=np.float32)
        return (self._good * gain).astype(np.int16)
