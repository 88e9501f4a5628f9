"""One peer connection's way: who may shake hands, for how long, and what ends it."""

from __future__ import annotations

import asyncio
import re
from types import SimpleNamespace
from typing import Any

import pytest
from livekit.protocol.models import DisconnectReason
from tests.support.lab import Lab, run
from tests.support.rtc_peer import RtcPeer

from hookflash.exchange.rtc_client import RtcClient
from hookflash.rtp.packet import RtpPacket
from hookflash.runtime.rtc.transport import EARLY_SIZE, MAX_EARLY, PeerTransport

LOW = 440.0


def client_of(lab: Lab, peer: RtcPeer) -> RtcClient:
    return lab.server.rtc._clients[peer.sid]


def transport_of(lab: Lab, peer: RtcPeer) -> PeerTransport:
    transport = client_of(lab, peer).publisher.transport
    assert isinstance(transport, PeerTransport)
    return transport


def later(lab: Lab, seconds: float) -> float:
    return lab.server._clock.now() + seconds


def test_another_certificate_than_the_described_one_ends_it() -> None:
    def forged(sdp: str) -> str:
        return re.sub("a=fingerprint:.*", "a=fingerprint:sha-256 " + ":".join(["AB"] * 32), sdp)

    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            await ann.told("join")
            await ann.negotiate(forged)
            leave = await ann.told("leave")
            assert leave.action == leave.RECONNECT
            await ann.ended()
            (line,) = lab.logged("rtc_connection_lost")
            assert "certificate" in line["why"]
            assert not lab.server.rtc._clients
            assert not lab.server.rtc.ports.handshakes

    run(check)


def test_dtls_that_never_comes_ends_after_10_s() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            await ann.told("join")

            async def nothing(*_: Any) -> None: ...

            ann.publisher.addTransceiver("audio", direction="recvonly")
            dtls: Any = ann.publisher.getTransceivers()[0].receiver.transport
            dtls.start = nothing
            await ann.negotiate()
            transport = transport_of(lab, ann)
            await ann.until(lambda: transport.agent.selected)
            assert lab.server.rtc.ports.handshakes == {transport}
            transport.check(later(lab, 9.5))
            assert not transport.closed
            transport.check(later(lab, 10))
            assert transport.closed
            assert not lab.server.rtc.ports.handshakes
            assert (await ann.told("leave")).reason == DisconnectReason.CONNECTION_TIMEOUT

    run(check)


def test_without_a_check_for_30_s_consent_is_gone() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann:
            transport = transport_of(lab, ann)
            transport.check(later(lab, 25))
            assert not transport.closed
            transport.check(later(lab, 30))
            assert transport.closed
            assert (await ann.told("leave")).reason == DisconnectReason.CONNECTION_TIMEOUT
            await ann.ended()

    run(check)


def test_a_client_that_only_listens_keeps_the_connection_that_it_does_not_use() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", two=True, media=False) as ann:
            await ann.until(lambda: ann.is_active)
            transport = transport_of(lab, ann)
            transport.check(later(lab, 31))
            assert not transport.closed
            # Its consent counts from the description, not from the join.
            transport.agent._checked_at -= 100
            await ann.negotiate()
            transport.check(later(lab, 0))
            assert not transport.closed
            await ann.until(lambda: transport.is_connected)

    run(check)


def test_handshakes_over_the_bound_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    bound = "hookflash.runtime.rtc.transport.MAX_HANDSHAKES"

    async def check(lab: Lab) -> None:
        monkeypatch.setattr(bound, 0)
        async with RtcPeer(lab, "ann", media=False) as ann:
            await ann.told("join")
            await ann.negotiate()
            transport = transport_of(lab, ann)
            await ann.until(lambda: transport._early)
            assert transport._dtls is None
            monkeypatch.setattr(bound, 1)
            await ann.until(lambda: transport.is_connected)
            assert not lab.server.rtc.ports.handshakes
            assert not transport._early

    run(check)


def test_of_datagrams_before_the_description_a_few_are_kept() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            await ann.told("join")
            transport = transport_of(lab, ann)
            transport.received(b"\x16" * (EARLY_SIZE + 1), 0.0)
            assert not transport._early
            for _ in range(MAX_EARLY + 5):
                transport.received(b"\x16" * EARLY_SIZE, 0.0)
            assert len(transport._early) == MAX_EARLY

    run(check)


def test_what_cannot_be_decrypted_reaches_nobody() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            await bob.hears(await ann.speak(LOW), LOW)
            transport = transport_of(lab, ann)
            way: Any = ann.publisher.sctp.transport.transport  # type: ignore[union-attr]
            await way._send(b"\x80\xc8" + b"x" * 40)
            await way._send(b"\x80\x6f" + b"x" * 40)
            await way._send(b"\x16" + b"x" * 40)
            await way._send(b"\x50" + b"x" * 40)
            dropped = lab.server.rtc.ports.dropped
            await ann.until(lambda: dropped["undecryptable"])
            assert transport.is_connected

    run(check)


