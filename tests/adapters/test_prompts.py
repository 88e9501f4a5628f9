"""calls.md §1: the prompts of a PIN rule, our own or those of `sip.prompts_dir`."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from hookflash.adapters.prompts import PROMPTS, load_prompts


def test_prompts_can_be_replaced_one_by_one(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "enter_pin.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(np.full(160, 7, np.int16).tobytes())
    prompts = load_prompts(str(tmp_path))
    assert set(prompts) == set(PROMPTS)
    assert list(prompts["enter_pin"][0]) == [7] * 160
    assert len(prompts["wrong_pin"][0]) > 8000


@pytest.mark.parametrize("name", PROMPTS)
def test_our_own_prompts_are_8_khz(name: str) -> None:
    samples, rate = load_prompts()[name]
    assert rate == 8000
    assert np.abs(samples).max() > 1000
