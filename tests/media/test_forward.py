"""One source to one sink: the sink's own numbers, without a seam."""

from __future__ import annotations

import pytest

from hookflash.media.forward import Forward
from hookflash.rtp.dtmf import EventPayload
from hookflash.rtp.packet import RtpPacket

from .kit import Wire


def sound(sequence: int, timestamp: int, *, marker: bool = False) -> RtpPacket:
    return RtpPacket(0, sequence, timestamp, 7, b"\x55" * 160, marker)


def test_the_first_packet_follows_what_the_sink_was_sent_before() -> None:
    wire = Wire()
    wire.sender.send(bytes(160), 1.0)
    forward = Forward(wire.sender)
    forward.sound(sound(60000, 900), 60000, 1.02, late=False)
    assert forward.synced
    view = memoryview(bytearray(sound(60001, 1060).encode()))
    sequence = 60001 + forward.sequence_shift & 0xFFFF
    timestamp = 1060 + forward.timestamp_shift & 0xFFFFFFFF
    forward.send(view, len(view), sequence, timestamp, 1.04)
    before, first, second = wire.packets
    assert [first.sequence - before.sequence, second.sequence - first.sequence] == [1, 1]
    assert [first.timestamp - before.timestamp, second.timestamp - first.timestamp] == [160, 160]
    assert (first.marker, second.marker) == (True, False)
    assert {packet.payload_type for packet in wire.packets} == {8}
    assert {packet.ssrc for packet in wire.packets} == {wire.sender.ssrc}


def test_what_belongs_to_the_time_before_is_left_out() -> None:
    wire = Wire()
    forward = Forward(wire.sender)
    forward.sound(sound(9, 1440), 10, 1.0, late=True)
    assert not forward.synced
    forward.sound(sound(11, 1760), 11, 1.0, late=False)
    forward.sound(sound(10, 1600), 11, 1.0, late=True)
    forward.sound(sound(13, 2080), 13, 1.0, late=False)
    forward.sound(sound(12, 1920), 13, 1.0, late=True)
    start = wire.packets[0].sequence
    assert [packet.sequence - start for packet in wire.packets] == [0, 2, 1]


@pytest.mark.parametrize(
    ("clock", "synced", "lasted", "carried"),
    [(8000, True, 4000, True), (8000, False, 480, True), (8000, False, 640, False),
     (48000, True, 160, False)],
)  # fmt: skip
def test_which_events_go_on_as_they_are(
    clock: int, synced: bool, lasted: int, carried: bool
) -> None:
    forward = Forward(Wire().sender)
    forward.synced = synced
    assert forward.begin_event(lasted, clock, 1.0, beside=False) is carried
    assert forward.carries_event is carried


def test_no_event_goes_to_a_sink_without() -> None:
    wire = Wire()
    wire.sender.event_type = None
    forward = Forward(wire.sender)
    assert not forward.begin_event(160, 8000, 1.0, beside=False)
    packet = RtpPacket(96, 1, 1, 7, EventPayload(5, True, 160).encode())
    forward.event(packet, 160, 1, 1.0, late=False)
    assert wire.packets == []


def test_an_event_has_the_sinks_payload_type() -> None:
    wire = Wire()
    forward = Forward(wire.sender)
    packet = RtpPacket(96, 1, 1, 7, EventPayload(5, True, 160).encode())
    forward.event(packet, 160, 1, 1.0, late=False)
    assert [packet.payload_type for packet in wire.packets] == [101]
