"""Telephones that speak and record, through a real exchange."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from tests.support.lab import NUMBER
from tests.support.spoken import AGENT, CALLER, found_in, play

from hookflash.audio.tone_bank import Pcm, amplitude, hears, rms
from hookflash.base.errors import ConfigError
from hookflash.carrier.agent import CarrierError
from hookflash.carrier.config import NetworkConfig, PhoneConfig
from hookflash.carrier.conversation import PhoneEnd
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.service import CarrierService
from hookflash.carrier.speech import FRAME, RATE, Speech, word_tones
from hookflash.carrier.wave_files import read_wave, wave_bytes

PARTS = (0.4, 0.3, 0.4)
"""Seconds of noise, silence and noise."""
END = 1000
"""Hz of the tone at the end of what is said."""


def noise(seconds: float, seed: int) -> Pcm:
    return np.random.default_rng(seed).normal(0, 4000, round(seconds * RATE)).astype(np.int16)


def speech() -> Pcm:
    """Nothing else is like it."""
    first, gap, second = PARTS
    silence = np.zeros(round(gap * RATE), np.int16)
    end = (np.sin(2 * np.pi * END * np.arange(RATE // 2) / RATE) * 8000).astype(np.int16)
    return np.concatenate([noise(first, 1), silence, noise(second, 2), end])


def pitch(word: str) -> float:
    """Hz of a word that is said as a tone."""
    tones = word_tones(word)
    return max(range(300, 1300, 10), key=lambda hz: amplitude(tones, hz, RATE))


@pytest.mark.parametrize("profile", ["plain", "rude"])
def test_what_one_says_the_other_records(profile: str, tmp_path: Path) -> None:
    """A wave file, at 16 kHz; by µ-law, and by A-law in packets of 40 ms."""
    said, heard = tmp_path / "said.wav", tmp_path / "heard.wav"
    said.write_bytes(wave_bytes(speech()))
    caller = PhoneConfig(CALLER, says=str(said))
    agent = PhoneConfig(AGENT, tone=0.0, records=str(heard))

    async def test(carrier: CarrierService) -> None:
        carrier.call(CALLER, NUMBER)
        await carrier.happened("call_answered", 2)
        await carrier.hears(AGENT, END, 5.0)
        await carrier.sound(AGENT).misses(END, 2.0)
        carrier.hang_up(CALLER)
        carrier.hang_up(AGENT)
        assert (await carrier.happened("recorded"))["file"] == str(heard)

    play(test, caller, agent, profile)
    recorded = read_wave("heard.wav", heard.read_bytes())
    at, like = found_in(recorded, speech())
    assert like > 0.9
    first, gap, second = (round(part * RATE) for part in PARTS)
    quiet = recorded[at + first + FRAME : at + first + gap - FRAME]
    for part in (recorded[at : at + first], recorded[at + first + gap :][:second]):
        assert rms(part) > 1000
        assert rms(quiet) < 100
    assert rms(recorded[at + len(speech()) + FRAME :]) < 100, "it is said once"


def test_a_text_is_heard_word_by_word_without_a_voice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And the carrier says once why."""
    monkeypatch.setenv("PATH", str(tmp_path))
    heard = tmp_path / "heard.wav"
    text = "Hello there Anna"
    caller = PhoneConfig(CALLER, says=text)
    agent = PhoneConfig(AGENT, says="Yes please", records=str(heard))

    async def test(carrier: CarrierService) -> None:
        carrier.call(CALLER, NUMBER)
        await carrier.happened("call_answered", 2)
        last = pitch(text.rsplit(maxsplit=1)[-1])
        await carrier.hears(AGENT, last, 5.0)
        await carrier.sound(AGENT).misses(last, 2.0)
        told = [one.name for _, one in carrier.happenings]
        assert told.count("no_voice") == 1

    play(test, caller, agent)  # at whose end the call is up
    assert found_in(read_wave("", heard.read_bytes()), word_tones(text))[1] > 0.9


def test_a_voicemail_greets_in_its_own_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    phones = PhoneConfig(CALLER), PhoneConfig(AGENT, "", "voicemail", after=0.1, says="Hello")

    async def main() -> None:
        async with CarrierService(load_profile("plain"), NetworkConfig((), phones)) as carrier:
            carrier.call(CALLER, AGENT)
            await carrier.happened("call_answered")
            await carrier.hears(CALLER, pitch("Hello"), 2.0)
            await carrier.hears(CALLER, 1400, 2.0)
            await carrier.sound(CALLER).misses(1400, 2.0)

    asyncio.run(main())


def test_one_call_may_be_another_thing() -> None:
    """What is said in it, and that it is recorded; and a telephone may be told in a call."""
    phones = PhoneConfig(CALLER, tone=330), PhoneConfig(AGENT, "", tone=550, after=0.1)

    async def main() -> None:
        async with CarrierService(load_profile("plain"), NetworkConfig((), phones)) as carrier:
            said = Speech(word_tones("Hello"))
            call = carrier.call(CALLER, AGENT, said, records=True)
            assert isinstance(call.caller, PhoneEnd)
            await carrier.happened("call_answered")
            await carrier.hears(AGENT, pitch("Hello"), 2.0)
            carrier.say(call.caller, 700.0)
            await carrier.hears(AGENT, 700)
            carrier.press(CALLER, "1#")
            await carrier.sound(AGENT).pressed("1#", 2.0)
            carrier.hold(CALLER, held=True)
            with pytest.raises(CarrierError, match="talks to nobody"):
                carrier.press(CALLER, "1")
            carrier.hold(CALLER, held=False)
            await carrier.hears(AGENT, 700)
            await carrier.hears(CALLER, 550)
            carrier.hang_up(CALLER)
            assert carrier.recordings.of(AGENT) is None
            recording = carrier.recordings.of(CALLER)
            assert recording is not None
            assert hears(recording.samples[400:1200], 550, RATE)
            carrier.call(CALLER, AGENT)
            await carrier.happened("call_answered", 2)
            await carrier.hears(AGENT, 330)
            assert carrier.recordings.of(CALLER) is recording

    asyncio.run(main())


def test_what_cannot_be_said_is_known_before_anything_listens(tmp_path: Path) -> None:
    phones = (PhoneConfig(CALLER, says=str(tmp_path / "nowhere.wav")),)

    async def main() -> None:
        async with CarrierService(load_profile("plain"), NetworkConfig((), phones)):
            pass

    with pytest.raises(ConfigError, match=r"nowhere\.wav: 'no file' is not allowed"):
        asyncio.run(main())