def test_media_before_dtls_is_passed_over_and_nothing_goes_out() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            await ann.told("join")
            transport = transport_of(lab, ann)
            transport.received(b"\x80\x6f" + b"x" * 40, 0.0)
            transport.send_rtcp(b"\x80\xc8")
            assert transport.send_rtp(b"\x80\x6f" + bytes(20)) == 22
            transport.sctp_send(b"x")
            transport.open_channels()
            transport._dtls_due()
            assert transport.protect(b"x") is None
            assert not transport.send_message("_reliable", b"x")
            assert transport.buffered("_reliable") == 0
            assert lab.server.rtc.ports.dropped["undecryptable"] == 0

    run(check)


def test_a_number_goes_out_once() -> None:
    """And nothing of what libsrtp does not take (RFC 3711 §9.1)."""

    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann:
            transport: Any = transport_of(lab, ann)
            sent: list[bytes] = []
            transport.agent.selected = SimpleNamespace(send=sent.append)
            packet = RtpPacket(111, 1, 960, 5, b"opus").encode()
            transport.send_rtp(packet)
            transport.send_rtp(packet)
            assert len(sent) == 1
            assert sent[0][:12] == packet[:12]
            assert sent[0][12:] != packet[12:]

    run(check)


def test_data_without_an_association_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann:
            transport: Any = transport_of(lab, ann)
            monkeypatch.setattr(transport, "_sctp", None)
            transport._dtls._in.append(b"x")
            transport._after_dtls(transport._dtls)
            assert transport.is_connected
            assert not transport.send_message("_reliable", b"x")
            monkeypatch.undo()

    run(check)


def test_a_client_gets_no_message_that_is_longer_than_it_takes() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            await ann.told("join")
            size = r"a=max-message-size:\d+"
            await ann.negotiate(lambda sdp: re.sub(size, "a=max-message-size:100", sdp))
            transport = transport_of(lab, ann)
            await ann.until(lambda: transport.send_message("_reliable", bytes(100)))
            assert not transport.send_message("_reliable", bytes(101))

    run(check)


def test_a_client_that_closes_its_connection_leaves() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann, RtcPeer(lab, "bob") as bob:
            transport = transport_of(lab, ann)
            await ann.publisher.close()
            await bob.told(
                "update",
                1,
                lambda u: any(i.identity == "ann" and i.state == 3 for i in u.participants),
            )
            assert transport.closed_by_client
            transport.close()
            transport._lost("again")
            assert len(lab.logged("rtc_connection_lost")) == 1
            transport.channel_opened("_reliable")
            transport.channel_message("_reliable", b"")
            transport.check(later(lab, 100))
            assert lab.server.rtc.ports._transports.keys() == {transport_of(lab, bob).agent}

    run(check)


def test_our_lossy_channel_repeats_nothing() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", two=True) as ann:
            transport: Any = client_of(lab, ann).subscriber.transport
            await ann.until(lambda: transport._sctp)
            channels = {label: one for (label, _), one in transport._sctp._channels.items()}
            assert not channels["_lossy"].ordered
            assert channels["_lossy"].maxRetransmits == 0
            assert channels["_reliable"].ordered
            assert channels["_reliable"].maxRetransmits is None

    run(check)


def test_the_client_is_told_of_our_end() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann") as ann:
            dtls: Any = ann.publisher.sctp.transport  # type: ignore[union-attr]
            over = asyncio.Event()
            dtls.on("statechange", over.set)
            transport_of(lab, ann).close()
            async with asyncio.timeout(3):
                await over.wait()
            assert dtls.state == "closed"

    run(check)


def test_what_was_not_answered_is_said_again() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            await ann.told("join")

            async def nothing(*_: Any) -> None: ...

            ann.publisher.addTransceiver("audio", direction="recvonly")
            dtls: Any = ann.publisher.getTransceivers()[0].receiver.transport
            dtls.start = nothing
            # The client says that it is passive: so the first flight is ours.
            await ann.negotiate(lambda sdp: sdp.replace("a=setup:actpass", "a=setup:passive"))
            transport = transport_of(lab, ann)
            ice: Any = dtls.transport
            await ann.until(lambda: ice.state == "completed")
            first, again = await ice._recv(), await ice._recv()
            assert first[0] == again[0] == 22
            assert not transport.is_connected
            transport.close()
            transport._dtls_due()
            assert transport._timer is None

    run(check)
