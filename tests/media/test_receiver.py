"""What comes in: calls.md §3, rows *receiving*, *codecs*, *DTMF in*."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.studio import CODECS, EVENT_TYPE, Studio, TablePhone

from hookflash.audio.codecs import make_codec
from hookflash.audio.dtmf_tones import digit_tone
from hookflash.audio.g711 import encode
from hookflash.media.events import Digit, FirstPacket, LatchedAddress
from hookflash.media.receiver import Receiver
from hookflash.rtp.dtmf import EventPayload
from hookflash.rtp.jitter import JitterBuffer
from hookflash.rtp.packet import RtpPacket
from hookflash.runtime.media.engine import MediaEngineSettings

from .kit import Owner, Wire

STRANGER = ("203.0.113.9", 7777)
MOVED = ("192.0.2.77", 4010)


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio()
    yield studio
    studio.close()


def talk(phone: TablePhone, count: int, studio: Studio) -> None:
    for _ in range(count):
        phone.say()
        studio.tick()


def digits(phone: TablePhone) -> list[Digit]:
    return [item for item in phone.events if isinstance(item, Digit)]


# --- without a socket -----------------------------------------------------------------------------


def make() -> tuple[Receiver, Owner]:
    owner = Owner()
    receiver = Receiver(owner)
    receiver.configure({0: CODECS["PCMU"]}, "PCMU", events=frozenset({EVENT_TYPE}))
    receiver.known_source = "there"
    return receiver, owner


def give(
    receiver: Receiver, sequence: int, payload: bytes = bytes(160), *, ssrc: int = 5, kind: int = 0
) -> None:
    data = bytearray(RtpPacket(kind, sequence & 0xFFFF, 160 * sequence, ssrc, payload).encode())
    receiver.packet(memoryview(data), len(data), "there", sequence / 50)


def give_at(
    receiver: Receiver, sequence: int, timestamp: int, payload: bytes, kind: int = EVENT_TYPE
) -> None:
    """A packet of another stream than the sound's."""
    data = bytearray(RtpPacket(kind, sequence, timestamp, 77, payload).encode())
    receiver.packet(memoryview(data), len(data), "there", receiver.last_at)


def event_of(duration: int, *, end: bool = False) -> bytes:
    return EventPayload(5, end, duration).encode()


def test_each_sink_gets_the_packets_in_its_own_numbers() -> None:
    """A source that several hear: one of them comes later, one goes."""
    receiver, _ = make()
    first, second = Wire(), Wire(2)
    receiver.forward_to([first.sender])
    for number in range(1, 4):
        give(receiver, number, bytes([number]) * 160)
    receiver.forward_to([first.sender, second.sender])
    for number in range(4, 8):
        give(receiver, number, bytes([number]) * 160)
    receiver.forward_to([second.sender])
    give(receiver, 8, bytes([8]) * 160)
    assert [packet.payload[0] for packet in first.packets] == [1, 2, 3, 4, 5, 6, 7]
    assert [packet.payload[0] for packet in second.packets] == [4, 5, 6, 7, 8]
    for wire in (first, second):
        assert [packet.marker for packet in wire.packets] == [True] + [False] * (
            len(wire.packets) - 1
        )
        assert {packet.ssrc for packet in wire.packets} == {wire.sender.ssrc}
        assert {b.sequence - a.sequence for a, b in pairwise(wire.packets)} == {1}
        assert {b.timestamp - a.timestamp for a, b in pairwise(wire.packets)} == {160}


def test_forwarded_and_mixed_at_once() -> None:
    """One hears it as it is, the other in a mix: both get the payload, and the header is theirs."""
    receiver, _ = make()
    wire = Wire()
    receiver.forward_to([wire.sender])
    jitter = receiver.jitter = JitterBuffer()
    for number in range(1, 6):
        give(receiver, number, bytes([number]) * 160)
    assert [packet.payload[0] for packet in wire.packets] == [1, 2, 3, 4, 5]
    assert jitter.pull(1.0) == b"\x01" * 160


def test_a_straggler_does_not_let_the_next_packet_go_out_with_old_numbers() -> None:
    """The clock has sent something meanwhile."""
    receiver, _ = make()
    wire = Wire()
    receiver.forward_to([wire.sender])
    for number in (1, 2, 4):
        give(receiver, number)
    for tick in range(50):
        wire.sender.send(bytes(160), 0.1 + tick / 50)
    receiver.resync(wire.sender)
    give(receiver, 3)
    give(receiver, 5)
    give(receiver, 6)
    assert [b.sequence - a.sequence for a, b in pairwise(wire.packets[3:])] == [1] * 51


