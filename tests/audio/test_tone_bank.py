"""Tone detection."""

from __future__ import annotations

import numpy as np
import pytest

from hookflash.audio.tone_bank import ToneBank, amplitude, hears, rms

TIME = np.arange(8000) / 8000
TONE = (8000 * np.sin(2 * np.pi * 440 * TIME)).astype(np.int16)


def test_amplitude_of_a_tone() -> None:
    assert amplitude(TONE, 440, 8000) == pytest.approx(8000, rel=0.01)
    assert amplitude(TONE, 1000, 8000) < 50
    assert amplitude(TONE[:0], 440, 8000) == 0


def test_a_bank_measures_many_at_once() -> None:
    levels = ToneBank([440, 880], 400, 8000).amplitudes(TONE[:400])
    assert levels[0] == pytest.approx(8000, rel=0.02)
    assert levels[1] < 200


def test_hears() -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 8000).astype(np.int16)
    assert hears(TONE, 440, 8000)
    assert hears(TONE + noise // 2, 440, 8000)
    assert not hears(noise, 440, 8000)
    assert not hears(TONE, 425, 8000)
    assert not hears(TONE, 5000, 8000)  # nothing is that high
    assert not hears(np.zeros(8000, np.int16), 440, 8000)


@pytest.mark.parametrize("size", [160, 800, 8000])
@pytest.mark.parametrize("pitch", [1 - 4 / 160, 1 + 4 / 160])
def test_a_tone_that_a_jitter_buffer_plays_slower_or_faster_is_heard(
    pitch: float, size: int
) -> None:
    off = (8000 * np.sin(2 * np.pi * 1400 * pitch * TIME)).astype(np.int16)[:size]
    assert hears(off, 1400, 8000)
    assert not hears(off, 1500 if pitch < 1 else 1300, 8000)


def test_rms() -> None:
    assert rms(TONE) == pytest.approx(8000 / 2**0.5, rel=0.01)
    assert rms(TONE[:0]) == 0
