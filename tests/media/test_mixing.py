"""One tick of the mixer: lost frames fade, stretched ones fit."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from tests.support.studio import CODECS, Studio, TablePhone

from hookflash.audio import g711
from hookflash.audio.tone_bank import rms
from hookflash.media.mixing import NarrowMix
from hookflash.media.routes import Bridge
from hookflash.media.sink import Route, Sink
from hookflash.runtime.media.engine import MediaEngineSettings
from hookflash.sdp.plan import CodecName


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


def peaks_of_a_loss(studio: Studio, change: Callable[[TablePhone, int], None]) -> list[int]:
    """What Ann's listener hears of five frames that are lost, its loudest sample in each, while
    `change` is done before each tick."""
    ann, bob, _eve = (studio.phone() for _ in range(3))
    for _ in range(30):
        ann.hum(400)
        studio.tick()
    for number in range(8):
        change(bob, number)
        studio.tick()
    sound = bob.sound(7)
    return [int(np.abs(sound[at : at + 160]).max()) for at in range(0, len(sound), 160)]


def is_a_fade(peaks: list[int]) -> bool:
    return peaks[0] > 6000 and peaks[0] > peaks[1] > peaks[2] > 1000 and max(peaks[3:]) < 20


def mute(phone: TablePhone, number: int) -> None:
    """Something changes in the phone's room."""
    phone.stream.muted = number % 2 == 0


def test_loss_fades_while_another_room_changes(studio: Studio) -> None:
    """One changes in nearly every tick where hundreds are on the phone."""
    others = [studio.phone(room="other") for _ in range(3)]
    assert is_a_fade(peaks_of_a_loss(studio, lambda _, number: mute(others[0], number)))


def test_loss_fades_while_its_own_room_changes(studio: Studio) -> None:
    third: list[TablePhone] = []

    def change(_bob: TablePhone, number: int) -> None:
        if number % 2:
            third.pop().stream.close()
        else:
            third.append(studio.phone())

    assert is_a_fade(peaks_of_a_loss(studio, change))


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
    bridge = Bridge()
    rates: list[tuple[CodecName, int]] = [
        ("PCMU", 8000),
        ("PCMA", 8000),
        ("G722", 8000),
        ("opus", 16000),
        ("PCMU", 16000),
    ]
    for codec, rate in rates:
        stream = studio.phone(codec, room=None).stream
        bridge.add(stream.source, stream.sink)
        bridge.route(studio.clock.now())
        assert bridge.rate == rate
    bridge.remove(bridge.sources[2], bridge.sinks[2])
    bridge.route(studio.clock.now())
    assert bridge.rate == 8000


def test_a_wide_room_with_a_phone_on_hold(studio: Studio) -> None:
    phones = [studio.phone("G722") for _ in range(3)]
    phones[0].stream.apply(studio.plan(phones[0], send=False, receive_audio=False))
    phones[0].clear()
    studio.tick(10)
    assert phones[0].heard == []
    assert len(phones[1].heard) == 10


def say_and_check(rooms: list[list[TablePhone]], studio: Studio) -> None:
    """Everybody says an octet of their own for a while; then each hears the sum of the others."""
    octets = {phone: 0xB0 + 7 * number for room in rooms for number, phone in enumerate(room)}
    for _ in range(8):
        for phone, octet in octets.items():
            phone.say(bytes([octet]) * 160)
        studio.tick()
    for room in rooms:
        for phone in room:
            others = bytes(octets[other] for other in room if other is not phone)
            heard = g711.encode(
                "PCMU", g711.decode("PCMU", others).sum(keepdims=True, dtype=np.int16)
            )
            assert phone.heard[-1].payload == bytes(heard) * 160


def test_whatever_rooms_come_and_go_everybody_hears_their_own(studio: Studio) -> None:
    """Rows are taken, left idle, taken again, and all are placed anew when too many lie idle."""
    chance = random.Random(5)
    rooms = [
        [studio.phone(room=f"room{number}") for _ in range(chance.randint(3, 5))]
        for number in range(40)
    ]
    say_and_check(rooms, studio)
    for room in rooms[:30]:
        for phone in room:
            phone.stream.close()
        studio.tick()
    rooms = rooms[30:]
    assert len(studio.engine._narrow._rows) < 120, "of 160 that there were"
    say_and_check(rooms, studio)
    for number, room in enumerate(rooms):
        room.append(studio.phone(room=f"room{30 + number}"))
        room.pop(0).stream.close()
    rooms.append([studio.phone(room="late") for _ in range(3)])
    say_and_check(rooms, studio)


