"""webrtc.md §5, §6: tracks as clients take them, in a room with telephones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support.studio import Studio, TablePhone

from hookflash.audio.codecs import Opus
from hookflash.audio.tone_bank import amplitude
from hookflash.base.ids import Ids
from hookflash.media.receiver import Receiver
from hookflash.media.sender import Sender
from hookflash.media.sink import Route
from hookflash.media.source import Source
from hookflash.media.subscriptions import OPUS, Subscription
from hookflash.media.voice import NARROW_RATE, WIDE_RATE
from hookflash.rtp.packet import RtpPacket, parse
from hookflash.sdp.plan import CodecName

ROOM = "room"
IDS = Ids(random.Random(5))


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio()
    yield studio
    studio.close()


class Client:
    """One audio track of a client, and what it takes of others."""

    def __init__(self, studio: Studio, track_sid: str) -> None:
        self._studio = studio
        self.receiver = Receiver(self)
        self.receiver.configure({OPUS.payload_type: OPUS}, "opus")
        self.source = Source(self.receiver)
        self.source.track_sid = track_sid
        self.source.receives = True
        self.got: list[RtpPacket] = []
        self._voice = Opus(rate=WIDE_RATE)
        self._spoken = 0
        self.sequence, self.timestamp, self.ssrc = 65530, 4294967000, 77

    def publish(self) -> None:
        self._studio.engine.add_source(ROOM, self.source)

    def take(self, track_sid: str) -> Subscription:
        sender = Sender(self._sent, bytearray(2048), IDS)
        sender.configure(OPUS.payload_type, OPUS.clock, 0, 20)
        sender.remote = ("198.51.100.9", 9)
        subscription = Subscription(track_sid, sender)
        self._studio.engine.subscribe(ROOM, subscription)
        return subscription

    def _sent(self, data: Any, _: Any) -> int:
        self.got.append(parse(bytes(data)))
        return len(data)

    def hum(self, frequency: float) -> bytes:
        time = (np.arange(320) + self._spoken) / WIDE_RATE
        self._spoken += 320
        payload = self._voice.encode((8000 * np.sin(2 * np.pi * frequency * time)).astype(np.int16))
        packet = RtpPacket(111, self.sequence, self.timestamp, self.ssrc, payload).encode()
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + 960) & 0xFFFFFFFF
        self.receiver.packet(
            memoryview(bytearray(packet)), len(packet), "here", self._studio.clock.now()
        )
        return payload

    def sound(self, last: int = 15) -> NDArray[np.int16]:
        voice = Opus(rate=NARROW_RATE)
        return np.concatenate([voice.decode(packet.payload) for packet in self.got][-last:])

    # --- what a receiver asks its owner ---------------------------------------------------------

    def admits(self, source: Any, ssrc: int, now: float) -> bool:
        self.receiver.known_source = source
        return True

    def packet_refused(self) -> None: ...
    def packet_first(self) -> None: ...
    def digit_ended(self, digit: str, duration_ms: int, *, relayed: bool, inband: bool) -> None: ...
    def event_started(self) -> None: ...
    def codec_changed(self) -> None: ...


def one_stream(client: Client) -> None:
    assert len({packet.ssrc for packet in client.got}) == 1
    for before, after in pairwise(client.got):
        assert (after.sequence - before.sequence) & 0xFFFF == 1
        assert (after.timestamp - before.timestamp) & 0xFFFFFFFF == 960


def talk(studio: Studio, ticks: int, *speakers: tuple[TablePhone | Client, float]) -> None:
    for _ in range(ticks):
        for speaker, frequency in speakers:
            speaker.hum(frequency)
        studio.tick()


def test_a_telephone_is_coded_once_for_all_who_take_it(studio: Studio) -> None:
    phone, ann, bob = studio.phone(), Client(studio, "TR_ann"), Client(studio, "TR_bob")
    ann.take(phone.stream.track_sid)
    talk(studio, 30, (phone, 440))
    sinks = studio.engine._bridges[ROOM].sinks
    bob.take(phone.stream.track_sid)
    assert studio.engine._bridges[ROOM].sinks == sinks, "the one that codes it goes on"
    talk(studio, 30, (phone, 440))
    assert amplitude(ann.sound(), 440, NARROW_RATE) > 6000
    assert amplitude(bob.sound(), 440, NARROW_RATE) > 6000
    assert [p.payload for p in ann.got[-20:]] == [p.payload for p in bob.got[-20:]]
    assert len(studio.engine._narrow._rows) == 1, "that of the telephone is enough"
    assert ann.got[0].ssrc != bob.got[0].ssrc
    one_stream(ann)
    one_stream(bob)
    assert len(ann.got) == 60


@pytest.mark.parametrize("codec", ["PCMU", "G722"])
def test_a_telephone_that_is_taken_is_measured(studio: Studio, codec: CodecName) -> None:
    told: list[tuple[str, int]] = []
    studio.engine.measured = lambda track_sid, level: told.append((track_sid, level))
    phone, ann = studio.phone(codec), Client(studio, "TR_ann")
    talk(studio, 10, (phone, 440))
    assert told == []
    ann.take(phone.stream.track_sid)
    talk(studio, 30, (phone, 440))
    assert len(told) == 30
    assert told[-1][0] == phone.stream.track_sid
    assert 10 < told[-1][1] < 20
    told.clear()
    talk(studio, 10)
    assert told[-1][1] == 127


def test_nothing_is_coded_for_nobody_nor_on_hold(studio: Studio) -> None:
    phone, ann = studio.phone(), Client(studio, "TR_ann")
    taken = ann.take(phone.stream.track_sid)
    talk(studio, 20, (phone, 440))
    phone.stream.muted = True
    ann.got.clear()
    talk(studio, 20, (phone, 440))
    assert not ann.got
    phone.stream.muted = False
    talk(studio, 20, (phone, 440))
    assert ann.got[0].marker
    assert amplitude(ann.sound(), 440, NARROW_RATE) > 6000
    studio.engine.unsubscribe(ROOM, taken)
    ann.got.clear()
    talk(studio, 5, (phone, 440))
    assert not ann.got
    assert phone.stream.receiver.jitter is None, "and its packets are not kept for anybody"


def test_a_client_is_heard_by_telephones_decoded_to_their_rate(studio: Studio) -> None:
    one, other, ann = studio.phone(), studio.phone("PCMA"), Client(studio, "TR_ann")
    ann.publish()
    talk(studio, 60, (ann, 700), (one, 440))
    assert amplitude(one.sound(15), 700, NARROW_RATE) > 6000
    assert amplitude(other.sound(15), 700, NARROW_RATE) > 6000
    assert amplitude(other.sound(15), 440, NARROW_RATE) > 6000
    assert amplitude(one.sound(15), 440, NARROW_RATE) < 500
    ann.source.muted = True
    studio.engine.reroute_room(ROOM)
    assert ann.receiver.jitter is None, "nothing is decoded of a muted track"
    talk(studio, 30, (ann, 700), (one, 440))
    assert amplitude(one.sound(10), 700, NARROW_RATE) < 100


def test_two_telephones_are_relayed_again_when_the_client_has_gone(studio: Studio) -> None:
    one, other, ann = studio.phone(), studio.phone(), Client(studio, "TR_ann")
    assert one.route() is Route.FORWARD
    ann.publish()
    taken = ann.take(one.stream.track_sid)
    assert {one.route(), other.route()} == {Route.MIX}
    studio.engine.remove_source(ROOM, ann.source)
    studio.engine.unsubscribe(ROOM, taken)
    assert {one.route(), other.route()} == {Route.FORWARD}


def test_who_only_takes_a_track_leaves_two_telephones_relayed(studio: Studio) -> None:
    one, other, ann = studio.phone(), studio.phone(), Client(studio, "TR_ann")
    ann.take(one.stream.track_sid)
    talk(studio, 30, (one, 440), (other, 900))
    assert {one.route(), other.route()} == {Route.FORWARD}
    assert amplitude(ann.sound(), 440, NARROW_RATE) > 6000
    assert amplitude(ann.sound(), 900, NARROW_RATE) < 100, "that track, and no other"


def test_clients_get_each_other_s_packets_as_they_are(studio: Studio) -> None:
    ann, bob = Client(studio, "TR_ann"), Client(studio, "TR_bob")
    ann.publish()
    taken = bob.take("TR_ann")
    said = [ann.hum(500) for _ in range(20)]
    assert [packet.payload for packet in bob.got] == said
    one_stream(bob)
    assert bob.got[0].ssrc != ann.ssrc
    taken.paused = True
    studio.engine.reroute_room(ROOM)
    ann.hum(500)
    assert len(bob.got) == 20
    taken.paused = False
    studio.engine.reroute_room(ROOM)
    ann.hum(500)
    assert len(bob.got) == 21
    assert len({packet.ssrc for packet in bob.got}) == 1


def test_what_nobody_here_can_read_goes_on_as_it_is(studio: Studio) -> None:
    """Encrypted from end to end, in two channels, with the packet before in it; and the pauses of
    discontinuous transmission are pauses."""
    ann, bob = Client(studio, "TR_ann"), Client(studio, "TR_bob")
    ann.publish()
    bob.take("TR_ann")
    chance = random.Random(3)
    said, times, at = [], [], 0
    for number in range(20):
        at += 960 * chance.choice((1, 1, 20))
        said.append(chance.randbytes(chance.randrange(1, 300)))
        packet = RtpPacket(111, number, at, ann.ssrc, said[-1]).encode()
        data = memoryview(bytearray(packet))
        ann.receiver.packet(data, len(packet), "here", studio.clock.now())
        times.append(at)
        studio.tick()
    assert [packet.payload for packet in bob.got] == said
    assert [(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(bob.got)] == [1] * 19
    steps = [after - before for before, after in pairwise(times)]
    assert [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(bob.got)] == steps


def test_a_muted_track_goes_to_nobody(studio: Studio) -> None:
    ann, bob = Client(studio, "TR_ann"), Client(studio, "TR_bob")
    ann.publish()
    bob.take("TR_ann")
    ann.hum(500)
    ann.source.muted = True
    studio.engine.reroute_room(ROOM)
    ann.hum(500)
    assert len(bob.got) == 1


def test_another_ssrc_leaves_the_stream_of_who_takes_it_whole(studio: Studio) -> None:
    ann, bob = Client(studio, "TR_ann"), Client(studio, "TR_bob")
    ann.publish()
    bob.take("TR_ann")
    for _ in range(10):
        ann.hum(500)
        studio.clock.advance(0.02)
    ann.ssrc, ann.sequence, ann.timestamp = 99, 5, 7
    for _ in range(10):
        ann.hum(500)
        studio.clock.advance(0.02)
    one_stream(bob)


def test_a_wideband_telephone_is_coded_at_16_khz(studio: Studio) -> None:
    phone, ann = studio.phone("G722"), Client(studio, "TR_ann")
    ann.take(phone.stream.track_sid)
    talk(studio, 40, (phone, 5000))
    voice = Opus(rate=WIDE_RATE)
    sound = np.concatenate([voice.decode(packet.payload) for packet in ann.got][-15:])
    assert amplitude(sound, 5000, WIDE_RATE) > 4000


def test_an_opus_telephone_is_taken_as_it_comes(studio: Studio) -> None:
    phone, ann = studio.phone("opus"), Client(studio, "TR_ann")
    ann.take(phone.stream.track_sid)
    for _ in range(10):
        phone.hum(500)
    assert len(ann.got) == 10, "no clock, no coder"


def test_a_room_of_clients_leaves_nothing_behind(studio: Studio) -> None:
    engine = studio.engine
    ann = Client(studio, "TR_ann")
    ann.publish()
    taken = ann.take("TR_other")
    engine.unsubscribe(ROOM, taken)
    engine.remove_source(ROOM, ann.source)
    assert not engine._bridges
    assert not engine._changed, "no clock runs that would take note"


def test_what_is_not_taken_changes_nothing_when_it_is_given_up(studio: Studio) -> None:
    """Its room is over, nobody takes a track there, or somebody else does."""
    engine, ann, bob = studio.engine, Client(studio, "TR_ann"), Client(studio, "TR_bob")
    given_up = ann.take("TR_bob")
    engine.unsubscribe(ROOM, given_up)
    assert ROOM not in engine._bridges
    engine.unsubscribe(ROOM, given_up)
    engine.reroute_room(ROOM)
    assert ROOM not in engine._bridges
    bob.publish()
    engine.unsubscribe(ROOM, given_up)
    kept = ann.take("TR_bob")
    engine.unsubscribe(ROOM, given_up)
    taken = engine._bridges[ROOM].subscriptions
    assert taken is not None
    assert taken.taken == [kept]
