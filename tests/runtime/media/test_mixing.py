"""One tick of the mixer: lost frames fade, stretched ones fit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from hookflash.audio.tone_bank import rms
from hookflash.runtime.media.engine import MediaEngineSettings
from hookflash.runtime.media.mixing import is_narrow
from hookflash.testing.media import Studio


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio()
    yield studio
    studio.close()


@pytest.mark.parametrize("codec", ["PCMU", "G722"])
def test_loss_is_concealed_by_a_fade(studio: Studio, codec: str) -> None:
    phones = [studio.phone(codec) for _ in range(3)]  # type: ignore[arg-type]
    ann, bob = phones[0], phones[1]
    for _ in range(30):
        ann.hum(400)
        studio.tick()
    before = len(bob.heard)
    studio.tick(10)  # nothing comes any more
    size = 160 if codec == "PCMU" else 320
    assert len(bob.heard) == before + 10, "silence is sent"
    sound = bob.sound(10)
    levels = [rms(sound[at : at + size]) for at in range(0, len(sound), size)]
    assert levels[0] > 4000
    fading = [level for level in levels if 40 < level < 5200]
    assert len(fading) >= 3
    assert fading == sorted(fading, reverse=True)
    assert levels[-1] < 20


def test_one_lost_frame_is_not_heard_as_a_hole(studio: Studio) -> None:
    ann, bob, _eve = (studio.phone() for _ in range(3))
    for number in range(40):
        if number == 20:
            ann.hum(400)
            bob.clear()
        elif number == 21:
            ann.sequence += 1
            ann.timestamp += 160
        else:
            ann.hum(400)
        studio.tick()
    sound = bob.sound()
    levels = [rms(sound[at : at + 160]) for at in range(0, len(sound), 160)]
    assert min(levels) > 3000


def test_a_sender_with_another_crystal_stays_smooth(studio: Studio) -> None:
    ann, bob, _eve = (studio.phone() for _ in range(3))
    due = 0.0
    for tick in range(3000):
        while due <= tick * 0.02:
            ann.hum(400)
            due += 0.02 * (1 - 2000e-6)  # ten times the worst, so that a minute is enough
        studio.tick()
        if tick == 100:
            bob.clear()
    sound = bob.sound()
    steps = np.abs(np.diff(sound.astype(np.int32)))
    assert steps.max() < 2 * np.pi * 400 / 8000 * 8000 * 1.5
    assert min(rms(sound[at : at + 160]) for at in range(0, len(sound), 160)) > 4500


def test_which_rooms_are_narrow(studio: Studio) -> None:
    narrow = [studio.phone("PCMU", room=None).stream, studio.phone("PCMA", room=None).stream]
    assert is_narrow(narrow)
    assert not is_narrow([*narrow, studio.phone("G722", room=None).stream])


def test_a_wide_room_with_a_phone_on_hold(studio: Studio) -> None:
    phones = [studio.phone("G722") for _ in range(3)]
    phones[0].stream.apply(studio.plan(phones[0], send=False, receive_audio=False))
    phones[0].clear()
    studio.tick(10)
    assert phones[0].heard == []
    assert len(phones[1].heard) == 10


def test_opus_is_encoded_with_the_effort_that_is_set() -> None:
    said = []
    for complexity in (0, 10):
        studio = Studio(MediaEngineSettings(opus_complexity=complexity))
        ann, bob = studio.phone("opus"), studio.phone()
        for _ in range(20):
            bob.hum(440)
            studio.tick()
        said.append([packet.payload for packet in ann.heard])
        studio.close()
    assert len(said[0]) == len(said[1]) == 20
    assert said[0] != said[1]
