"""ALSA's devices without a card, for the real PortAudio: they take and give sound as fast as they
are asked to, for nothing gives them a clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sounddevice

from hookflash.audio.tone_bank import Pcm

DEVICES = "pcm.null { type null }\n"
NO_CARD = "pcm.!default { type file; slave.pcm null }\n"
"""One that cannot be used, for it has no file: as where there is no card. Without any PortAudio
would abort."""
DEFAULT = "pcm.!default { type null }\n"
ODD = "pcm.odd { type a52; rate 44100; channels 2; slavepcm null }\n"
"""A loudspeaker that takes 44,100 samples a second, and no other number."""


@contextmanager
def alsa(patch: pytest.MonkeyPatch, folder: Path, *devices: str) -> Iterator[None]:
    """PortAudio finds these, and no others."""
    config = folder / "asound.conf"
    config.write_text(DEVICES + "".join(devices), "utf-8")
    patch.setenv("ALSA_CONFIG_PATH", str(config))
    sounddevice._terminate()
    sounddevice._initialize()
    try:
        yield
    finally:
        patch.undo()
        sounddevice._terminate()
        sounddevice._initialize()


def microphone(file: Path, samples: Pcm) -> str:
    """One that hears this (int16, 48 kHz), again and again."""
    file.write_bytes(samples.tobytes())
    return f"pcm.tape {{ type file; slave.pcm null; file /dev/null; infile {file}; format raw }}\n"


def loudspeaker(file: Path) -> str:
    """One whose sound goes into a file (int16, 48 kHz, two channels)."""
    return f"pcm.paper {{ type file; slave.pcm null; file {file}; format raw }}\n"
