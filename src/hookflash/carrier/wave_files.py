"""Wave files: what a telephone says, read; what it has heard, written. Pure."""

from __future__ import annotations

import wave
from io import BytesIO
from typing import Final

import numpy as np

from ..audio.resample import resample_whole
from ..audio.tone_bank import Pcm
from ..base.errors import ConfigError
from .speech import RATE

LONGEST: Final = 120
"""Seconds of a file that a telephone says."""
SLOWEST, FASTEST = 8000, 48000
"""Samples a second."""
LARGEST: Final = 2 * 2 * FASTEST * LONGEST + 100_000
"""Octets of such a file, with what else may be in it."""
ALLOWED: Final = (
    f"a WAV file of PCM with 16 bits, 1 or 2 channels, {SLOWEST} to {FASTEST} Hz, "
    f"at most {LONGEST} s"
)


def read_wave(name: str, data: bytes) -> Pcm:
    """The sound of a WAV file as int16 at 8 kHz, its channels mixed.

    Raises:
        ConfigError: names the file, what it is and what is allowed.
    """
    if len(data) > LARGEST:
        raise wrong_wave(name, f"larger than {LARGEST} octets")
    try:
        with wave.open(BytesIO(data)) as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            # A file that was written into a pipe does not know its own length.
            octets = file.readframes(min(file.getnframes(), len(data)))
    except (wave.Error, EOFError) as error:
        what = str(error) or "it ends too early"
        raise wrong_wave(name, f"no WAV file of PCM: {what}") from None
    seconds = len(octets) / max(1, channels * width * rate)
    right = width == 2 and channels in (1, 2) and SLOWEST <= rate <= FASTEST
    if not right or seconds > LONGEST:
        is_ = f"PCM of {8 * width} bits, channels: {channels}, {rate} Hz, {seconds:.1f} s"
        raise wrong_wave(name, is_)
    whole = len(octets) - len(octets) % (2 * channels)
    samples = np.frombuffer(octets[:whole], "<i2").astype(np.int16)
    if channels == 2:
        samples = samples.reshape(-1, 2).mean(axis=1).astype(np.int16)
    return resample_whole(samples, rate, RATE) if len(samples) else samples


def wrong_wave(name: str, what: str) -> ConfigError:
    """This file cannot be said; `what` it is instead."""
    return ConfigError(name, what, ALLOWED)


def wave_bytes(samples: Pcm) -> bytes:
    """A WAV file of int16 samples at 8 kHz."""
    out = BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return out.getvalue()
