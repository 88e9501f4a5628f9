"""A port takes a second of what waits at once, and sends reports to addresses only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.studio import Studio

from hookflash.media.phone_port import _WAITING
from hookflash.rtp.packet import RtpPacket


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio()
    yield studio
    studio.close()


def test_no_more_than_a_second_is_taken_at_once(studio: Studio) -> None:
    ann, bob = studio.phone(), studio.phone()
    packets = [RtpPacket(0, 100 + n, 160 * n, 9, b"\x55" * 160) for n in range(_WAITING + 10)]
    ann.pair.wait([(packet.encode(), ann.address) for packet in packets])
    ann.stream.drain()
    assert len(bob.heard) == _WAITING
    ann.stream.drain()
    assert len(bob.heard) == _WAITING + 10


def test_no_report_goes_to_a_name(studio: Studio) -> None:
    ann = studio.phone(remote_rtcp=("carrier.example", 4001))
    bob = studio.phone()
    studio.tick(300)
    assert ann.pair.reports == []
    assert bob.pair.reports != []


def test_what_the_peer_and_the_room_hear_can_be_asked(studio: Studio) -> None:
    ann = studio.phone()
    assert (ann.stream.hears, ann.stream.silence_to_peer) == (None, False)
    ann.stream.hears = frozenset({"TR_1"})
    ann.stream.silence_to_peer = True
    assert (ann.stream.hears, ann.stream.silence_to_peer) == (frozenset({"TR_1"}), True)
