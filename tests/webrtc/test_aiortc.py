"""aiortc as the client: it takes our answers and answers our offers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack
from tests.webrtc import clients

from hookflash.webrtc.description import read
from hookflash.webrtc.offered_sections import OfferedSections
from hookflash.webrtc.sections import Sections


def with_client(test: Callable[[RTCPeerConnection], Awaitable[None]]) -> None:
    async def run() -> None:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        try:
            await test(peer)
        finally:
            await peer.close()

    asyncio.run(run())


async def offered(peer: RTCPeerConnection) -> str:
    await peer.setLocalDescription(await peer.createOffer())
    return str(peer.localDescription.sdp)


def directions(peer: RTCPeerConnection) -> list[tuple[str | None, str | None]]:
    return [(each.mid, each.currentDirection) for each in peer.getTransceivers()]


def test_it_takes_our_answers() -> None:
    async def test(peer: RTCPeerConnection) -> None:
        heard: list[MediaStreamTrack] = []
        peer.on("track", heard.append)
        mic, cam = AudioStreamTrack(), VideoStreamTrack()
        for kind in ("audio", "audio", "video"):
            peer.addTransceiver(kind, direction="recvonly")
        peer.addTransceiver(mic, direction="sendonly")
        peer.addTransceiver(cam, direction="sendonly")
        peer.createDataChannel("_reliable")
        these = Sections(clients.ids())
        these.attach(clients.out_track("TR_a"))
        these.attach(clients.out_track("TR_v", "video"))
        described = read(await offered(peer))
        given = these.answer(described, clients.LOCAL, {mic.id})
        await peer.setRemoteDescription(RTCSessionDescription(given.sdp, "answer"))
        ways = dict(directions(peer))
        by_cid = {section.track_id: section.mid for section in described.sections}
        assert given.incoming[0].mid == by_cid[mic.id]
        assert ways[by_cid[mic.id]] == "sendonly"
        assert ways[by_cid[cam.id]] == "inactive"
        assert all(ways[sent.mid] == "recvonly" for sent in given.outgoing)
        # aiortc announces every section that receives, with a track or without.
        assert {"TR_a", "TR_v"} <= {track.id for track in heard}
        assert peer.sctp is not None
        assert peer.sctp.transport.transport.role == "controlling"

        these.detach("TR_a")
        these.attach(clients.out_track("TR_b"))
        given = these.answer(read(await offered(peer)), clients.LOCAL, {mic.id, cam.id})
        await peer.setRemoteDescription(RTCSessionDescription(given.sdp, "answer"))
        ways = dict(directions(peer))
        assert ways[by_cid[cam.id]] == "sendonly"
        assert sorted(given.mid_to_track_id.values()) == ["TR_b", "TR_v"]
        assert sorted(map(str, ways.values())) == [
            "inactive",
            "recvonly",
            "recvonly",
            "sendonly",
            "sendonly",
        ]

    with_client(test)


def test_it_answers_our_offers() -> None:
    async def test(peer: RTCPeerConnection) -> None:
        heard: list[MediaStreamTrack] = []
        peer.on("track", heard.append)
        these = OfferedSections(clients.ids())

        async def exchange() -> tuple[list[str], tuple[str, ...]]:
            offer = these.offer(clients.LOCAL)
            await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            await peer.setLocalDescription(await peer.createAnswer())
            taken = these.answered(read(str(peer.localDescription.sdp)))
            assert taken.setup == "passive"
            return [sent.track_sid for sent in taken.outgoing], taken.no_codec

        assert await exchange() == ([], ())
        assert peer.sctp is not None
        these.attach(clients.out_track("TR_a"))
        these.attach(clients.out_track("TR_v", "video"))
        assert await exchange() == (["TR_a", "TR_v"], ())
        assert [track.id for track in heard] == ["TR_a", "TR_v"]
        assert [way for _, way in directions(peer)] == ["recvonly", "recvonly"]
        these.detach("TR_a")
        these.attach(clients.out_track("TR_b"))
        assert await exchange() == (["TR_v"], ())
        assert await exchange() == (["TR_b", "TR_v"], ())

    with_client(test)
