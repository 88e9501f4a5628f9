"""DTMF as sound (ITU-T Q.23, Q.24): for peers without telephone-event."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .tone_bank import ToneBank

Pcm = NDArray[np.int16]

LOW: Final = (697, 770, 852, 941)
HIGH: Final = (1209, 1336, 1477, 1633)
_ROWS: Final = ("123A", "456B", "789C", "*0#D")
_PEAK: Final = 8000
_RAMP: Final = 0.004

_FLOOR: Final = 250.0
"""Smallest amplitude of each of the two tones (about -42 dBm0)."""
_TWIST: Final = 10.0
"""How many times louder one tone may be (20 dB; Q.24 asks for less)."""
_ALONE: Final = 0.55
"""Share of the block's power that the two tones must carry: speech does not."""
_MIN_BLOCKS: Final = 3
_BLOCK_MS: Final = 12.75


def digit_tone(digit: str, milliseconds: int, rate: int) -> Pcm:
    """The sound of `digit` (0-9 * # A-D, either case) with soft edges."""
    key = "".join(_ROWS).find(digit.upper())
    if key < 0 or len(digit) != 1:
        raise ValueError(f"no DTMF digit: {digit!r}")
    row, column = divmod(key, 4)
    length = milliseconds * rate // 1000
    time = np.arange(length) / rate
    wave = np.sin(2 * np.pi * LOW[row] * time) + np.sin(2 * np.pi * HIGH[column] * time)
    ramp = min(length // 2, int(_RAMP * rate))
    if ramp:
        slope = np.linspace(0, 1, ramp, endpoint=False)
        wave[:ramp] *= slope
        wave[-ramp:] *= slope[::-1]
    return (wave * (_PEAK / 2)).astype(np.int16)


class DigitDetector:
    """Finds digits in 8 kHz audio: blocks of 12.75 ms, a digit after three alike (Q.24: 40 ms
    must be heard, 23 ms must not), its length known when it stops."""

    __slots__ = ("_bank", "_blocks", "_digit", "_misses", "_rest")

    def __init__(self, rate: int = 8000) -> None:
        self._bank = ToneBank(LOW + HIGH, round(rate * _BLOCK_MS / 1000), rate)
        self._rest: Pcm = np.zeros(0, np.int16)
        self._digit = ""
        self._blocks = 0
        self._misses = 0

    def feed(self, samples: Pcm) -> list[tuple[str, int]]:
        """The digits that ended in these samples, each with its length in milliseconds."""
        line = np.concatenate([self._rest, samples]) if len(self._rest) else samples
        size = self._bank.size
        found: list[tuple[str, int]] = []
        start = 0
        while start + size <= len(line):
            self._block(line[start : start + size], found)
            start += size
        self._rest = line[start:]
        return found

    def _block(self, block: Pcm, found: list[tuple[str, int]]) -> None:
        digit = self._classify(block)
        if digit and digit == self._digit:
            self._blocks += 1 + self._misses
            self._misses = 0
            return
        if self._digit and not digit and self._misses == 0:
            self._misses = 1  # one bad block inside a digit is a click, not its end
            return
        if self._digit and self._blocks >= _MIN_BLOCKS:
            found.append((self._digit, round(self._blocks * _BLOCK_MS)))
        self._digit, self._blocks, self._misses = digit, int(bool(digit)), 0

    def _classify(self, block: Pcm) -> str:
        power = float(np.mean(block.astype(np.float32) ** 2))
        if power < _FLOOR**2 / 2:
            return ""
        levels = self._bank.amplitudes(block)
        row, column = int(np.argmax(levels[:4])), int(np.argmax(levels[4:]))
        low, high = float(levels[row]), float(levels[4 + column])
        if min(low, high) < _FLOOR or max(low, high) > _TWIST * min(low, high):
            return ""
        if (low**2 + high**2) / 2 < _ALONE * power:
            return ""
        return _ROWS[row][column]
