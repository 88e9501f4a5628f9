"""webrtc.md §4, *RTCP*: SR and RR both ways, of all streams of a peer connection."""

from __future__ import annotations

import random
from typing import Any

from hookflash.base.ids import Ids
from hookflash.media.client_reports import ClientReports
from hookflash.media.published import PublishedAudio
from hookflash.media.sender import Sender
from hookflash.media.subscriptions import OPUS
from hookflash.rtp.packet import RtpPacket
from hookflash.rtp.rtcp import (
    Report,
    ReportBlock,
    SenderInfo,
    encode_report,
    ntp_time,
    parse_compound,
)

IDS = Ids(random.Random(3))


def sent_nowhere(data: Any, _: Any) -> int:
    return len(data)


def stream_out() -> Sender:
    sender = Sender(sent_nowhere, bytearray(2048), IDS)
    sender.configure(111, 48000, 0, 20)
    sender.remote = ("192.0.2.1", 1)
    return sender


def stream_in(ssrc: int, sequences: list[int]) -> PublishedAudio:
    published = PublishedAudio({111: OPUS}, lambda: None, lambda: None, {})
    for sequence in sequences:
        packet = RtpPacket(111, sequence, 960 * sequence, ssrc, b"x").encode()
        published.packet(bytearray(packet), 1.0 + sequence / 50)
    return published


def test_each_stream_out_has_a_sender_report_each_in_a_block() -> None:
    reports = ClientReports("room", IDS)
    one, silent = stream_out(), stream_out()
    reports.add_sender(one)
    reports.add_sender(silent)
    one.send(b"abc", 10.0)
    track = stream_in(55, [1, 2, 4])
    reports.add_receiver(track.source.receiver)
    reports.add_receiver(stream_in(56, []).source.receiver)
    told = [item for data in reports.report(10.5) for item in parse_compound(data)]
    (sending, receiving) = [item for item in told if isinstance(item, Report)]
    assert sending.ssrc == one.ssrc
    assert sending.sender is not None
    assert (sending.sender.packets, sending.sender.octets) == (1, 3)
    (block,) = receiving.blocks
    assert (block.ssrc, block.lost, block.highest) == (55, 1, 4)
    reports.remove_sender(one)
    reports.remove_receiver(track.source.receiver)
    assert reports.report(11.0) == []


def test_what_the_client_says_of_our_streams_and_of_its_own() -> None:
    reports = ClientReports("room", IDS)
    one, other = stream_out(), stream_out()
    reports.add_sender(one)
    reports.add_sender(other)
    track = stream_in(55, [1])
    reports.add_receiver(track.source.receiver)
    assert reports.round_trip() is None
    assert reports.worst_loss() == 0.0
    sent = ntp_time(100.0) >> 16 & 0xFFFFFFFF
    blocks = (
        ReportBlock(one.ssrc, 0, 0, 9, 0, sent, 0),
        ReportBlock(other.ssrc, 64, 3, 9, 0, sent, 0),
    )
    reports.received(encode_report(Report(55, blocks, SenderInfo(1 << 32, 0, 1, 1)), "c"), 100.25)
    trip = reports.round_trip()
    assert trip is not None
    assert abs(trip - 0.25) < 0.001
    assert reports.worst_loss() == 0.25
    (answer,) = [
        i for d in reports.report(101.25) for i in parse_compound(d) if isinstance(i, Report)
    ]
    assert answer.blocks[0].last_sr == 1 << 16
    assert answer.blocks[0].delay == 65536


def test_what_did_not_come_counts_as_lost() -> None:
    reports = ClientReports("room", IDS)
    published = stream_in(7, [n for n in range(100) if n % 10])
    reports.add_receiver(published.source.receiver)
    assert reports.missed() == 0.0
    reports.report(5.0)
    assert 0.08 < reports.missed() < 0.12
    reports.report(10.0)
    assert reports.missed() == 0.0


def test_a_report_of_another_stream_and_garbage_change_nothing() -> None:
    reports = ClientReports("room", IDS)
    track = stream_in(55, [1])
    reports.add_receiver(track.source.receiver)
    reports.received(encode_report(Report(99, (), SenderInfo(1 << 32, 0, 1, 1)), "c"), 5.0)
    reports.received(b"\x80\xc8", 5.0)
    (answer,) = [i for d in reports.report(6.0) for i in parse_compound(d) if isinstance(i, Report)]
    assert answer.blocks[0].last_sr == 0
