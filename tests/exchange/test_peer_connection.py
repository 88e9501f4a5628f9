"""One peer connection of a client: which packets are of which track."""

from __future__ import annotations

import re

import pytest
from tests.support.lab import Lab, run
from tests.support.rtc_peer import RtcPeer, Tone

from hookflash.base.errors import SdpError
from hookflash.exchange.peer_connection import MAX_SSRCS, PeerConnection

LOW = 440.0


def connection_of(lab: Lab, peer: RtcPeer) -> PeerConnection:
    return lab.server.rtc._clients[peer.sid].publisher


def test_a_stream_without_a_described_ssrc_is_known_by_its_mid() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            tone = Tone(LOW)
            sid = await ann.announce(tone.id)
            ann.send(tone)
            await ann.offer(lambda sdp: re.sub("a=ssrc.*\r\n", "", sdp))
            await bob.hears(sid, LOW)
            assert connection_of(lab, ann).mid_of(tone.id)
            assert connection_of(lab, ann).mid_of("other") == ""
            assert list(connection_of(lab, ann)._by_ssrc.values()) == [tone.id]

    run(check)


def test_packets_of_nobody_are_dropped_and_counted() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann:
            connection = connection_of(lab, ann)
            connection.rtp_received(b"\x80", 0.0)
            connection.rtp_received(b"\x80\x6f" + bytes(20), 0.0)
            assert connection.dropped == 2
            assert not connection._by_ssrc

    run(check)


def test_the_streams_of_one_client_have_a_bound() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            await ann.told("join")
            connection = connection_of(lab, ann)
            for ssrc in range(MAX_SSRCS + 5):
                connection._know(ssrc, "mic")
            connection._know(6, "mic")
            assert len(connection._by_ssrc) == MAX_SSRCS
            assert next(iter(connection._by_ssrc)) == 5
            connection._by_ssrc.clear()

    run(check)


def test_an_answer_without_an_offer_is_refused() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann:
            with pytest.raises(SdpError, match="no offer is out"):
                connection_of(lab, ann).take_answer("v=0")

    run(check)
