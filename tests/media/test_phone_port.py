"""One phone's port: tones, prompts, digits out, encryption, the end."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from tests.support.studio import EVENT_TYPE, Studio, TablePhone

from hookflash.adapters.srtp import SUITES, SrtpSession
from hookflash.audio.tone_bank import amplitude
from hookflash.media.events import Digit, MediaEvent
from hookflash.media.phone_port import PhonePort
from hookflash.media.sink import Route
from hookflash.rtp.dtmf import EventPayload, parse_event
from hookflash.rtp.packet import RtpPacket, parse
from hookflash.rtp.rtcp import Report, ReportBlock, encode_report
from hookflash.sdp.plan import CryptoKey


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio()
    yield studio
    studio.close()


def test_where_it_listens(studio: Studio) -> None:
    ann = studio.phone()
    assert ann.stream.local.address == "192.0.2.1"
    assert ann.stream.local.port == ann.pair.port
    assert ann.stream.local.rtcp_port == ann.pair.port + 1


def test_nothing_is_sent_before_a_plan(studio: Studio) -> None:
    stream = studio.engine.open("x", "0.0.0.0", "192.0.2.1", lambda _event: None)
    studio.engine.join("room", stream)
    studio.tick(300)
    assert studio.pairs[stream.local.port].sent == []
    assert studio.pairs[stream.local.port].reports == []
    assert stream.stats().codec == ""


def test_a_tone_starts_at_its_beginning_and_stops_at_once(studio: Studio) -> None:
    ann = studio.phone()
    studio.tick(10)
    ann.clear()
    ann.stream.play("ringing", "US")
    studio.tick(100)
    assert amplitude(ann.sound(), 440, 8000) > 5000
    assert amplitude(ann.sound(), 480, 8000) > 5000
    studio.tick(50)
    assert np.abs(ann.sound(40)).max() < 20, "2 s on, 4 s off"
    ann.stream.stop_tone()
    ann.stream.stop_tone()
    ann.stream.play("busy")
    ann.clear()
    studio.tick(20)
    assert amplitude(ann.sound(), 425, 8000) > 10000


def test_prompts_play_one_after_the_other(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    time = np.arange(2400) / 8000
    done: list[str] = []
    for frequency, name in ((500, "a"), (900, "b")):
        samples = (8000 * np.sin(2 * np.pi * frequency * time)).astype(np.int16)
        ann.stream.play_pcm(samples, lambda name=name: done.append(name))  # type: ignore[misc]
    assert ann.route() is Route.OWN_SOUND
    for _ in range(14):
        bob.hum(2000)
        studio.tick()
    assert done == []
    assert amplitude(ann.sound(12), 500, 8000) > 7000
    for _ in range(2):
        studio.tick()
    assert done == ["a"]
    studio.tick(15)
    assert done == ["a", "b"]
    assert amplitude(ann.sound(13), 900, 8000) > 7000
    assert ann.stream.sink.player.sound is None


def test_a_prompt_of_another_rate_and_one_that_is_dropped(studio: Studio) -> None:
    ann = studio.phone("G722")
    time = np.arange(4800) / 24000
    samples = (8000 * np.sin(2 * np.pi * 1000 * time)).astype(np.int16)
    ann.stream.play_pcm(samples, rate=24000)
    studio.tick(10)
    assert amplitude(ann.sound(8), 1000, 16000) > 6000
    ann.stream.play_pcm(samples, lambda: pytest.fail("was dropped"))
    ann.stream.stop_pcm()
    ann.stream.stop_pcm()
    studio.tick(20)
    assert ann.stream.sink.player.sound is None


def events_of(phone: TablePhone) -> list[RtpPacket]:
    return [packet for packet in phone.heard if packet.payload_type == EVENT_TYPE]


def starts(phone: TablePhone) -> list[tuple[int, int]]:
    """(digit, tick) of each event; a tick is one packet."""
    return [
        (packet.payload[0], index)
        for index, packet in enumerate(phone.heard)
        if packet.payload_type == EVENT_TYPE and packet.marker
    ]


def test_digits_out_250_on_250_off(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    ann.stream.send_dtmf("1w#")
    assert ann.route() is Route.MIX
    assert bob.route() is Route.FORWARD
    studio.tick(90)
    (one, at), (pound, later) = starts(ann)
    assert (one, pound) == (1, 11)
    assert later - at == pytest.approx((250 + 250 + 500) / 20, abs=1)
    payloads = [parse_event(packet.payload) for packet in events_of(ann)]
    first = [event for event in payloads if event.event == 1]
    assert [event.end for event in first].count(True) == 3
    assert max(event.duration for event in first) == pytest.approx(2000, abs=80)
    assert ann.route() is Route.FORWARD
    assert not ann.stream.sink.player.pressing


def test_digits_from_another_phone_have_their_own_length_but_not_too_short(studio: Studio) -> None:
    ann = studio.phone()
    ann.stream.send_dtmf("5", 400, 50)
    studio.tick(40)
    ann.stream.send_dtmf("6", 40, 0)
    studio.tick(40)
    lengths = {
        event.event: event.duration
        for event in (parse_event(packet.payload) for packet in events_of(ann))
    }
    assert lengths == {5: 3200, 6: 800}


def test_at_most_64_digits_wait(studio: Studio) -> None:
    ann = studio.phone()
    ann.stream.send_dtmf("1" * 10 + "2" * 64, 100, 50)
    studio.tick(70 * 9)
    assert [digit for digit, _ in starts(ann)] == [2] * 64


def test_digits_as_sound_where_events_are_missing(studio: Studio) -> None:
    ann = studio.phone(dtmf_send=None)
    ann.stream.send_dtmf("w5")
    studio.tick(25)
    assert np.abs(ann.sound()).max() < 20
    studio.tick(12)
    assert amplitude(ann.sound(10), 770, 8000) > 3000
    assert amplitude(ann.sound(10), 1336, 8000) > 3000
    studio.tick(30)
    assert events_of(ann) == []
    assert not ann.stream.sink.player.pressing


def test_digits_in_a_wide_room(studio: Studio) -> None:
    ann, _bob, _eve = studio.phone("G722"), studio.phone(), studio.phone()
    ann.stream.send_dtmf("7")
    studio.tick(60)
    assert [digit for digit, _ in starts(ann)] == [7]


def keys(suite: str) -> tuple[CryptoKey, CryptoKey]:
    length = {"AEAD_AES_128_GCM": 28, "AEAD_AES_256_GCM": 44}.get(suite, 30)
    return CryptoKey(suite, bytes(range(length))), CryptoKey(suite, bytes(range(1, length + 1)))


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("others", [1, 2])
def test_encrypted_legs_are_relayed_and_mixed(studio: Studio, suite: str, others: int) -> None:
    ours, theirs = keys(suite)
    ann = studio.phone(crypto_send=ours, crypto_receive=theirs)
    peer = SrtpSession(theirs, ours)
    rest = [studio.phone() for _ in range(others)]
    for number in range(10):
        packet = RtpPacket(0, number, 160 * number, 9, b"\x22" * 160).encode()
        ann.pair.deliver(peer.protect(packet) or b"", ann.address)
        rest[0].say(b"\x11" * 160)
        studio.tick()
    assert rest[0].heard
    assert ann.pair.sent
    for data, _ in ann.pair.sent:
        plain = peer.unprotect(data)
        assert plain is not None
        assert data != plain
    last = peer.unprotect(ann.pair.sent[-1][0])
    assert last is None, "a replayed packet is refused"
    before = len(rest[0].heard)
    ann.say()
    assert ann.stream.receiver.unreadable == 1, "plain packets are refused"
    assert len(rest[0].heard) == before


def test_the_same_keys_again_keep_the_session_and_none_end_it(studio: Studio) -> None:
    ours, theirs = keys(SUITES[0])
    ann = studio.phone(crypto_send=ours, crypto_receive=theirs)
    protect = ann.stream.sender.protect
    ann.stream.apply(studio.plan(ann, crypto_send=ours, crypto_receive=theirs))
    assert ann.stream.sender.protect == protect
    ann.stream.apply(studio.plan(ann))
    assert ann.stream.sender.protect is None
    ann.say()
    assert ann.stream.receiver.received == 1, "plain packets are taken"


def test_a_packet_that_comes_twice_is_relayed_once_where_it_is_encrypted(studio: Studio) -> None:
    ours, theirs = keys(SUITES[0])
    ann, bob = studio.phone(), studio.phone(crypto_send=ours, crypto_receive=theirs)
    for _ in range(4):
        ann.say()
    ann.sequence, ann.timestamp = ann.sequence - 3, ann.timestamp - 480
    ann.say()
    assert len(bob.pair.sent) == 4
    assert bob.stream.sender.failed == 1
    ann.sequence, ann.timestamp = ann.sequence + 2, ann.timestamp + 320
    ann.say()
    peer = SrtpSession(theirs, ours)
    assert [peer.unprotect(data) is not None for data, _ in bob.pair.sent] == [True] * 5


def test_a_new_key_of_the_peer_leaves_our_count_of_rounds(studio: Studio) -> None:
    ours, theirs = keys(SUITES[0])
    ann = studio.phone(crypto_send=ours, crypto_receive=theirs)
    ann.stream.sender.sequence = 65530
    studio.tick(10)
    ann.stream.apply(studio.plan(ann, crypto_send=ours, crypto_receive=ours))
    studio.tick(10)
    peer = SrtpSession(theirs, ours)
    assert [peer.unprotect(data) is not None for data, _ in ann.pair.sent] == [True] * 20


def test_reports_of_an_encrypted_leg_on_the_shared_port(studio: Studio) -> None:
    ours, theirs = keys(SUITES[0])
    ann = studio.phone(crypto_send=ours, crypto_receive=theirs, rtcp_mux=True)
    block = ReportBlock(ann.stream.sender.ssrc, 0, 3, 0, 0)
    report = encode_report(Report(9, (block,)), "x")
    ann.pair.deliver(SrtpSession(theirs, ours).protect_rtcp(report), ann.address)
    assert ann.stream.reporter.peer_view == block
    assert ann.stream.receiver.unreadable == 0


@pytest.mark.parametrize("ptime", [10, 20, 40, 60])
def test_ptime_of_an_opus_peer(studio: Studio, ptime: int) -> None:
    """In the clock's time, relayed, and in the silence of a relayed phone that says nothing."""
    ann, bob = studio.phone("opus", ptime=ptime), studio.phone("PCMU")
    for _ in range(60):
        bob.hum(440)
        studio.tick()
    assert len(ann.heard) == 1200 // ptime
    assert {b.timestamp - a.timestamp for a, b in pairwise(ann.heard)} == {48 * ptime}
    assert amplitude(ann.sound(200 // ptime), 440, 16000) > 6000
    bob.stream.close()
    studio.phone("opus", ptime=ptime)
    assert ann.route() is Route.FORWARD
    studio.tick(30)
    ann.clear()
    studio.tick(30)
    assert len(ann.heard) == 600 // ptime
    assert {b.timestamp - a.timestamp for a, b in pairwise(ann.heard)} == {48 * ptime}


@pytest.mark.parametrize("clock", [8000, 48000])
def test_digits_have_the_clock_of_telephone_event(studio: Studio, clock: int) -> None:
    """Opus with telephone-event/8000: 250 ms are 2000 ticks, not 12,000."""
    ann = studio.phone("opus", dtmf_clock=clock)
    ann.stream.send_dtmf("7")
    studio.tick(20)
    durations = [
        parse_event(packet.payload).duration
        for packet in ann.heard
        if packet.payload_type == EVENT_TYPE
    ]
    assert max(durations) == clock // 4
    payload = EventPayload(5, True, clock // 5).encode()
    ann.speak(RtpPacket(EVENT_TYPE, 1, 1, 1, payload))
    assert Digit("5", 200) in ann.events


def test_ptime_of_the_peer(studio: Studio) -> None:
    ann, bob, eve = studio.phone(ptime=40), studio.phone(), studio.phone()
    for _ in range(20):
        bob.say()
        eve.say()
        studio.tick()
    assert {len(packet.payload) for packet in ann.heard} == {320}
    assert {len(packet.payload) for packet in bob.heard} == {160}


def test_a_new_codec_in_a_reinvite(studio: Studio) -> None:
    ann, bob = studio.phone("PCMU"), studio.phone("PCMU")
    ann.say()
    alaw = replace(ann.codec, name="PCMA", payload_type=8)
    ann.stream.apply(studio.plan(ann, codec=alaw, receive={8: alaw}))
    ann.codec = alaw
    assert bob.route() is Route.MIX
    for _ in range(10):
        ann.say(b"\x2a" * 160)
        bob.say()
        studio.tick()
    assert np.abs(bob.sound(3)).max() > 30000
    assert ann.heard[-1].payload_type == 8


def test_closing_frees_everything(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    ann.say()
    ann.stream.send_dtmf("1")
    stats = ann.stream.close()
    assert stats.packets_received == 1
    assert ann.pair.closed
    assert ann.stream not in studio.engine.ports
    assert ann.stream.close() == stats
    ann.stream.apply(studio.plan(ann))
    ann.stream.send_dtmf("1")
    ann.stream.muted = True
    studio.tick(5)
    assert bob.route() is Route.MIX
    assert len(ann.pair.sent) == 0


class Name(str):
    """A leg's id whose end can be seen."""


def test_a_closed_stream_goes_without_the_garbage_collector(studio: Studio) -> None:
    class Listener:
        def __init__(self) -> None:
            self.stream: PhonePort | None = None

        def hears(self, event: MediaEvent) -> None:
            """Never called here."""

    gc.disable()
    try:
        listener, name = Listener(), Name("leg")
        listener.stream = studio.engine.open(name, "0.0.0.0", "192.0.2.1", listener.hears)
        ends = weakref.ref(listener), weakref.ref(name)
        listener.stream.close()
        studio.engine.tick()
        del listener, name
        assert [end() for end in ends] == [None, None]
    finally:
        gc.enable()


def test_a_stream_may_be_closed_from_its_own_event(studio: Studio) -> None:
    ann = studio.phone()

    def hang_up() -> None:
        ann.stream.close()

    ann.stream.play_pcm(np.zeros(160, np.int16), hang_up)
    studio.tick(3)
    assert ann.stream.closed


def test_rtcp_of_an_encrypted_leg(studio: Studio) -> None:
    ours, theirs = keys(SUITES[0])
    ann = studio.phone(crypto_send=ours, crypto_receive=theirs)
    peer = SrtpSession(theirs, ours)
    studio.tick(260)
    data, _ = ann.pair.reports[0]
    plain = peer.unprotect_rtcp(data)
    assert plain is not None
    assert plain[1] == 200
    ann.pair.deliver(b"junk" * 8, ann.address, rtcp=True)
    assert parse(peer.unprotect(ann.pair.sent[0][0]) or b"").payload_type == 0


def test_who_is_only_mixed_waits_for_the_ticks(studio: Studio) -> None:
    """And who is forwarded does not, nor who is heard by nobody."""
    studio.polls = True
    ann, bob = studio.phone(), studio.phone()
    assert not ann.pair.polled
    cid = studio.phone()
    assert all(phone.pair.polled for phone in (ann, bob, cid))
    ann.pair.wait([(RtpPacket(0, 1, 1, 9, b"x" * 160).encode(), ann.address)])
    studio.engine.catch_up()  # the tick will read it
    assert ann.stream.receiver.received == 0
    ann.stream.muted = True
    assert not ann.pair.polled
    ann.stream.muted = False
    cid.stream.close()
    assert not ann.pair.polled
    assert not bob.pair.polled


@pytest.mark.parametrize(
    ("came", "at"),
    [(999.5, 99.5), (1000.0, 100.0), (1000.5, 100.0), (998.0, 100.0), (0.0, 100.0)],
    ids=["in time", "just now", "later than now", "the clock was set", "not known"],
)
def test_a_packet_that_waited_has_the_time_at_which_it_came(
    studio: Studio, came: float, at: float
) -> None:
    ann = studio.phone()
    ann.pair.stamped.append((RtpPacket(0, 1, 1, 9, b"x" * 160).encode(), ann.address, came))
    ann.stream.read_waiting(100.0, -900.0)
    assert ann.stream.last_packet_at == at
    ann.stream.read_waiting(101.0, -900.0)
    assert ann.stream.last_packet_at == at


def test_what_waited_may_be_rtcp(studio: Studio) -> None:
    ann = studio.phone(rtcp_mux=True)
    report = encode_report(Report(9), "ann")
    ann.pair.stamped.append((report, ann.address, 0.0))
    ann.stream.read_waiting(100.0, 0.0)
    assert ann.stream.last_packet_at is None