def test_another_ssrc_that_begins_in_an_event_is_fitted_where_its_sound_begins() -> None:
    receiver, owner = make()
    wire = Wire()
    receiver.forward_to([wire.sender])
    give(receiver, 1)
    give(receiver, 2)
    give(receiver, 900, event_of(4000), ssrc=6, kind=EVENT_TYPE)
    give(receiver, 901, event_of(4160, end=True), ssrc=6, kind=EVENT_TYPE)
    give(receiver, 902, ssrc=6)
    give(receiver, 903, ssrc=6)
    assert ("5", 520, True, False) in owner.told
    assert [b.sequence - a.sequence for a, b in pairwise(wire.packets)] == [1] * 5


def test_a_source_that_is_not_known_is_asked_about() -> None:
    receiver, owner = make()
    receiver.known_source = None
    give(receiver, 1)
    give(receiver, 2)
    assert owner.asked == [("there", 5), ("there", 5)]
    receiver.known_source = "there"
    give(receiver, 3)
    assert len(owner.asked) == 2
    receiver.release()
    give(receiver, 9)
    assert receiver.refused == 1


def test_digits_in_a_stream_of_their_own_come_once_and_the_sound_goes_on() -> None:
    """As a carrier sends them: SSRC and numbers of their own, the sound going on beside (RFC 4733
    §2.1 wants those of the sound)."""
    receiver, owner = make()
    receiver.jitter = JitterBuffer(8000, silence=b"\xff")
    wire = Wire()
    receiver.forward_to([wire.sender])
    payloads = [event_of(160 * n) for n in range(1, 8)] + [event_of(1280, end=True)] * 3
    for number in range(20):
        give(receiver, 500 + number, bytes([number + 1]) * 160)
        if 2 <= number < 12:
            give_at(receiver, 9000 + number, 4242, payloads[number - 2])
    told = [item for item in owner.told if isinstance(item, tuple)]
    assert told == [("5", 160, True, False)]
    sound = [p for p in wire.packets if p.payload_type == 8]
    events = [p for p in wire.packets if p.payload_type == EVENT_TYPE]
    assert [p.payload[0] for p in sound] == list(range(1, 21))
    assert {b.timestamp - a.timestamp for a, b in pairwise(sound)} == {160}
    assert (len(events), len({p.timestamp for p in events})) == (10, 1)
    assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(wire.packets)} == {1}
    assert (receiver.received, receiver.lost) == (20, 0)


def test_stragglers_and_doubles_of_such_a_stream_are_no_digits() -> None:
    receiver, owner = make()
    give(receiver, 1)
    steps = [(1, 160, False), (2, 320, False), (4, 640, True), (4, 640, True), (3, 480, False)]
    for number, length, end in [*steps, (5, 640, True)]:
        give_at(receiver, number, 4242, event_of(length, end=end))
        give(receiver, number + 1)
    for number, length in ((6, 160), (7, 320)):
        give_at(receiver, number, 9242, event_of(length, end=length == 320))
    told = [item[:2] for item in owner.told if isinstance(item, tuple)]
    assert told == [("5", 80), ("5", 40)]


def test_a_digit_that_begins_before_the_sound_ends_after_it() -> None:
    """The events came first; then the sound begins, in a stream of its own."""
    receiver, owner = make()
    give_at(receiver, 1, 4242, event_of(160))
    give(receiver, 700)
    for number in (2, 3, 4):
        give_at(receiver, number, 4242, event_of(320, end=True))
        give(receiver, 699 + number)
    assert [item[:2] for item in owner.told if isinstance(item, tuple)] == [("5", 40)]


def test_comfort_noise_in_a_stream_of_its_own_leaves_the_sound_as_it_is() -> None:
    receiver, _ = make()
    receiver.configure({0: CODECS["PCMU"]}, "PCMU", noise=frozenset({13}))
    receiver.jitter = JitterBuffer(8000, silence=b"\xff")
    wire = Wire()
    receiver.forward_to([wire.sender])
    for number in range(20):
        give(receiver, number)
        give_at(receiver, 4000 + number, 160 * number, b"\x40", 13)
    assert [p.payload_type for p in wire.packets] == [8] * 20
    assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(wire.packets)} == {1}
    assert (receiver.received, receiver.lost) == (20, 0)


# --- by a phone's port ----------------------------------------------------------------------------


