"""What a sink is played by itself."""

from __future__ import annotations

import numpy as np

from hookflash.audio.tones import ToneBook
from hookflash.media.player import Player, Prompt


def make() -> Player:
    return Player(ToneBook())


def test_a_prompt_ends_with_silence() -> None:
    prompt = Prompt(np.ones(400, np.int16), 8000, None)
    assert [int(prompt.frame(8000).sum()) for _ in range(3)] == [160, 160, 80]
    assert prompt.over


def test_recordings_before_a_tone_before_the_beep_of_who_is_alone() -> None:
    player = make()
    assert player.sound is None
    player.set_lone(alone=True)
    beep = player.sound
    player.play("busy")
    tone = player.sound
    player.play_pcm(np.zeros(160, np.int16), 8000, None)
    assert isinstance(player.sound, Prompt)
    assert beep is not None
    assert tone is not None
    assert tone is not beep
    assert player.stop_pcm()
    assert not player.stop_pcm()
    assert player.sound is tone
    assert player.stop_tone()
    assert not player.stop_tone()
    player.set_lone(alone=True)
    assert player.sound is beep, "it goes on"
    player.set_lone(alone=False)
    assert player.sound is None


def test_each_recording_that_is_over_is_told_once() -> None:
    player = make()
    player.play_pcm(np.zeros(160, np.int16), 8000, None)
    first = player.sound
    assert isinstance(first, Prompt)
    assert player.finished() is None
    first.frame(8000)
    assert player.finished() is first
    assert player.finished() is None


def test_digits_as_events() -> None:
    player = make()
    assert player.event() is None
    player.press("1", 100, 50, 8000, as_sound=False)
    assert player.pressing
    assert player.sound is None
    while player.pressing:
        assert not player.pressed()
        player.event()
    assert player.pressed()
    assert not player.pressed()


def test_digits_as_sound() -> None:
    player = make()
    player.press("w1", 100, 50, 8000, as_sound=True)
    assert not player.pressing
    pause = player.sound
    assert isinstance(pause, Prompt)
    assert not pause.frame(8000).any()
    player.stop_pcm()
    player.press("1", 100, 50, 8000, as_sound=True)
    assert player.sound is not None
    assert player.sound.frame(8000).any()
