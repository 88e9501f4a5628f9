"""G.722 and Opus in the rows of the matrix at 8 kHz, and rooms that change their rate."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support.studio import CODECS, EVENT_TYPE, Studio, TablePhone

from hookflash.audio.codecs import make_codec
from hookflash.audio.tone_bank import amplitude, rms
from hookflash.sdp.plan import CodecName

TONES = (440, 700, 1100)


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio()
    yield studio
    studio.close()


def hum(studio: Studio, *phones: TablePhone, ticks: int = 50) -> None:
    """Everybody a tone of their own, from now on without a jump."""
    for _ in range(ticks):
        for phone, frequency in zip(phones, TONES, strict=False):
            phone.hum(frequency)
        studio.tick()


def level(phone: TablePhone, frequency: int, last: int = 20) -> float:
    """How loud the phone hears that tone in its last packets, in dB below what was said."""
    sound = phone.sound(last)
    rate = make_codec(phone.codec.name).rate
    return float(20 * np.log10(max(1.0, amplitude(sound, frequency, rate)) / 8000))


def narrow(studio: Studio) -> bool:
    """All that the clock works for is in the matrix."""
    return bool(studio.engine._narrow._rooms) and not studio.engine._wide


@pytest.mark.parametrize(
    "codecs",
    [
        ("PCMU", "opus"),
        ("PCMA", "G722"),
        ("PCMU", "PCMA", "opus"),
        ("G722", "PCMU", "PCMU"),
    ],
)
def test_everybody_hears_the_others_as_loud_as_they_speak(
    studio: Studio, codecs: tuple[CodecName, ...]
) -> None:
    phones = [studio.phone(codec) for codec in codecs]
    hum(studio, *phones)
    assert narrow(studio)
    for phone, own in zip(phones, TONES, strict=False):
        assert len(phone.heard) == 50
        for other in TONES[: len(phones)]:
            if other == own:
                assert level(phone, own) < -30
            else:
                assert level(phone, other) == pytest.approx(0, abs=2)


def test_who_chose_whom_to_hear(studio: Studio) -> None:
    ann, bob, eve = studio.phone("opus"), studio.phone(), studio.phone("PCMA")
    ann.stream.hears = frozenset({eve.stream.track_sid})
    hum(studio, ann, bob, eve)
    assert level(ann, 1100) == pytest.approx(0, abs=2)
    assert level(ann, 700) < -30


@pytest.mark.parametrize("codec", ["opus", "G722"])
def test_tones_and_recordings(studio: Studio, codec: CodecName) -> None:
    ann, bob = studio.phone(codec), studio.phone()
    ann.stream.play("ringing")
    hum(studio, ann, bob, ticks=30)
    assert level(ann, 700) < -30
    assert level(ann, 425) > 0
    assert level(bob, 440) == pytest.approx(0, abs=2)
    ann.stream.stop_tone()
    time = np.arange(8000) / 8000
    done: list[int] = []
    ann.stream.play_pcm(
        (8000 * np.sin(2 * np.pi * 900 * time)).astype(np.int16), lambda: done.append(1)
    )
    hum(studio, ann, bob, ticks=40)
    assert level(ann, 900) == pytest.approx(0, abs=2)
    hum(studio, ann, bob, ticks=30)
    assert done == [1]
    assert level(ann, 700, 10) == pytest.approx(0, abs=2)
    ann.stream.say("ringing")
    hum(studio, ann, bob, ticks=30)
    assert level(bob, 425) > 0
    assert level(bob, 440) < -30
    assert narrow(studio)


@pytest.mark.parametrize("ptime", [10, 20, 40, 60])
def test_packets_of_the_length_that_was_agreed(studio: Studio, ptime: int) -> None:
    ann, bob = studio.phone("opus", ptime=ptime), studio.phone()
    hum(studio, ann, bob, ticks=60)
    packets = ann.heard
    assert len(packets) == 60 * 20 // ptime
    stamps = [packet.timestamp for packet in packets]
    assert {b - a & 0xFFFFFFFF for a, b in pairwise(stamps)} == {48 * ptime}
    assert level(ann, 700, len(packets) // 2) == pytest.approx(0, abs=2)
    assert narrow(studio)


def test_digits_take_the_place_of_sound(studio: Studio) -> None:
    """What is gathered for a packet of 40 ms is not said after the digit."""
    ann, bob = studio.phone("opus", ptime=40), studio.phone()
    hum(studio, ann, bob, ticks=21)
    ann.clear()
    ann.stream.send_dtmf("5", 100, 40)
    hum(studio, ann, bob, ticks=30)
    kinds = [packet.payload_type for packet in ann.heard]
    events = kinds.count(EVENT_TYPE)
    assert events >= 5
    assert kinds[:events] == [EVENT_TYPE] * events
    first, sound = ann.heard[0], ann.heard[events]
    passed = (sound.timestamp - first.timestamp) & 0xFFFFFFFF
    assert passed % 960 == 0, "the sound's time went on"
    assert level(ann, 700, 5) == pytest.approx(0, abs=2)


@pytest.mark.parametrize("codec", ["opus", "G722"])
def test_muted_and_on_hold(studio: Studio, codec: CodecName) -> None:
    ann, bob = studio.phone(codec), studio.phone()
    hum(studio, ann, bob)
    ann.stream.muted = True
    assert ann.stream.receiver.jitter is None, "nothing is decoded"
    bob.clear()
    hum(studio, ann, bob, ticks=30)
    assert rms(bob.sound()) < 20, "nor is what came before"
    ann.stream.muted = False
    ann.stream.apply(studio.plan(ann, send=False, receive_audio=False))
    ann.clear()
    hum(studio, ann, bob, ticks=30)
    assert ann.heard == []
    assert not studio.engine._narrow._encoded, "nothing is encoded"
    assert rms(bob.sound(10)) < 20
    ann.stream.apply(studio.plan(ann))
    hum(studio, ann, bob)
    ann.stream.apply(studio.plan(ann, send=False))
    ann.clear()
    hum(studio, ann, bob, ticks=30)
    assert ann.heard == []
    assert level(bob, 440) == pytest.approx(0, abs=2)
    ann.stream.apply(studio.plan(ann))
    hum(studio, ann, bob, ticks=40)
    assert level(ann, 700) == pytest.approx(0, abs=2)
    assert level(bob, 440) == pytest.approx(0, abs=2)


def lose(phone: TablePhone) -> None:
    """The phone's next packet does not come."""
    phone.sequence += 1
    phone.timestamp += phone.codec.clock // 50


