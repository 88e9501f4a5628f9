"""transfer.md §6: the tone table by country."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hookflash.audio.tone_bank import amplitude, rms
from hookflash.audio.tones import LONE, Cadence, ToneBook, ToneName, TonePlayer, cadence, render


def listen(spec: Cadence, seconds: float, rate: int = 8000) -> NDArray[np.int16]:
    player = TonePlayer(ToneBook(), spec)
    return np.concatenate([player.frame(rate) for _ in range(round(seconds * 50))])


def pattern(samples: NDArray[np.int16], rate: int = 8000) -> list[tuple[bool, float]]:
    """(sounding, seconds) in turn, by pieces of 10 ms."""
    size = rate // 100
    loud = [rms(samples[at : at + size]) > 100 for at in range(0, len(samples), size)]
    runs: list[tuple[bool, float]] = []
    for state in loud:
        if runs and runs[-1][0] == state:
            runs[-1] = (state, round(runs[-1][1] + 0.01, 2))
        else:
            runs.append((state, 0.01))
    return runs


@pytest.mark.parametrize(
    ("country", "frequencies", "cycle"),
    [
        ("ETSI", [425], [1.0, 4.0]),
        ("US", [440, 480], [2.0, 4.0]),
        ("UK", [400, 450], [0.4, 0.2, 0.4, 2.0]),
        ("AU", [400, 425, 450], [0.4, 0.2, 0.4, 2.0]),
    ],
)
@pytest.mark.parametrize("rate", [8000, 16000])
def test_ringing(country: str, frequencies: list[int], cycle: list[float], rate: int) -> None:
    samples = listen(cadence("ringing", country), 2 * sum(cycle), rate)
    runs = pattern(samples, rate)
    assert [length for _, length in runs] == pytest.approx(cycle * 2, abs=0.011)
    assert [state for state, _ in runs] == [True, False] * len(cycle)
    first = samples[: round(cycle[0] * rate)]
    for frequency in frequencies:
        assert amplitude(first, frequency, rate) == pytest.approx(
            16383 / len(frequencies), rel=0.05
        )
    assert amplitude(first, 700, rate) < 100


def test_etsi_is_at_half_scale() -> None:
    assert listen(cadence("ringing"), 1).max() in range(16300, 16384)


def test_japan_is_modulated() -> None:
    samples = listen(cadence("ringing", "JP"), 3)
    sounding = samples[:8000]
    envelope = [rms(sounding[at : at + 80]) for at in range(0, 8000, 80)]
    spectrum = np.abs(np.fft.rfft(np.array(envelope)))
    assert int(np.argmax(spectrum[1:])) + 1 == 16
    assert rms(samples[8000:]) == 0


def test_the_phase_does_not_jump_between_cycles() -> None:
    spec = Cadence((425,), (1.0,))
    samples = listen(spec, 3)
    steps = np.abs(np.diff(samples.astype(np.int32)))
    allowed = 2 * np.pi * 425 / 8000 * 16383 * 1.3
    assert steps.max() < allowed
    whole = render(spec, 8000)
    assert (samples[: len(whole)] == whole).all()


def test_an_unknown_country_sounds_as_etsi() -> None:
    assert cadence("ringing", "XX") == cadence("ringing", "ETSI") == cadence("ringing", "etsi")


def test_a_phone_alone_hears_a_soft_beep_every_five_seconds() -> None:
    samples = listen(LONE, 10)
    runs = pattern(samples)
    assert [state for state, _ in runs] == [True, False, True, False]
    assert runs[0][1] + runs[1][1] == pytest.approx(5)
    assert samples.max() < 2000


@pytest.mark.parametrize("tone", ["busy", "beep", "lone"])
@pytest.mark.parametrize("country", ["ETSI", "US", "UK", "JP", "AU"])
def test_every_cycle_is_whole(tone: ToneName, country: str) -> None:
    spec = cadence(tone, country)
    for rate in (8000, 16000):
        assert len(render(spec, rate)) % (rate // 50) == 0
    for frequency in spec.frequencies:
        periods = frequency * spec.seconds
        assert periods == pytest.approx(round(periods))
