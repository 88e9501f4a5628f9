"""The prompts of PIN dialogues, from their files."""

from __future__ import annotations

import wave
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import numpy as np

from ..ports import Prompts

PROMPTS = ("enter_pin", "wrong_pin", "room_join")


def load_prompts(folder: str = "") -> Prompts:
    """The prompts as (int16 samples, rate in Hz): our own, or those of `sip.prompts_dir`."""
    prompts = {}
    for name in PROMPTS:
        own = Path(folder) / f"{name}.wav"
        if folder and own.is_file():
            data = own.read_bytes()
        else:
            data = files("hookflash.audio").joinpath(f"prompts/{name}.wav").read_bytes()
        with wave.open(BytesIO(data)) as sound:
            samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
            prompts[name] = (samples[:: sound.getnchannels()], sound.getframerate())
    return prompts
