"""What telephones say, packet by packet."""

from __future__ import annotations

import numpy as np
import pytest

from hookflash.audio import g711
from hookflash.audio.elastic_buffer import TARGET
from hookflash.audio.tone_bank import Pcm, hears, rms
from hookflash.carrier.person import Person
from hookflash.carrier.speech import (
    FRAME,
    OCTETS,
    RATE,
    Form,
    Mouth,
    Speech,
    tone_frames,
    word_tones,
)

FORMS: tuple[Form, ...] = ("PCMU", "PCMA", "linear")


def tone(frequency: float, samples: int) -> Pcm:
    return (np.sin(2 * np.pi * frequency * np.arange(samples) / RATE) * 8000).astype(np.int16)


def read(form: Form, octets: bytes) -> Pcm:
    return np.frombuffer(octets, np.int16) if form == "linear" else g711.decode(form, octets)


def said(mouth: Mouth, frames: int, form: Form = "PCMU") -> Pcm:
    return read(form, b"".join(mouth.next() for _ in range(frames)))


@pytest.mark.parametrize("form", FORMS)
def test_a_second_of_tone_repeats_without_a_click(form: Form) -> None:
    frames = tone_frames(form, 550)
    assert {len(frame) for frame in frames} == {FRAME * OCTETS[form]}
    samples = read(form, b"".join(frames))
    assert len(samples) == 8000
    assert abs(int(samples[0]) - int(samples[-1])) < 4000


def test_no_tone_is_silence() -> None:
    assert not g711.decode("PCMU", b"".join(tone_frames("PCMU", 0))).any()


@pytest.mark.parametrize("form", FORMS)
def test_a_speech_is_said_once_and_then_there_is_silence(form: Form) -> None:
    speech = Speech(tone(500, 10 * FRAME + 7))
    assert speech.seconds == (10 * FRAME + 7) / RATE
    mouth = Mouth(330)
    mouth.use(form)
    mouth.say(0, speech)
    heard = said(mouth, 30, form)
    sizes = {len(speech.frame(form, number)) for number in (0, 10, 11, 99)}
    assert sizes == {FRAME * OCTETS[form]}
    assert np.abs(heard[: 10 * FRAME] - speech.samples[: 10 * FRAME]).max() < 300
    assert rms(heard[11 * FRAME :]) < 10


def test_of_a_speech_some_may_have_gone_by() -> None:
    speech = Speech(np.concatenate([tone(500, 5 * FRAME), tone(900, 5 * FRAME)]))
    mouth = Mouth(330)
    mouth.use("PCMU")
    mouth.say(0, speech, since=0.1)
    assert hears(said(mouth, 5), 900, RATE)
    assert rms(said(mouth, 1)) < 10


def test_another_tone_and_another_codec() -> None:
    mouth = Mouth(330)
    mouth.say(500)  # before anybody hears it
    mouth.use("PCMA")
    assert hears(said(mouth, 5, "PCMA"), 500, RATE)
    mouth.use("PCMU")
    assert hears(said(mouth, 5), 500, RATE)
    mouth.say(0, Speech(tone(900, FRAME)))
    mouth.say(700)
    assert hears(said(mouth, 60), 700, RATE)


def test_nothing_to_say_is_silence() -> None:
    speech = Speech(np.zeros(0, np.int16))
    assert speech.seconds == 0
    assert speech.frame("PCMU", 0) == b"\xff" * FRAME


def test_a_text_as_tones() -> None:
    """A word's tone is there as long as the word is, and the same each time."""
    samples = word_tones("Hello to all")
    hello, to = samples[:3200], samples[3200 + 960 : 3200 + 960 + 1280]
    (pitch,) = [hz for hz in range(300, 1300, 10) if hears(hello, hz, RATE, share=0.8)]
    assert not hears(to, pitch, RATE)
    assert rms(to) > 1000
    assert not samples[3200 : 3200 + 960].any()
    assert len(samples) == 10 * 640 + 3 * 960
    assert len(word_tones(" ")) == 0


@pytest.mark.parametrize("law", ["PCMU", "PCMA"])
def test_a_person_speaks_instead_of_all_else(law: g711.Law) -> None:
    mouth = Mouth(330)
    mouth.use(law)
    mouth.person = Person(lambda _: None)
    mouth.person.says(np.full(TARGET, 4000, np.int16))
    assert abs(said(mouth, 1, law).astype(int) - 4000).max() < 100
    mouth.say(0.0, Speech(np.full(FRAME, -4000, np.int16)))
    assert abs(said(mouth, 1, law).astype(int) - 4000).max() < 100
    mouth.person = None
    mouth.say(330)
    assert hears(said(mouth, 10, law), 330, RATE)
