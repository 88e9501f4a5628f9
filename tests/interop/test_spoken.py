"""A telephone whose text is read aloud by espeak-ng, through a real exchange."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.support.lab import NUMBER
from tests.support.spoken import AGENT, CALLER, found_in, play

from hookflash.audio.tone_bank import rms
from hookflash.carrier.config import PhoneConfig
from hookflash.carrier.service import CarrierService
from hookflash.carrier.speaking import can_speak, speech_of
from hookflash.carrier.speech import word_tones
from hookflash.carrier.wave_files import read_wave

pytestmark = pytest.mark.interop

TEXT = "-w Good morning, I would like to talk to sales."
"""Which looks like an option, and is none."""


@pytest.fixture(autouse=True)
def voice() -> None:
    assert can_speak(), "espeak-ng is missing: `make peers` installs it"


def test_a_text_is_read_aloud_and_is_in_the_recording_of_who_hears_it(tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    speech = speech_of(TEXT)
    assert 2.0 < speech.seconds < 10.0
    assert rms(speech.samples) > 500
    assert not np.array_equal(speech.samples, word_tones(TEXT))

    async def test(carrier: CarrierService) -> None:
        carrier.call(CALLER, NUMBER)
        await carrier.happened("call_answered", 2)
        await carrier.sound(AGENT).hears_anything(3.0)
        await carrier.sound(AGENT).pressed("#", 20.0)
        assert "no_voice" not in [one.name for _, one in carrier.happenings]

    caller = PhoneConfig(CALLER, says=TEXT, presses="#", presses_after=speech.seconds + 0.5)
    play(test, caller, PhoneConfig(AGENT, tone=0.0, records=str(heard)))
    assert found_in(read_wave("", heard.read_bytes()), speech.samples)[1] > 0.9


def test_a_text_may_be_of_any_language_and_length() -> None:
    assert speech_of("Grüß Gott, schöne Aussicht! 你好").seconds > 1.0
    assert 30.0 < speech_of("a long text " * 80).seconds < 120.0
