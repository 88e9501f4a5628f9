"""Telephone-events and sound that come at the wrong time, or nearly empty."""

from __future__ import annotations

import pytest
from tests.support.studio import Studio

from hookflash.media.forward import Forward
from hookflash.rtp.dtmf import EventPayload
from hookflash.rtp.packet import RtpPacket
from hookflash.rtp.rtcp import Report, ReportBlock, encode_report, ntp_time

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


def test_a_late_packet_of_an_event_goes_on_with_its_own_number() -> None:
    wire = Wire()
    forward = Forward(wire.sender)
    forward.sound(sound(10), 10, 1.0, late=False)
    assert forward.begin_event(160, 8000, 1.02, beside=False)
    forward.event(event(12), 160, 12, 1.02, late=False)
    forward.event(event(11), 160, 12, 1.02, late=True)
    start = wire.packets[0].sequence
    assert [packet.sequence - start for packet in wire.packets] == [0, 2, 1]


def test_a_sink_that_was_sent_something_else_in_an_event_gets_no_more_of_it() -> None:
    studio = Studio()
    try:
        ann, bob = studio.phone(), studio.phone()
        ann.say()
        ann.speak(RtpPacket(101, 101, 1160, ann.ssrc, EVENT))
        ann.stream.receiver.resync(bob.stream.sender)
        ann.speak(RtpPacket(101, 102, 1160, ann.ssrc, EVENT))
        assert [packet.payload_type for packet in bob.heard] == [0, 101]
    finally:
        studio.close()


def test_a_report_that_answers_one_of_the_future_tells_no_round_trip() -> None:
    studio = Studio()
    try:
        ann = studio.phone()
        later = ntp_time(studio.clock.now() + 60) >> 16 & 0xFFFFFFFF
        for last, delay in ((0, 0), (later, 0)):
            block = ReportBlock(ann.stream.sender.ssrc, 0, 0, 1, 1, last, delay)
            ann.pair.deliver(
                encode_report(Report(ann.ssrc, (block,)), "ann"), ann.address, rtcp=True
            )
            assert ann.stream.reporter.peer_view == block
        assert ann.stream.reporter.round_trip is None
    finally:
        studio.close()
