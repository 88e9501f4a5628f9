"""Power of single frequencies in a piece of audio (Goertzel's question, asked by matrix)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]

PITCH: Final = 0.025
"""How far, as a part of it, a tone may be off: a jitter buffer whose delay has to change plays what
is said slower or faster by as much (`rtp/jitter.py`), for a second and longer."""


class ToneBank:
    """Measures a fixed set of frequencies in blocks of a fixed length."""

    __slots__ = ("_bank", "frequencies", "size")

    def __init__(self, frequencies: Sequence[float], size: int, rate: int) -> None:
        self.frequencies = tuple(frequencies)
        self.size = size
        angle = 2 * np.pi * np.outer(np.arange(size), frequencies) / rate
        self._bank = np.exp(-1j * angle).astype(np.complex64) * np.float32(2 / size)

    def amplitudes(self, block: Pcm) -> NDArray[np.float32]:
        """Peak amplitude (int16 scale) of each frequency in `block` of `size` samples."""
        result: NDArray[np.float32] = np.abs(block.astype(np.float32) @ self._bank)
        return result


def amplitude(samples: Pcm, frequency: float, rate: int) -> float:
    """Peak amplitude (int16 scale) of `frequency` Hz in all of `samples`."""
    if not len(samples):
        return 0.0
    return float(ToneBank([frequency], len(samples), rate).amplitudes(samples)[0])


def rms(samples: Pcm) -> float:
    """Root mean square of `samples`, 0 for none."""
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) if len(samples) else 0.0


def hears(samples: Pcm, frequency: float, rate: int, *, share: float = 0.2) -> bool:
    """True when one tone, at most `PITCH` off `frequency`, carries at least `share` of the power
    of `samples`."""
    level = rms(samples)
    if level < 30:
        return False
    size = 2 * len(samples)  # a tone between two steps of the spectrum loses little
    lowest, highest = ((1 + off) * frequency * size / rate for off in (-PITCH, PITCH))
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64), size))
    near = spectrum[math.floor(lowest) : math.ceil(highest) + 1].max(initial=0.0)
    loudest = max(amplitude(samples, frequency, rate), float(near) * 2 / len(samples))
    return loudest**2 / 2 >= share * level**2
