"""In-band digits (calls.md §3, *DTMF in* and *DTMF out*)."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hookflash.audio import g711
from hookflash.audio.dtmf_tones import DigitDetector, digit_tone

DIGITS = "123A456B789C*0#D"


def gap(milliseconds: int, rate: int = 8000) -> NDArray[np.int16]:
    return np.zeros(milliseconds * rate // 1000, np.int16)


def detect(samples: NDArray[np.int16], rate: int = 8000) -> list[tuple[str, int]]:
    detector = DigitDetector(rate)
    size = rate // 50
    found = []
    for start in range(0, len(samples), size):
        found += detector.feed(samples[start : start + size])
    return found


@pytest.mark.parametrize("rate", [8000, 16000])
def test_every_digit_once(rate: int) -> None:
    line = np.concatenate(
        [part for digit in DIGITS for part in (digit_tone(digit, 100, rate), gap(60, rate))]
    )
    found = detect(line, rate)
    assert "".join(digit for digit, _ in found) == DIGITS
    assert all(70 <= length <= 130 for _, length in found)


def test_the_same_digit_twice_is_two_digits() -> None:
    line = np.concatenate(
        [digit_tone("5", 100, 8000), gap(60), digit_tone("5", 100, 8000), gap(60)]
    )
    assert [digit for digit, _ in detect(line)] == ["5", "5"]


def test_a_long_digit_is_one() -> None:
    ((digit, length),) = detect(np.concatenate([digit_tone("#", 2000, 8000), gap(60)]))
    assert digit == "#"
    assert length == pytest.approx(2000, abs=40)


def test_through_g711_and_noise() -> None:
    noise = np.random.default_rng(2).normal(0, 200, 8 * 160).astype(np.int16)
    line = np.concatenate([digit_tone("7", 100, 8000), gap(60)]) + noise
    octets = g711.encode("PCMA", line)
    assert [digit for digit, _ in detect(g711.decode("PCMA", octets))] == ["7"]


def test_too_short_is_none() -> None:
    assert detect(np.concatenate([digit_tone("7", 22, 8000), gap(60)])) == []


def test_a_click_does_not_split_a_digit() -> None:
    tone = digit_tone("9", 200, 8000)
    tone[816:880] = 0
    assert [digit for digit, _ in detect(np.concatenate([tone, gap(60)]))] == ["9"]


@pytest.mark.parametrize("seed", range(5))
def test_voice_like_sounds_are_no_digits(seed: int) -> None:
    random = np.random.default_rng(seed)
    time = np.arange(16000) / 8000
    wave = np.zeros(16000)
    pitch = random.uniform(90, 220)
    for harmonic in range(1, 16):
        wave += random.uniform(0.2, 1) / harmonic * np.sin(2 * np.pi * pitch * harmonic * time)
    line = (wave * 5000).astype(np.int16)
    assert detect(line) == []
    assert detect(random.normal(0, 4000, 16000).astype(np.int16)) == []


def test_a_single_tone_is_none() -> None:
    time = np.arange(8000) / 8000
    assert detect((9000 * np.sin(2 * np.pi * 697 * time)).astype(np.int16)) == []


def test_no_such_digit() -> None:
    with pytest.raises(ValueError, match="x"):
        digit_tone("x", 100, 8000)
