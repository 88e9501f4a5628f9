"""calls.md §3, row *port*: SR and RR with loss and jitter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.studio import Studio, TablePhone

from hookflash.rtp.packet import RtpPacket
from hookflash.rtp.rtcp import (
    Report,
    ReportBlock,
    SenderInfo,
    encode_report,
    ntp_time,
    parse_compound,
)


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio()
    yield studio
    studio.close()


def last_report(phone: TablePhone) -> Report:
    report = parse_compound(phone.pair.reports[-1][0])[0]
    assert isinstance(report, Report)
    return report


def test_a_sender_report_with_loss(studio: Studio) -> None:
    ann = studio.phone()
    for number in range(250):
        if number % 4:
            ann.speak(RtpPacket(0, number, 160 * number, 5, bytes(160)))
        studio.tick()
    report = last_report(ann)
    assert report.sender is not None
    assert report.ssrc == ann.stream.sender.ssrc
    assert report.sender.packets == pytest.approx(250, abs=250)
    assert report.sender.octets == report.sender.packets * 160
    (block,) = report.blocks
    assert block.ssrc == 5
    assert block.lost == pytest.approx(block.highest / 4, abs=2)
    assert block.fraction_lost == pytest.approx(64, abs=4)
    for number in range(250, 500):
        ann.speak(RtpPacket(0, number, 160 * number, 5, bytes(160)))
        studio.tick()
    (block,) = last_report(ann).blocks
    assert block.fraction_lost < 3, "since the last report"


def test_the_peers_report_is_read(studio: Studio) -> None:
    ann = studio.phone()
    ann.say()
    studio.tick(250)
    now = studio.clock.now()
    block = ReportBlock(
        ann.stream.sender.ssrc, 12, 3, 400, 80, ntp_time(now - 0.5) >> 16 & 0xFFFFFFFF, 0x6666
    )
    sender = SenderInfo(ntp_time(now), 1000, 10, 1600)
    data = encode_report(Report(ann.ssrc, (block,), sender), "ann")
    ann.pair.deliver(data, ann.address, rtcp=True)
    reporter = ann.stream.reporter
    assert reporter.peer_view == block
    assert reporter.round_trip == pytest.approx(0.1, abs=0.001)
    studio.tick(250)
    (ours,) = last_report(ann).blocks
    assert ours.last_sr == sender.ntp >> 16 & 0xFFFFFFFF
    assert 0 < ours.delay / 65536 <= 5.0


def test_blocks_of_others_and_garbage_are_passed_over(studio: Studio) -> None:
    ann = studio.phone()
    other = encode_report(Report(1, (ReportBlock(4, 0, 0, 0, 0),)), "x")
    for data in (other, b"\x80\xc9\x00\x07abc", b"", bytes(40)):
        ann.pair.deliver(data, ann.address, rtcp=True)
    assert ann.stream.reporter.peer_view is None


def test_a_farewell_among_reports_takes_nothing_from_them(studio: Studio) -> None:
    ann = studio.phone()
    ann.say()
    block = ReportBlock(ann.stream.sender.ssrc, 12, 3, 400, 80)
    farewell = bytes.fromhex("81cb0001") + (7).to_bytes(4, "big")
    report = encode_report(Report(ann.ssrc, (block,), None), "ann")
    ann.pair.deliver(farewell + report, ann.address, rtcp=True)
    assert ann.stream.reporter.peer_view == block