def test_the_first_packet_is_told_once(studio: Studio) -> None:
    ann = studio.phone()
    assert ann.stream.last_packet_at is None
    talk(ann, 10, studio)
    ann.stream.apply(studio.plan(ann, remote=("198.51.100.77", 9)))
    talk(ann, 10, studio)
    assert ann.events.count(FirstPacket()) == 1


def test_last_packet_at_follows_every_packet(studio: Studio) -> None:
    ann = studio.phone()
    talk(ann, 10, studio)
    ann.say()
    assert ann.stream.last_packet_at == studio.clock.now()


def test_payload_types_that_were_not_agreed_are_dropped(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    ann.speak(RtpPacket(3, 1, 1, 1, bytes(33)))
    assert ann.events == []
    assert bob.heard == []
    assert ann.stream.last_packet_at is None
    assert ann.stream.receiver.refused == 1


def test_five_packets_latch_a_source(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    for number in range(4):
        ann.speak(RtpPacket(0, number, 160 * number, 5, bytes(160)), STRANGER)
    assert len(bob.heard) == 4, "any source at first"
    ann.say()
    assert len(bob.heard) == 5
    talk(ann, 5, studio)
    before = len(bob.heard)
    for number in range(4, 10):
        ann.speak(RtpPacket(0, number, 160 * number, 5, bytes(160)), STRANGER)
    assert len(bob.heard) == before, "a stranger is dropped"


def test_after_two_silent_seconds_another_may_latch(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    talk(ann, 10, studio)
    other = (ann.address[0], ann.address[1] + 2)
    studio.clock.advance(1.9)
    ann.speak(RtpPacket(0, 1, 160, 5, bytes(160)), other)
    assert len(bob.heard) == 10
    studio.clock.advance(0.2)
    for number in range(2, 10):
        ann.speak(RtpPacket(0, number, 160 * number, 5, bytes(160)), STRANGER)
    assert len(bob.heard) == 10, "another address has to wait for longer"
    for number in range(2, 10):
        ann.speak(RtpPacket(0, number, 160 * number, 5, bytes(160)), other)
    assert len(bob.heard) == 18
    assert LatchedAddress(other) in ann.events
    ann.say()
    assert len(bob.heard) == 19, "what the SDP names is heard at once"


@pytest.mark.parametrize("overlap", [0, 2, 5, 12, 50])
def test_a_stream_that_goes_on_after_the_sdp_moved_is_not_heard_any_more(
    studio: Studio, overlap: int
) -> None:
    """As after a hold with music, or early media from another machine (field: an old stream ends
    late). The new one is heard, and hears, from its first packet on."""
    ann, bob = studio.phone(), studio.phone()
    old = ann.address
    talk(ann, 10, studio)
    ann.stream.apply(studio.plan(ann, remote=MOVED))
    heard, sent = len(bob.heard), len(ann.pair.sent)
    for number in range(60):
        if number < overlap:
            ann.speak(RtpPacket(0, 11 + number, 160 * number, 1, b"\x55" * 160), old)
        ann.speak(RtpPacket(0, number, 160 * number, 9, b"\x2a" * 160), MOVED)
        bob.say()
        studio.tick()
    assert [p.payload[0] for p in bob.heard[heard:]] == [0x2A] * 60
    assert {address for _, address in ann.pair.sent[sent:]} == {MOVED}
    assert len(ann.pair.sent) - sent >= 60


@pytest.mark.parametrize("private", [True, False])
def test_a_strangers_packets_take_nothing_from_the_call(studio: Studio, private: bool) -> None:
    """At the start, in a silence of the caller, and on hold (2.3 s, 12 s): the caller is heard
    and hears, the stranger gets nothing."""
    ann, bob = studio.phone(), studio.phone()
    if private:
        ann.address = ("192.168.1.20", 4000)
        ann.stream.apply(studio.plan(ann, remote=ann.address))
    sent = len(ann.pair.sent)

    def flood(ticks: int, *, speaks: bool) -> None:
        for number in range(ticks):
            ann.speak(RtpPacket(0, number, 160 * number, 66, b"\x2a" * 160), STRANGER)
            if speaks:
                ann.say()
            bob.say()
            studio.tick()

    flood(4, speaks=False)
    flood(50, speaks=True)
    flood(115, speaks=False)
    flood(50, speaks=True)
    ann.stream.apply(studio.plan(ann, remote=ann.address, send=False, receive_audio=False))
    flood(600, speaks=False)
    ann.stream.apply(studio.plan(ann, remote=ann.address))
    heard = len(bob.heard)
    flood(50, speaks=True)
    assert sum(p.payload[0] != 0x2A for p in bob.heard[heard:]) >= 49
    assert {address for _, address in ann.pair.sent[sent:]} == {ann.address}


def test_a_reinvite_with_a_new_address_resets_the_latch(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    talk(ann, 10, studio)
    ann.stream.apply(studio.plan(ann, remote=STRANGER))
    for number in range(10):
        ann.speak(RtpPacket(0, number, 160 * number, 5, bytes(160)), STRANGER)
    assert len(bob.heard) == 20
    ann.say()
    assert len(bob.heard) == 20, "the old source is the stranger now"
    ann.stream.apply(studio.plan(ann, remote=STRANGER))
    ann.say()
    assert len(bob.heard) == 20, "the same address again changes nothing"


def test_sends_to_the_sdp_address(studio: Studio) -> None:
    ann = studio.phone()
    studio.tick(3)
    assert {address for _, address in ann.pair.sent} == {ann.address}


def test_sends_to_the_source_when_the_sdp_address_says_nothing_for_a_second(
    studio: Studio,
) -> None:
    ann = studio.phone(remote=("8.8.8.8", 4000))
    ann.address = ("9.9.9.9", 5000)
    talk(ann, 20, studio)
    assert {address for _, address in ann.pair.sent} == {("8.8.8.8", 4000)}
    talk(ann, 60, studio)
    assert ann.pair.sent[-1][1] == ("9.9.9.9", 5000)


def test_a_private_sdp_address_gives_way_as_soon_as_a_source_is_latched(studio: Studio) -> None:
    ann = studio.phone(remote=("192.168.1.20", 4000))
    ann.address = ("192.168.1.20", 5000)
    talk(ann, 7, studio)
    assert ann.pair.sent[-1][1] == ("192.168.1.20", 5000)
    assert LatchedAddress(("192.168.1.20", 5000)) in ann.events


@pytest.mark.parametrize(
    ("symmetric", "target"), [("never", ("192.168.1.20", 4000)), ("always", ("9.9.9.9", 5000))]
)
def test_symmetric_rtp_never_and_always(symmetric: str, target: tuple[str, int]) -> None:
    studio = Studio(MediaEngineSettings(symmetric_rtp=symmetric))  # type: ignore[arg-type]
    ann = studio.phone(remote=("192.168.1.20" if symmetric == "never" else "8.8.8.8", 4000))
    ann.address = ("9.9.9.9", 5000)
    talk(ann, 100 if symmetric == "never" else 7, studio)
    assert ann.pair.sent[-1][1] == target
    studio.close()


def test_names_in_sdp_are_never_resolved_by_the_socket(studio: Studio) -> None:
    ann = studio.phone(remote=("pbx.example.com", 4000))
    studio.tick(5)
    assert ann.pair.sent == []


def test_comfort_noise_is_silence_that_counts_as_media(studio: Studio) -> None:
    ann, bob = studio.phone(comfort_noise=frozenset({13})), studio.phone()
    ann.speak(RtpPacket(13, 5, 5, 5, b"\x40"))
    assert ann.stream.last_packet_at == studio.clock.now()
    assert bob.heard == []
    assert FirstPacket() in ann.events


def test_header_extensions_and_padding_do_not_reach_the_other_phone(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    plain = RtpPacket(0, 1, 1, 1, b"\x11" * 160).encode()
    extended = bytes([0xB1]) + plain[1:12] + bytes(4) + b"\xbe\xde\x00\x01abcd" + plain[12:]
    ann.pair.deliver(extended + b"\x00\x00\x03", ann.address)
    assert bob.heard[0].payload == b"\x11" * 160
    assert bob.pair.sent[0][0][0] == 0x80


def test_statistics(studio: Studio) -> None:
    ann = studio.phone()
    for number in range(100):
        if number % 10 != 5:
            ann.speak(RtpPacket(0, 65500 + number & 0xFFFF, 160 * number, 5, bytes(160)))
        studio.tick()
    stats = ann.stream.stats()
    assert stats.packets_received == 90
    assert stats.packets_lost == 10
    assert stats.codec == "PCMU"
    assert stats.jitter_ms < 0.1
    assert stats.packets_sent == 100
    ann.ssrc = 6
    ann.sequence = 9
    talk(ann, 5, studio)
    assert ann.stream.stats().packets_received == 95
    assert ann.stream.stats().packets_lost == 10


def test_jitter_is_measured(studio: Studio) -> None:
    ann = studio.phone()
    for number in range(300):
        ann.say()
        studio.clock.advance(0.01 if number % 2 else 0.03)
    assert ann.stream.stats().jitter_ms == pytest.approx(10, rel=0.1)


# --- digits ---------------------------------------------------------------------------------------


def event(phone: TablePhone, digit: int, duration: int, *, end: bool = False) -> None:
    payload = bytes([digit, 0x8A if end else 0x0A]) + duration.to_bytes(2, "big")
    phone.speak(RtpPacket(EVENT_TYPE, phone.sequence, phone.timestamp, phone.ssrc, payload))
    phone.sequence += 1


def test_an_event_is_told_once_whatever_is_repeated(studio: Studio) -> None:
    ann = studio.phone()
    ann.say()
    for step in range(1, 11):
        event(ann, 10, 160 * step)
        event(ann, 10, 160 * step)
        studio.tick()
    for _ in range(3):
        event(ann, 10, 1760, end=True)
    assert digits(ann) == [Digit("*", 220)]
    studio.tick(20)
    assert digits(ann) == [Digit("*", 220)]


@pytest.mark.parametrize("kept", range(13))
def test_an_event_of_which_one_packet_arrives(studio: Studio, kept: int) -> None:
    ann = studio.phone()
    ann.say()
    for step in range(1, 14):
        if step - 1 == kept:
            event(ann, 3, min(160 * step, 1600), end=step > 10)
        else:
            ann.sequence += 1
        studio.tick()
    studio.tick(10)
    assert [item.digit for item in digits(ann)] == ["3"]


def test_letters_are_lower_case_and_flash_is_no_digit(studio: Studio) -> None:
    ann = studio.phone()
    ann.say()
    for code in (12, 15, 16):
        event(ann, code, 800, end=True)
        ann.timestamp += 800
    assert [item.digit for item in digits(ann)] == ["a", "d"]


def test_a_cut_event_is_counted_and_ignored(studio: Studio) -> None:
    ann = studio.phone()
    ann.say()
    ann.speak(RtpPacket(EVENT_TYPE, ann.sequence, 1, ann.ssrc, b"\x05"))
    assert digits(ann) == []
    assert ann.stream.receiver.unreadable == 1


@pytest.mark.parametrize("codec", ["PCMU", "G722"])
def test_inband_digits_where_no_event_was_agreed(studio: Studio, codec: str) -> None:
    ann = studio.phone(codec, dtmf_receive=frozenset())  # type: ignore[arg-type]
    _bob = studio.phone(codec)  # type: ignore[arg-type]
    rate = 8000 if codec == "PCMU" else 16000
    line = np.concatenate([np.zeros(rate // 10, np.int16), digit_tone("8", 100, rate)])
    line = np.concatenate([line, np.zeros(rate // 5, np.int16)])
    voice = make_codec(codec)
    for start in range(0, len(line), rate // 50):
        ann.say(voice.encode(line[start : start + rate // 50]))
        studio.tick()
    (digit,) = digits(ann)
    assert (digit.digit, digit.inband) == ("8", True)
    assert digit.duration_ms == pytest.approx(100, abs=30)


def test_no_inband_detection_beside_events(studio: Studio) -> None:
    ann = studio.phone()
    tone = np.concatenate([digit_tone("8", 100, 8000), np.zeros(1600, np.int16)])
    for start in range(0, len(tone), 160):
        ann.say(encode("PCMU", tone[start : start + 160]).tobytes())
    assert digits(ann) == []


def test_inband_detection_follows_a_change_of_codec(studio: Studio) -> None:
    ann = studio.phone("PCMU", dtmf_receive=frozenset())
    wide = CODECS["G722"]
    ann.stream.apply(studio.plan(ann, receive={0: ann.codec, 9: wide}, dtmf_receive=frozenset()))
    ann.say()
    ann.codec = wide
    voice = make_codec("G722")
    tone = np.concatenate([digit_tone("8", 100, 16000), np.zeros(3200, np.int16)])
    for start in range(0, len(tone), 320):
        ann.say(voice.encode(tone[start : start + 320]))
    assert [item.digit for item in digits(ann)] == ["8"]


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=200) | st.tuples(st.integers(0, 0xFFFF), st.integers(0, 127))))
def test_anything_may_come(items: list[bytes | tuple[int, int]]) -> None:
    studio = Studio()
    ann, _bob, _eve = studio.phone(rtcp_mux=True), studio.phone(), studio.phone()
    for item in items:
        if isinstance(item, bytes):
            ann.pair.deliver(item, ann.address)
        else:
            ann.speak(RtpPacket(item[1], item[0], item[0] * 160, 3, b"\x05\x80\x01\x00"))
        studio.tick()
    studio.close()
