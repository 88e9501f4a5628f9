"""Telephone-events and sound that come at the wrong time, or nearly empty."""

from __future__ import annotations

import pytest

from hookflash.media.forward import Forward
from hookflash.rtp.dtmf import EventPayload
from hookflash.rtp.packet import RtpPacket
from hookflash.testing.media import Studio

from .kit import Wire

EVENT = EventPayload(5, end=False, volume=10, duration=160).encode()


def event(sequence: int) -> RtpPacket:
    return RtpPacket(101, sequence, 1600, 7, EVENT)


def sound(sequence: int) -> RtpPacket:
    return RtpPacket(0, sequence, 160 * sequence, 7, b"\x55" * 160)


@pytest.mark.parametrize("beside", [False, True])
def test_an_event_ends_for_a_sink_that_takes_none_any_more(beside: bool) -> None:
    """A re-INVITE may take telephone-event away while a key is pressed."""
    wire = Wire()
    forward = Forward(wire.sender)
    forward.sound(sound(10), 10, 1.0, late=False)
    assert forward.begin_event(160, 8000, 1.02, beside=beside)
    wire.sender.event_type = None
    if beside:
        forward.event_beside(event(11), 10, 1.02)
    else:
        forward.event(event(11), 160, 11, 1.02, late=False)
    assert [packet.payload_type for packet in wire.packets] == [8]


def test_a_packet_of_an_event_from_before_is_left_out() -> None:
    wire = Wire()
    forward = Forward(wire.sender)
    forward.sound(sound(10), 10, 1.0, late=False)
    assert forward.begin_event(160, 8000, 1.02, beside=False)
    forward.event(event(9), 160, 10, 1.02, late=True)
    assert [packet.payload_type for packet in wire.packets] == [8]


def test_sound_without_a_sample_counts_and_is_not_passed_on() -> None:
    studio = Studio()
    try:
        ann, bob = studio.phone(), studio.phone()
        ann.say()
        ann.say(b"")
        ann.say()
        assert [len(packet.payload) for packet in bob.heard] == [160, 160]
        assert ann.stream.stats().packets_received == 3
    finally:
        studio.close()


def test_what_one_sink_was_sent_meanwhile_leaves_the_others_as_they_are() -> None:
    studio = Studio()
    try:
        ann = studio.phone()
        wires = [Wire(seed) for seed in (1, 2)]
        receiver = ann.stream.receiver
        receiver.forward_to([wire.sender for wire in wires])
        ann.say()
        assert [forward.synced for forward in receiver.forwards] == [True, True]
        receiver.resync(wires[1].sender)
        assert [forward.synced for forward in receiver.forwards] == [True, False]
        receiver.resync(Wire(3).sender)
        assert [forward.synced for forward in receiver.forwards] == [True, False]
    finally:
        studio.close()