def frames(phone: TablePhone, last: int) -> list[NDArray[np.int16]]:
    """What the phone heard, packet by packet."""
    sound = phone.sound(last)
    return list(sound.reshape(last, len(sound) // last))


def test_a_lost_opus_packet_is_made_up_by_the_decoder(studio: Studio) -> None:
    ann, bob = studio.phone("opus"), studio.phone()
    hum(studio, ann, bob)
    concealer = ann.stream.source.concealer
    assert concealer is not None
    for _ in range(4):
        lose(ann)
        studio.tick()
        assert concealer.line is not None, "a frame that was made: it is not ours to fill"
    assert min(rms(frame) for frame in frames(bob, 3)) > 200


def test_a_lost_g722_packet_fades(studio: Studio) -> None:
    ann, bob = studio.phone("G722"), studio.phone()
    hum(studio, ann, bob)
    studio.tick(8)
    levels = [rms(frame) for frame in frames(bob, 10)]
    fading = [level for level in levels if 40 < level < 5200]
    assert len(fading) >= 3
    assert fading == sorted(fading, reverse=True)
    assert levels[-1] < 20


# --- rooms that change their rate -----------------------------------------------------------------


def steps(sound: NDArray[np.int16]) -> NDArray[np.int32]:
    return np.abs(np.diff(sound.astype(np.int32)))


@pytest.mark.parametrize("codec", ["opus", "G722"])
def test_a_room_that_changes_its_rate_goes_on_sounding(studio: Studio, codec: CodecName) -> None:
    """A third phone comes and goes: nobody misses more than one frame of what is said."""
    ann, bob = studio.phone(codec), studio.phone()
    hum(studio, ann, bob)
    for _ in range(2):
        third = studio.phone("G722")
        hum(studio, ann, bob)
        assert not narrow(studio)
        assert level(ann, 700) == pytest.approx(0, abs=2)
        assert level(bob, 440) == pytest.approx(0, abs=2)
        assert level(third, 440) == pytest.approx(0, abs=2)
        third.stream.close()
        hum(studio, ann, bob)
        assert narrow(studio)
        assert bob.stream.sink.encoder is None, "with the others"
        assert level(ann, 700) == pytest.approx(0, abs=2)
        assert level(bob, 440) == pytest.approx(0, abs=2)
    assert len(ann.heard) == len(bob.heard) == 250
    for phone, frequency in ((ann, 700), (bob, 440)):
        rate = make_codec(phone.codec.name).rate
        heard = frames(phone, 230)
        smooth = 2 * np.pi * frequency / rate * 8000 * 1.3
        for change in (30, 80, 130, 180):
            rough = [n for n in range(change - 3, change + 5) if steps(heard[n]).max() > smooth]
            soft = [n for n in range(change - 3, change + 5) if rms(heard[n]) < 4500]
            assert len({*rough, *soft}) <= 1, (phone.codec.name, change)
            assert min(rms(frame) for frame in heard[change - 3 : change + 5]) > 3000


def test_a_fade_goes_on_when_the_rate_changes(studio: Studio) -> None:
    ann, bob = studio.phone("G722"), studio.phone()
    hum(studio, ann, bob)
    studio.tick(2)
    third = studio.phone("G722")
    studio.tick()
    third.stream.close()
    studio.tick(4)
    levels = [rms(frame) for frame in frames(bob, 7)]
    fading = [level for level in levels if 40 < level < 5400]
    assert len(fading) >= 3
    assert fading == sorted(fading, reverse=True)


def test_a_phone_that_speaks_another_codec_changes_the_rate(studio: Studio) -> None:
    """As it may without a new agreement."""
    both = {codec.payload_type: codec for codec in (CODECS["PCMU"], CODECS["G722"])}
    ann, bob = studio.phone("opus"), studio.phone("G722", receive=both)
    hum(studio, ann, bob)
    assert not narrow(studio)
    bob.codec = CODECS["PCMU"]
    bob._voice = make_codec("PCMU")
    hum(studio, ann, bob)
    assert level(ann, 700) == pytest.approx(0, abs=2)
