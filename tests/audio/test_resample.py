"""Rates: exact lengths, little delay, no images."""

from __future__ import annotations

import numpy as np
import pytest

from hookflash.audio.resample import Resampler, resample_whole, stretch
from hookflash.audio.tone_bank import amplitude


def tone(
    frequency: float, rate: int, seconds: float = 1.0
) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    time = np.arange(round(rate * seconds)) / rate
    return (10000 * np.sin(2 * np.pi * frequency * time)).astype(np.int16)


@pytest.mark.parametrize(("source", "target"), [(8000, 16000), (16000, 8000), (48000, 16000)])
@pytest.mark.parametrize("frequency", [300, 1000, 3000])
def test_tones_pass(source: int, target: int, frequency: int) -> None:
    resampler = Resampler(source, target)
    size = source // 50
    samples = tone(frequency, source)
    parts = [resampler.process(samples[at : at + size]) for at in range(0, len(samples), size)]
    assert {len(part) for part in parts} == {target // 50}
    heard = np.concatenate(parts)[target // 10 :]
    assert amplitude(heard, frequency, target) == pytest.approx(10000, rel=0.06)
    rest = heard.astype(np.float64)
    power = np.mean(rest**2) - 10000**2 / 2
    assert abs(power) < 0.12 * 10000**2 / 2


def test_what_the_lower_rate_cannot_hold_is_removed() -> None:
    resampler = Resampler(16000, 8000)
    heard = resampler.process(tone(6000, 16000))[200:]
    assert np.abs(heard).max() < 300


@pytest.mark.parametrize(("source", "target"), [(8000, 16000), (16000, 8000), (48000, 8000)])
def test_frames_of_any_length_join_without_a_seam(source: int, target: int) -> None:
    samples = tone(440, source, 0.5)
    whole = Resampler(source, target).process(samples)
    resampler, at, parts = Resampler(source, target), 0, []
    for size in (480, 480, 96, 48, 960, 6, 480):
        parts.append(resampler.process(samples[at : at + size]).copy())
        at += size
    joined = np.concatenate(parts)
    assert np.abs(joined.astype(int) - whole[: len(joined)]).max() <= 1


def test_the_same_rate_is_left_alone() -> None:
    samples = tone(440, 8000, 0.02)
    assert Resampler(8000, 8000).process(samples) is samples


def test_odd_ratios_are_refused() -> None:
    with pytest.raises(ValueError, match="44100"):
        Resampler(44100, 8000)


def test_whole_recordings_at_any_rate() -> None:
    heard = resample_whole(tone(440, 44100), 44100, 8000)
    assert len(heard) == pytest.approx(8000, abs=2)
    assert amplitude(heard, 440, 8000) == pytest.approx(10000, rel=0.02)
    same = tone(440, 8000)
    assert resample_whole(same, 8000, 8000) is same


@pytest.mark.parametrize("length", [156, 160, 164])
def test_stretch_keeps_ends_and_shape(length: int) -> None:
    samples = tone(440, 8000, length / 8000)
    result = stretch(samples, 160)
    assert len(result) == 160
    assert result[0] == samples[0]
    assert abs(int(result[-1]) - int(samples[-1])) <= 1
    assert result.max() == pytest.approx(10000, rel=0.05)


def test_stretch_goes_by_straight_lines() -> None:
    assert stretch(np.array([0, 30], np.int16), 4).tolist() == [0, 10, 20, 30]
    assert stretch(np.array([-32768, 32767, -32768], np.int16), 5).tolist()[1::2] == [0, 0]
    assert stretch(np.array([7], np.int16), 3).tolist() == [7, 7, 7]
