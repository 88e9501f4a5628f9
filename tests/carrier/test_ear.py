"""Tones recognised, and silence told from anything else."""

from __future__ import annotations

import numpy as np
import pytest

from hookflash.audio.tone_bank import Pcm
from hookflash.carrier.ear import WINDOW, Ear


def tone(*frequencies: float, samples: int = WINDOW) -> Pcm:
    time = np.arange(samples) / 8000
    wave = sum(np.sin(2 * np.pi * f * time) for f in frequencies) * 5000
    return (np.zeros(samples) + wave).astype(np.int16)


def test_who_pauses_is_heard_for_a_second_more() -> None:
    ear = Ear(0.0)
    ear.feed(0.1, tone(330))
    ear.feed(0.2, np.zeros(WINDOW, np.int16))
    assert not ear.audible(0.2)
    assert ear.audible_lately(1.0)
    assert not ear.audible_lately(1.2)


def test_an_ear_names_the_tones_of_the_last_window() -> None:
    ear = Ear(0.0)
    both = tone(330, 550)
    ear.feed(0.05, both[:300])
    assert not ear.hears(0.05, 330)  # no whole window yet
    ear.feed(0.1, both[300:])
    assert ear.hears(0.1, 330)
    assert ear.hears(0.1, 550)
    assert not ear.hears(0.1, 660)
    assert not ear.hears(0.5, 330)  # that is long ago
    ear.feed(0.6, tone(660))
    assert [f for f in (330, 550, 660) if ear.hears(0.6, f)] == [660]


def test_an_ear_tells_silence_from_anything_else() -> None:
    ear = Ear(0.0)
    assert not ear.audible(0.1)  # nothing came yet
    ear.feed(0.1, tone())
    assert not ear.audible(0.1)
    ear.feed(0.2, tone(330))
    assert ear.audible(0.2)
    assert not ear.audible(0.5)  # that is long ago


def test_an_ear_says_how_loud_a_tone_is() -> None:
    ear = Ear(0.0)
    assert ear.level(0.0, 330) == 0.0
    ear.feed(0.1, tone(330))
    assert ear.level(0.1, 330) == pytest.approx(5000, rel=0.01)
    assert ear.level(0.1, 550) < 50
    assert ear.level(0.5, 330) == 0.0  # that is long ago


def test_an_ear_misses_a_tone_after_a_while() -> None:
    ear = Ear(0.0)
    assert not ear.misses(0.2, 330)  # listened too briefly
    assert ear.misses(0.3, 330)
    ear.feed(1.0, tone(330))
    assert not ear.misses(1.2, 330)
    assert ear.misses(1.3, 330)
    ear.forget(1.4)
    assert not ear.misses(1.6, 330)
