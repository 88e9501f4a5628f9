"""Change of sample rate by a small whole factor, 20 ms at a time and without hidden delay.

A streaming soxr object holds back up to 60 ms of telephone audio before it lets go of any, which
is too much for a conversation; between 8, 16 and 48 kHz a short filter of our own is enough.
Whole recordings (prompts) go through soxr, where delay does not matter.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
Index = NDArray[np.intp]

_TAPS_PER_PHASE = 24


def _low_pass(factor: int) -> NDArray[np.float32]:
    """A windowed-sinc filter that passes the lower `1/factor` of the band; length divides well."""
    length = _TAPS_PER_PHASE * factor
    at = np.arange(length) - (length - 1) / 2
    taps = np.sinc(at / factor * 0.92) * np.kaiser(length, 6.0)
    result: NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return result


class Resampler:
    """One direction of one leg: `source` Hz in, `target` Hz out; one divides the other.

    Delay: 12 samples of the lower rate (1.5 ms at 8 kHz).
    """

    __slots__ = ("_down", "_line", "_rows", "_size", "_tail", "_taps", "_up", "_windows")

    def __init__(self, source: int, target: int) -> None:
        if source % target and target % source:
            raise ValueError(f"{source} Hz to {target} Hz is no whole factor")
        self._up = max(1, target // source)
        self._down = max(1, source // target)
        factor = max(self._up, self._down)
        taps = _low_pass(factor)
        phases = [taps[phase :: self._up][::-1] * self._up for phase in range(self._up)]
        self._taps = np.ascontiguousarray(np.stack(phases, axis=1))
        """(taps, up): one column for each sample that is made of the same ones."""
        self._tail = len(self._taps) - 1
        """Samples of the frame before that the filter reaches back."""
        self._line = np.zeros(self._tail, np.float32)
        self._begin(0)

    def _begin(self, size: int) -> None:
        """Take frames of that many samples, in arrays that stay."""
        tail, reach = self._tail, len(self._taps)
        line = np.zeros(tail + size, np.float32)
        line[:tail] = self._line[len(self._line) - tail :]
        self._line, self._size = line, size
        shape, (step,) = (size // self._down, reach), line.strides
        self._windows = as_strided(line, shape, (step * self._down, step))
        self._rows = np.empty(shape, np.float32)

    def process(self, samples: Pcm) -> Pcm:
        """`samples` at the new rate: exactly len·target/source of them (len must divide)."""
        if self._up == self._down:
            return samples
        size, tail = len(samples), self._tail
        if size != self._size:
            self._begin(size)
        else:
            self._line[:tail] = self._line[size:]
        self._line[tail:] = samples
        np.copyto(self._rows, self._windows)  # the product of what overlaps is slow
        out = self._rows @ self._taps
        np.rint(out, out=out)
        np.minimum(out, 32767, out=out)
        np.maximum(out, -32768, out=out)
        return out.astype(np.int16).reshape(-1)


def resample_whole(samples: Pcm, source: int, target: int) -> Pcm:
    """A complete recording at another rate, any ratio (soxr, high quality)."""
    if source == target:
        return samples
    import soxr

    line: NDArray[np.float32] = soxr.resample(samples.astype(np.float32), source, target)
    result: Pcm = np.clip(np.rint(line), -32768, 32767).astype(np.int16)
    return result


def stretch(samples: Pcm, length: int) -> Pcm:
    """`samples` squeezed or drawn out to `length` by straight lines: for clock drift of a few
    samples in a frame, not for a change of rate."""
    if len(samples) == length:
        return samples
    if len(samples) < 2:
        return np.resize(samples, length)
    left, right, part = _places(len(samples), length)
    line = samples.take(left).astype(np.float32)
    line += (samples.take(right) - line) * part
    return np.rint(line, out=line).astype(np.int16)


@lru_cache(256)
def _places(samples: int, length: int) -> tuple[Index, Index, NDArray[np.float32]]:
    """Of each of `length` samples: the two of `samples` between which it is, and how far on."""
    at = np.arange(length) * ((samples - 1) / (length - 1))
    left = np.minimum(at.astype(np.intp), samples - 2)
    return left, left + 1, (at - left).astype(np.float32)
