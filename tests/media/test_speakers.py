"""webrtc.md §6, *speakers*; facts §5.9."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hookflash.media.speakers import Loudness, Speakers, levels_of


def tone(peak: float) -> NDArray[np.int16]:
    return np.asarray(peak * np.sin(np.arange(160) * 0.7), np.int16)


def interval(
    speakers: Speakers, loudness: Loudness, level: int, packets: int = 20
) -> dict[str, float]:
    for _ in range(packets):
        loudness.observe(level)
    return speakers.look()


def test_levels_are_measured_as_packets_tell_them() -> None:
    silence, loudest = np.zeros(160, np.int16), np.full(160, -32768, np.int16)
    frames = np.stack([tone(32767), tone(3276.7), silence, loudest, silence + 1, tone(1)])
    assert levels_of(frames) == [3, 23, 127, 0, 90, 127]
    assert levels_of(frames[1:2]) == [23]


def test_who_speaks_is_told_when_the_level_changes_and_when_it_ends() -> None:
    speakers = Speakers()
    loudness = speakers.add("TR_1", "PA_1")
    assert interval(speakers, loudness, 15) == {"PA_1": 0.125}
    assert interval(speakers, loudness, 15) == {"PA_1": 0.25}
    assert interval(speakers, loudness, 15) == {}, "no change"
    gone = [interval(speakers, loudness, 127) for _ in range(8)]
    told = [change for change in gone if change]
    assert told[-1] == {"PA_1": 0.0}
    assert gone[-1] == {}


def test_a_click_and_a_whisper_are_no_speech() -> None:
    speakers = Speakers()
    loudness = speakers.add("TR_1", "PA_1")
    assert interval(speakers, loudness, 5, packets=7) == {}
    assert interval(speakers, loudness, 36) == {}


def test_the_louder_of_two_tracks_counts_and_one_that_goes_is_silent() -> None:
    speakers = Speakers()
    quiet, loud = speakers.add("TR_1", "PA_1"), speakers.add("TR_2", "PA_1")
    for _ in range(20):
        quiet.observe(30)
        loud.observe(0)
    assert speakers.look() == {"PA_1": 0.75}
    speakers.remove("TR_1")
    speakers.remove("TR_2")
    assert speakers.look() == {"PA_1": 0.0}
    speakers.remove("TR_2")
