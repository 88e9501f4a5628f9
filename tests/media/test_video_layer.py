"""One encoding of a video track, as it comes in."""

from __future__ import annotations

import pytest

from hookflash.media.video_layer import SILENT, VideoLayer
from hookflash.rtp.rtcp import SenderInfo


def layer() -> VideoLayer:
    return VideoLayer("q", 0, 7)


def test_numbers_go_on_beyond_16_bits() -> None:
    one = layer()
    first = one.arrived(65534, 0, 1.0)
    assert first is not None
    assert [one.arrived(n, 0, 1.0) for n in (65535, 0, 1)] == [first + 1, first + 2, first + 3]
    assert not one.opened


def test_a_gap_is_told_and_may_be_filled_once() -> None:
    one = layer()
    first = one.arrived(10, 0, 1.0) or 0
    one.arrived(13, 0, 1.0)
    assert list(one.opened) == [first + 1, first + 2]
    assert one.arrived(11, 0, 1.1) == first + 1
    assert not one.opened
    assert one.arrived(11, 0, 1.1) is None, "nobody waits for it"
    assert one.arrived(10, 0, 1.1) is None
    assert one.highest == first + 3


def test_one_stray_packet_changes_nothing_two_begin_anew() -> None:
    one = layer()
    one.arrived(10, 0, 1.0)
    assert one.arrived(30000, 0, 1.0) is None
    assert one.epoch == 0
    assert one.arrived(11, 0, 1.0) == 0x10000 + 11
    assert one.arrived(50000, 0, 1.0) is None
    assert one.arrived(50001, 0, 1.0) == 0x10000 + 50001
    assert one.epoch == 1


def test_it_lives_while_packets_come() -> None:
    one = layer()
    assert not one.is_alive(0.0)
    one.arrived(1, 0, 5.0)
    assert one.is_alive(5.0 + SILENT)
    assert not one.is_alive(5.1 + SILENT)


def test_its_report() -> None:
    one = layer()
    for number in range(100):
        if number % 10 != 5:
            one.arrived((65500 + number) & 0xFFFF, number * 3000, number / 30)
    block = one.block(10.0)
    assert (block.ssrc, block.fraction_lost, block.lost) == (7, 25, 10)
    assert block.highest == 0x10000 + 63, "one round"
    assert (block.last_sr, block.delay) == (0, 0)
    one.reported(SenderInfo(0x1122334455667788, 0, 1, 1), 10.0)
    block = one.block(10.5)
    assert (block.fraction_lost, block.lost) == (0, 10)
    assert (block.last_sr, block.delay) == (0x33445566, 32768)


def test_jitter_is_of_arrivals_against_timestamps() -> None:
    steady, shaken = layer(), layer()
    for number in range(200):
        steady.arrived(number, number * 3000 & 0xFFFFFFFF, number / 30)
        shaken.arrived(number, number * 3000 & 0xFFFFFFFF, number / 30 + (number % 2) / 100)
    assert steady.block(9.0).jitter <= 1
    assert shaken.block(9.0).jitter == pytest.approx(900, abs=5)


def test_another_ssrc_begins_anew() -> None:
    one = layer()
    one.arrived(10, 0, 1.0)
    one.arrived(12, 0, 1.0)
    one.restart(8)
    assert (one.ssrc, one.epoch, one.received) == (8, 1, 0)
    assert one.gaps.due(9.0) == []
    one.arrived(500, 0, 1.0)
    assert one.block(2.0).lost == 0


def test_the_time_of_a_picture_is_that_of_the_publisher() -> None:
    one = layer()
    assert one.time_of(0) is None
    one.reported(SenderInfo(50 << 32, 1000, 1, 1), 3.0)
    assert one.time_of(1000 + 90000) == pytest.approx(51)
    assert one.time_of((1000 - 45000) & 0xFFFFFFFF) == pytest.approx(49.5)