def test_a_room_that_changes_is_placed_alone(studio: Studio) -> None:
    one, two = Bridge(), Bridge()
    mix = NarrowMix()
    for bridge in (one, two):
        for _ in range(4):
            stream = studio.phone(room=None).stream
            bridge.add(stream.source, stream.sink)
        bridge.route(studio.clock.now())
        mix.place(bridge)
    before = dict(mix._pulled)
    two.remove(two.sources[0], two.sinks[0])
    two.route(studio.clock.now())
    mix.place(two)
    after = mix._pulled
    assert {row: after[row] for row in range(4)} == {row: before[row] for row in range(4)}
    assert sorted(after) == [0, 1, 2, 3, 8, 9, 10]
    mix.drop(one)
    mix.drop(one)
    assert sorted(mix._pulled) == sorted(mix._plain) == [8, 9, 10]
    mix.drop(two)
    assert mix.tick(studio.clock.now()) == []
    assert len(mix._rows) == len(mix._lines) == 0, "nothing is kept of who has gone"


def placed(studio: Studio, mix: NarrowMix, phones: int) -> Bridge:
    """A room of so many, that has its rows."""
    bridge = Bridge()
    for _ in range(phones):
        stream = studio.phone(room=None).stream
        bridge.add(stream.source, stream.sink)
    bridge.route(studio.clock.now())
    mix.place(bridge)
    return bridge


def test_no_memory_grows_with_the_rooms_that_have_been(studio: Studio) -> None:
    mix = NarrowMix()
    for phones in (3, 5, 2, 4, 1):
        mix.drop(placed(studio, mix, phones))
    few = mix._packets
    mix.drop(placed(studio, mix, 5))
    assert mix._packets is few, "a small matrix waits for the next room"
    assert 5 * 172 <= len(few) <= 64 * 172
    mix.drop(placed(studio, mix, 65))
    assert len(mix._packets) == 0, "a large one does not"


def test_a_source_alone_and_a_sink_alone(studio: Studio) -> None:
    """As the tracks of other participants are: who has one has no other."""
    phones = [studio.phone(room=None) for _ in range(3)]
    bridge = Bridge()
    bridge.sources += [phones[0].stream.source, phones[1].stream.source]
    ear = Sink(phones[2].stream.sender, studio.engine.tones)
    ear.configure(CODECS["PCMU"], 20, sends=True)
    bridge.sinks.append(ear)
    bridge.route(studio.clock.now())
    assert ear.route is Route.MIX
    mix = NarrowMix()
    mix.place(bridge)
    for _ in range(6):
        phones[0].say(b"\x90" * 160)
        phones[1].say(b"\xa0" * 160)
        studio.clock.advance(0.02)
        mix.tick(studio.clock.now())
    both = g711.decode("PCMU", b"\x90\xa0").sum(keepdims=True, dtype=np.int16)
    assert phones[2].heard[-1].payload == bytes(g711.encode("PCMU", both)) * 160


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


def test_in_a_wide_room_one_hears_a_tone_and_one_sends_keys(studio: Studio) -> None:
    """Neither hears the room meanwhile, and both do afterwards."""
    ann, bob, eve = (studio.phone("G722") for _ in range(3))
    bob.stream.play("busy")
    eve.stream.send_dtmf("5", on_ms=100, off_ms=60)
    for _ in range(30):
        ann.hum(400)
        studio.tick()
    keys = [packet for packet in eve.heard if len(packet.payload) == 4]
    assert {packet.payload[0] for packet in keys} == {5}
    assert 400 not in loudest(bob)
    bob.stream.stop_tone()
    for phone in (bob, eve):
        phone.clear()
    for _ in range(30):
        ann.hum(400)
        studio.tick()
    assert loudest(bob) == loudest(eve) == {400}


def loudest(phone: TablePhone) -> set[int]:
    """The loudest pitches of what it heard last, in Hz to the nearest 20."""
    sound = phone.sound(10)
    rate = len(sound) * 5
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    at = np.flatnonzero(power > 0.7 * power.max()) * rate / len(sound)
    return {round(pitch / 20) * 20 for pitch in at}


def test_a_room_that_nobody_is_in_has_no_rows(studio: Studio) -> None:
    phone = studio.phone(room=None).stream
    bridge = Bridge()
    bridge.add(phone.source, phone.sink)
    bridge.route(studio.clock.now())
    mix = NarrowMix()
    mix.place(bridge)
    assert len(mix._rows) > 0
    bridge.remove(phone.source, phone.sink)
    mix.place(bridge)
    assert len(mix._rows) == 0
