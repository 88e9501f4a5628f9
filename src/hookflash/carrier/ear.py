"""What a telephone hears: which tones, how loud, and whether there is anything. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from ..audio.tone_bank import Pcm, amplitude, hears, rms
from .speech import RATE

WINDOW: Final = RATE // 10
"""Samples of 100 ms: tones that are multiples of 10 Hz do not disturb each other."""
FRESH: Final = 0.25
"""Seconds for which a window counts as what is heard now."""
LATELY: Final = 1.0
"""Seconds in which somebody who speaks has said something."""
QUIET: Final = 0.3
"""Seconds without a tone after which it is heard no more."""
SHARE: Final = 0.1
"""Part of the power that a tone must carry: some speakers at once are told apart."""
AUDIBLE: Final = 100.0
"""RMS of a window (int16) above which somebody speaks: -50 dB of full scale."""


class Ear:
    """Cuts what is heard into windows of 100 ms and answers what is in them."""

    def __init__(self, now: float) -> None:
        self._started = now
        self._rest: list[Pcm] = []
        self._size = 0
        self._windows: deque[tuple[float, Pcm]] = deque(maxlen=10)

    def feed(self, now: float, samples: Pcm) -> None:
        """The next samples (int16, 8 kHz)."""
        self._rest.append(samples)
        self._size += len(samples)
        if self._size < WINDOW:
            return
        line = np.concatenate(self._rest)
        while len(line) >= WINDOW:
            self._windows.append((now, line[:WINDOW]))
            line = line[WINDOW:]
        self._rest, self._size = [line], len(line)

    def forget(self, now: float) -> None:
        """Begin anew: nothing was heard before."""
        self._started, self._rest, self._size = now, [], 0
        self._windows.clear()

    def hears(self, now: float, frequency: float) -> bool:
        """Whether the tone is there now: in the last window, which is fresh."""
        if not self._windows:
            return False
        at, window = self._windows[-1]
        return now - at < FRESH and hears(window, frequency, RATE, share=SHARE)

    def level(self, now: float, frequency: float) -> float:
        """Amplitude of the tone in the last window; 0.0 where that is not fresh."""
        if not self._windows:
            return 0.0
        at, window = self._windows[-1]
        return amplitude(window, frequency, RATE) if now - at < FRESH else 0.0

    def audible(self, now: float) -> bool:
        """Whether anything but silence is there now."""
        if not self._windows:
            return False
        at, window = self._windows[-1]
        return now - at < FRESH and rms(window) >= AUDIBLE

    def audible_lately(self, now: float) -> bool:
        """Whether anything but silence was there in the last second."""
        return any(now - at < LATELY and rms(window) >= AUDIBLE for at, window in self._windows)

    def misses(self, now: float, frequency: float) -> bool:
        """Whether the tone was not there for 0.3 s."""
        if now - self._started < QUIET:
            return False
        recent = (window for at, window in self._windows if now - at < QUIET)
        return not any(hears(window, frequency, RATE, share=SHARE) for window in recent)
