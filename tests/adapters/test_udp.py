"""The socket pair of a leg."""

from __future__ import annotations

import asyncio
import socket

import pytest

from hookflash.adapters.udp import UdpPair

PORT = 32100


async def _exchange() -> None:
    loop = asyncio.get_running_loop()
    pair = UdpPair(loop, "127.0.0.1", PORT)
    rtp: asyncio.Future[None] = loop.create_future()
    rtcp: asyncio.Future[None] = loop.create_future()
    pair.watch(lambda: rtp.set_result(None), lambda: rtcp.set_result(None))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        own = peer.getsockname()
        peer.sendto(b"sound", ("127.0.0.1", PORT))
        await rtp
        buffer = bytearray(100)
        assert pair.receive(buffer) == (5, own)
        with pytest.raises(BlockingIOError):
            pair.receive(buffer)
        peer.sendto(b"report", ("127.0.0.1", PORT + 1))
        await rtcp
        assert pair.receive_rtcp() == (b"report", own)
        peer.settimeout(5)
        pair.send(b"answer", own)
        assert peer.recvfrom(100) == (b"answer", ("127.0.0.1", PORT))
        pair.send_rtcp(b"again", own)
        assert peer.recvfrom(100) == (b"again", ("127.0.0.1", PORT + 1))
        pair.send_rtcp(bytes(70000), own)  # too long for the network: lost, as a datagram may be
    pair.close()
    UdpPair(loop, "127.0.0.1", PORT).close()


def test_rtp_and_rtcp_on_neighbouring_ports() -> None:
    asyncio.run(_exchange())


def test_a_taken_port_leaves_nothing_open() -> None:
    loop = asyncio.new_event_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", PORT + 3))
        with pytest.raises(OSError, match="in use"):
            UdpPair(loop, "127.0.0.1", PORT + 2)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(("127.0.0.1", PORT + 2))
    loop.close()


def test_ipv6() -> None:
    loop = asyncio.new_event_loop()
    pair = UdpPair(loop, "::1", PORT + 4)
    pair.watch(lambda: None, lambda: None)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as peer:
        peer.bind(("::1", 0))
        peer.settimeout(5)
        pair.send(b"x", ("::1", peer.getsockname()[1]))
        assert peer.recv(10) == b"x"
    pair.close()
    loop.close()
