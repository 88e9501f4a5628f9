"""What a recording holds: tones, found by their power in windows of a tenth of a second."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from hookflash.audio.tone_bank import Pcm, hears

WINDOW = 0.1
"""Seconds."""


def read_wav(file: Path) -> tuple[Pcm, int]:
    """Samples, of the first channel, and rate of a file of 16 bits, which may still be in the
    making.

    While a program writes it, the lengths in its header are not yet true; so they are not read.
    """
    data = file.read_bytes()
    form, start = data.find(b"fmt "), data.find(b"data")
    if form < 0 or start < 0:
        return np.zeros(0, np.int16), 8000
    _, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, form + 8)
    assert bits == 16, f"{file.name}: {bits} bits"
    body, frame = data[start + 8 :], 2 * channels
    whole = np.frombuffer(body[: len(body) // frame * frame], dtype="<i2").astype(np.int16)
    return whole[::channels], rate


def seconds_of(file: Path, frequency: float) -> float:
    """For how many seconds of the recording the tone is heard."""
    samples, rate = read_wav(file)
    size = int(WINDOW * rate)
    windows = (samples[at : at + size] for at in range(0, len(samples) - size + 1, size))
    return WINDOW * sum(hears(window, frequency, rate) for window in windows)
