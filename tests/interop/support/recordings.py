"""What a recording holds: tones, found by their power in windows of a tenth of a second."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from hookflash.audio.goertzel import Pcm, hears

WINDOW = 0.1
"""Seconds."""


def read_wav(file: Path) -> tuple[Pcm, int]:
    """Samples of the first channel and their rate. Tolerates a file that was cut off."""
    with wave.open(str(file), "rb") as wav:
        rate, channels = wav.getframerate(), wav.getnchannels()
        assert wav.getsampwidth() == 2, f"{file.name} has not 16 bits"
        data = wav.readframes(wav.getnframes())
    samples = np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.int16)
    return samples[::channels], rate


def seconds_of(file: Path, frequency: float) -> float:
    """For how many seconds of the recording the tone is heard."""
    samples, rate = read_wav(file)
    size = int(WINDOW * rate)
    windows = (samples[at : at + size] for at in range(0, len(samples) - size + 1, size))
    return WINDOW * sum(hears(window, frequency, rate) for window in windows)
