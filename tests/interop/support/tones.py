"""Wave files with one tone, for phones that play a file."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

RATE = 8000


def write_tone(file: Path, frequency: float, seconds: float = 60) -> Path:
    """A tone at a quarter of full scale, 8 kHz, 16 bit, mono."""
    at = np.arange(int(RATE * seconds)) / RATE
    samples = (8192 * np.sin(2 * np.pi * frequency * at)).astype("<i2")
    with wave.open(str(file), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(samples.tobytes())
    return file
