"""One peer connection of a client: which packets are of which track."""

from __future__ import annotations

import re
from typing import Any

import pytest
from livekit.protocol.models import TrackSource
from livekit.protocol.rtc import AddTrackRequest, SessionDescription
from tests.support.lab import Lab, run
from tests.support.rtc_peer import RtcPeer, Tone
from tests.webrtc.clients import data, offer, out_track, rtp, sending

from hookflash.base.errors import SdpError
from hookflash.exchange.peer_connection import MAX_SSRCS, PeerConnection
from hookflash.webrtc.offered_sections import DATA_MID

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


SSRC = 50
ONE_BYTE = b"\xbe\xde"
"""RFC 8285 §4.2: what stands before header extensions of the short form."""


def packet_of(ssrc: int, number: int, extensions: bytes = b"") -> bytes:
    """One packet of sound; `extensions`: of 4 octets, or none."""
    first = 0x90 if extensions else 0x80
    head = bytes((first, 111)) + number.to_bytes(2, "big") + bytes(4) + ssrc.to_bytes(4, "big")
    return head + (ONE_BYTE + b"\0\1" + extensions if extensions else b"") + b"opus"


async def described(lab: Lab, peer: RtcPeer, *sections: str) -> PeerConnection:
    """Its connection, once it has offered those sections, in one of which it may send "mic"."""
    await peer.told("join")
    await peer.ask(add_track=AddTrackRequest(cid="mic", source=TrackSource.MICROPHONE))
    await peer.told("track_published")
    sdp = offer(*sections)
    await peer.ask(offer=SessionDescription(type="offer", sdp=sdp, id=1))
    await peer.told("answer", 1, lambda answer: answer.id == 1)
    return connection_of(lab, peer)


def test_a_level_is_told_only_where_a_packet_says_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            section = sending("audio", "1", "mic", f"ssrc:{SSRC} cname:x")
            connection = await described(lab, ann, data("0"), section)
            levels: list[tuple[str, int]] = []
            monkeypatch.setattr(connection._engine, "measured", lambda *told: levels.append(told))
            source = connection.published["mic"].source
            receiver = source.receiver
            connection.rtp_received(packet_of(SSRC, 1), 0.0)
            connection.rtp_received(packet_of(SSRC, 2, b"\x401\0\0"), 0.02)
            assert (receiver.received, levels) == (2, [])
            connection.rtp_received(packet_of(SSRC, 3, b"\x10\xa0\0\0"), 0.04)
            assert (receiver.received, levels) == (3, [(source.track_sid, 32)])
            assert connection.dropped == 0

    run(check)


def test_a_stream_whose_mid_is_of_no_section_is_dropped() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            connection = await described(lab, ann, data("0"), sending("audio", "1", "mic"))
            connection.rtp_received(packet_of(SSRC, 1, b"\x407\0\0"), 0.0)
            assert (connection.dropped, connection._by_ssrc) == (1, {})
            connection.rtp_received(packet_of(SSRC, 2, b"\x401\0\0"), 0.0)
            assert (connection.dropped, connection._by_ssrc) == (1, {SSRC: "mic"})

    run(check)


def test_a_track_goes_out_as_its_section_says() -> None:
    """By the numbers that the client has for it, which are not the publisher's."""

    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            section = rtp("audio", "1", "recvonly").replace("111", "96")
            await ann.told("join")
            connection = connection_of(lab, ann)
            connection.attach(out_track("TR_1"), offering=False)
            await described(lab, ann, data("0"), section)
            (ssrc, subscription) = connection._subscriptions["TR_1"]
            sender = subscription.sender
            assert f"a=ssrc:{ssrc} " in ann.last("answer").sdp
            assert sender.ssrc == ssrc
            assert sender.head & 0x7F == 96
            connection.detach("TR_1", offering=False)
            assert not connection._subscriptions  # at once, whatever the next description says

    run(check)


def test_a_client_without_data_is_answered() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            await described(lab, ann, sending("audio", "0", "mic"))
            sdp = ann.last("answer").sdp
            assert "m=audio" in sdp
            assert "m=application" not in sdp

    run(check)


def test_nothing_is_reported_before_the_connection_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            section = sending("audio", "1", "mic", f"ssrc:{SSRC} cname:x")
            connection = await described(lab, ann, data("0"), section)
            connection.rtp_received(packet_of(SSRC, 1), 0.0)
            assert connection.reports.report(1.0)
            sent: list[bytes] = []
            monkeypatch.setattr(connection.transport, "send_rtcp", sent.append)
            connection.report(1.0)
            assert sent == []

    run(check)


def test_a_track_whose_section_the_client_closes_is_sent_no_more() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            sid = await ann.speak(LOW)
            await bob.hears(sid, LOW)
            connection = connection_of(lab, bob)
            ((_, subscription),) = connection._subscriptions.values()
            async with bob._turn:
                pass  # it has taken the last answer
            await bob.offer(lambda sdp: sdp.replace("a=recvonly", "a=inactive"))
            assert not connection._subscriptions
            bridge = lab.server._engine._bridges[lab.server.rtc._clients[bob.sid].room]
            assert bridge.subscriptions is not None
            assert subscription not in bridge.subscriptions.taken

    run(check)


def test_who_leaves_a_room_takes_nothing_there() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            sid = await ann.speak(LOW)
            await bob.hears(sid, LOW)
            connection = connection_of(lab, bob)
            bridge = lab.server._engine._bridges[lab.server.rtc._clients[bob.sid].room]
            assert bridge.subscriptions is not None
            assert len(bridge.subscriptions.taken) == 1
            connection.leave_room()
            assert not connection._subscriptions
            assert not bridge.subscriptions.taken

    run(check)


def test_an_answer_that_rejects_data_opens_no_channels() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False, two=True) as ann:
            await ann.told("join")
            connection = lab.server.rtc._clients[ann.sid].subscriber
            connection.attach(out_track("TR_1"), offering=True)
            connection.offer()
            (mid,) = connection.offered.mid_to_track_id
            answer = offer(data(DATA_MID), rtp("audio", mid, "recvonly"), bundle=[mid])
            answer = answer.replace("setup:actpass", "setup:active")
            connection.take_answer(answer.replace("m=application 9", "m=application 0"))
            assert not connection.offered.offering
            assert list(connection._subscriptions) == ["TR_1"]
            way: Any = connection.transport
            assert way._sctp_port is None

    run(check)
