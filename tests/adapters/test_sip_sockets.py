"""SIP over UDP, TCP and TLS: framing, keep-alives, connections that die (calls.md §5)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hookflash.adapters import sip_sockets
from hookflash.adapters.sip_connection import SipConnection
from hookflash.adapters.sip_sockets import SipSockets, TlsFiles, connect_failure
from hookflash.base.errors import SipError
from hookflash.sip.flow import Address, Flow
from hookflash.sip.message import Request, Response

OPTIONS = (
    b"OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK%d\r\n"
    b"From: <sip:b@127.0.0.1>;tag=1\r\nTo: <sip:a@127.0.0.1>\r\nCall-ID: c\r\n"
    b"CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


class Receiver:
    """Puts everything into one queue."""

    def __init__(self) -> None:
        self.seen: asyncio.Queue[tuple[str, object, Flow | None]] = asyncio.Queue()

    def message_received(self, message: Request | Response, flow: Flow) -> None:
        self.seen.put_nowait(("message", message, flow))

    def bad_message(self, error: SipError, flow: Flow) -> None:
        self.seen.put_nowait(("bad", error, flow))

    def flow_failed(self, flow: Flow) -> None:
        self.seen.put_nowait(("failed", flow, flow))

    async def next(self, kind: str) -> tuple[object, Flow]:
        async with asyncio.timeout(5):
            seen = await self.seen.get()
        assert seen[0] == kind, seen
        assert seen[2] is not None
        return seen[1], seen[2]


def run(
    test: Callable[[SipSockets, Receiver], Awaitable[None]], tls: TlsFiles | None = None
) -> None:
    """Run a test against sockets on free loopback ports."""

    async def main() -> None:
        sockets, receiver = SipSockets(), Receiver()
        sockets.attach(receiver)
        await sockets.start("127.0.0.1", 0)
        if tls is not None:
            await sockets.start_tls("127.0.0.1", 0, tls)
        try:
            await test(sockets, receiver)
        finally:
            await sockets.stop()

    asyncio.run(main())


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[tuple[asyncio.Queue[asyncio.StreamReader], Address]]:
    """A TCP server that puts the readers of its connections into a queue."""
    accepted: asyncio.Queue[asyncio.StreamReader] = asyncio.Queue()
    writers: list[asyncio.StreamWriter] = []

    def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        accepted.put_nowait(reader)

    server = await asyncio.start_server(on_connection, "127.0.0.1", 0)
    try:
        yield accepted, server.sockets[0].getsockname()
    finally:
        for writer in writers:
            await closed(writer)
        server.close()


async def closed(writer: asyncio.StreamWriter) -> None:
    """Close a stream and wait until it is."""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def test_a_datagram_is_a_message_and_an_answer_goes_back_by_its_flow() -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            peer.settimeout(5)
            for noise in (b"\r\n\r\n", b"\x00\x00", b"  "):
                peer.sendto(noise, sockets.local["udp"])
            peer.sendto(OPTIONS % 1, sockets.local["udp"])
            message, flow = await receiver.next("message")
            assert isinstance(message, Request)
            assert flow == Flow("udp", sockets.local["udp"], peer.getsockname())
            assert sockets.is_open(flow)
            sockets.send(b"answer", flow)
            assert peer.recv(100) == b"answer"

    run(check)


def test_a_datagram_that_is_no_message_is_reported() -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(b"nonsense\r\n\r\n", sockets.local["udp"])
            error, _ = await receiver.next("bad")
            assert isinstance(error, SipError)

    run(check)


def test_a_datagram_that_cannot_be_sent_is_no_error() -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        sockets.send(b"x", Flow("udp", sockets.local["udp"], ("255.255.255.255", 9)))
        assert receiver.seen.empty()

    run(check)


def test_listening_on_both_families_an_ipv4_peer_has_its_own_address() -> None:
    async def main() -> None:
        sockets, receiver = SipSockets(), Receiver()
        sockets.attach(receiver)
        await sockets.start("::", 0)
        port = sockets.local["udp"][1]
        try:
            for family, ip in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                with socket.socket(family, socket.SOCK_DGRAM) as peer:
                    peer.bind((ip, 0))
                    peer.settimeout(5)
                    peer.sendto(OPTIONS % 1, (ip, port))
                    _, flow = await receiver.next("message")
                    assert flow.remote == (ip, peer.getsockname()[1])
                    sockets.send(b"answer", flow)
                    assert peer.recv(100) == b"answer"
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(OPTIONS % 2)
            _, flow = await receiver.next("message")
            assert flow.remote[0] == "127.0.0.1"
            await closed(writer)
        finally:
            await sockets.stop()

    asyncio.run(main())


def test_messages_in_a_stream_may_be_split_and_joined_in_any_way() -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        reader, writer = await asyncio.open_connection(*sockets.local["tcp"])
        both = OPTIONS % 1 + OPTIONS % 2
        writer.write(both[:50])
        await writer.drain()
        writer.write(both[50:])
        first, flow = await receiver.next("message")
        second, _ = await receiver.next("message")
        assert isinstance(first, Request)
        assert isinstance(second, Request)
        assert (first.top_via.branch, second.top_via.branch) == ("z9hG4bK1", "z9hG4bK2")
        assert flow.transport == "tcp"
        sockets.send(b"back", flow)
        assert await reader.readexactly(4) == b"back"
        await closed(writer)

    run(check)


def test_a_keep_alive_is_answered() -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        reader, writer = await asyncio.open_connection(*sockets.local["tcp"])
        writer.write(b"\r\n\r\n")
        assert await reader.readexactly(2) == b"\r\n"
        await closed(writer)

    run(check)


def test_a_stream_that_cannot_be_framed_is_closed() -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        reader, writer = await asyncio.open_connection(*sockets.local["tcp"])
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await receiver.next("bad")
        assert await reader.read() == b""
        _, flow = await receiver.next("failed")
        assert not sockets.is_open(flow)
        await closed(writer)

    run(check)


def test_a_dead_connection_is_told_and_sending_on_it_fails() -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        _, writer = await asyncio.open_connection(*sockets.local["tcp"])
        writer.write(OPTIONS % 1)
        _, flow = await receiver.next("message")
        assert sockets.connection_to("tcp", flow.remote) == flow
        await closed(writer)
        await receiver.next("failed")
        assert sockets.connection_to("tcp", flow.remote) is None
        sockets.send(b"late", flow)
        await receiver.next("failed")

    run(check)


def test_connections_of_ours_are_opened_once_and_used_again() -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        async with listening() as (accepted, remote):
            one, two = await asyncio.gather(
                sockets.connect("tcp", remote), sockets.connect("tcp", remote)
            )
            assert one == two
            assert await sockets.connect("tcp", remote) == one
            sockets.send(b"hello", Flow("tcp", one.local, remote))
            assert await (await accepted.get()).readexactly(5) == b"hello"
            assert accepted.empty()

    run(check)


def test_bytes_for_a_connection_that_is_not_open_yet_open_it() -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        async with listening() as (accepted, remote):
            flow = Flow("tcp", sockets.local["tcp"], remote)
            sockets.send(b"one", flow)
            sockets.send(b"two", flow)
            assert await (await accepted.get()).readexactly(6) == b"onetwo"

    run(check)


def test_a_connection_that_cannot_be_opened_is_told() -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            remote = closed.getsockname()
        flow = Flow("tcp", sockets.local["tcp"], remote)
        with pytest.raises(ConnectionRefusedError):
            await sockets.connect("tcp", remote)
        sockets.send(b"x", flow)
        assert await receiver.next("failed") == (flow, flow)

    run(check)


def test_a_connection_that_the_peer_closes_at_once_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        remote = listener.getsockname()

        def just_then(*arguments: Any) -> SipConnection:
            listener.close()  # which resets whoever nobody has accepted
            return SipConnection(*arguments)

        monkeypatch.setattr(sip_sockets, "SipConnection", just_then)
        with pytest.raises(ConnectionError, match="closed at once"):
            await sockets.connect("tcp", remote)
        assert sockets.connection_to("tcp", remote) is None
        assert not list(sockets.open_connections())
        assert receiver.seen.empty()

    run(check)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    folder: Path = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext "
        f"subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout {key} -out {cert}".split(),
        check=True,
        capture_output=True,
    )
    return TlsFiles(str(cert), str(key), ca_file=str(cert))


def test_tls_in_both_directions(certificate: TlsFiles) -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        context = ssl.create_default_context(cafile=certificate.cert_file)
        _, writer = await asyncio.open_connection(
            *sockets.local["tls"], ssl=context, server_hostname="localhost"
        )
        writer.write(OPTIONS % 1)
        _, flow = await receiver.next("message")
        assert flow.transport == "tls"
        await closed(writer)
        await receiver.next("failed")
        ours = await sockets.connect("tls", sockets.local["tls"], name="localhost")
        sockets.send(OPTIONS % 2, ours)
        message, _ = await receiver.next("message")
        assert isinstance(message, Request)

    run(check, certificate)


def test_a_certificate_for_another_name_is_refused(certificate: TlsFiles) -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            await sockets.connect("tls", sockets.local["tls"], name="other.example")
        assert connect_failure(caught.value) == (
            "certificate refused: Hostname mismatch, certificate is not valid for 'other.example'."
        )

    run(check, certificate)


def test_each_name_at_an_address_shows_its_own_certificate(certificate: TlsFiles) -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        remote = sockets.local["tls"]
        one = await sockets.connect("tls", remote, name="localhost")
        assert await sockets.connect("tls", remote, name="LOCALHOST") == one
        assert sockets.connection_to("tls", remote, "127.0.0.1") is None
        assert sockets.connection_to("tls", remote) == one
        other = await sockets.connect("tls", remote, name="127.0.0.1")
        assert other != one
        with pytest.raises(ssl.SSLCertVerificationError):
            await sockets.connect("tls", remote, name="other.example")

    run(check, certificate)


def test_authorities_are_trusted_without_a_certificate_of_ours(certificate: TlsFiles) -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        ours, their_receiver = SipSockets(), Receiver()
        ours.attach(their_receiver)
        await ours.start("127.0.0.1", 0)
        await ours.start_tls("127.0.0.1", 0, TlsFiles(ca_file=certificate.ca_file))
        try:
            assert "tls" not in ours.local
            flow = await ours.connect("tls", sockets.local["tls"], name="localhost")
            ours.send(OPTIONS % 1, flow)
            await receiver.next("message")
        finally:
            await ours.stop()

    run(check, certificate)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionRefusedError(111, "SipConnection refused"), "SipConnection refused"),
        (TimeoutError(), "timed out"),
        (ssl.SSLError(1, "wrong version"), "TLS failed: "),
        (OSError("no target"), "no target"),
    ],
)
def test_why_a_connection_could_not_be_opened(error: OSError, text: str) -> None:
    assert connect_failure(error).startswith(text)


def test_a_peer_that_does_not_read_is_given_up() -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        _, writer = await asyncio.open_connection(*sockets.local["tcp"])
        writer.write(OPTIONS % 1)
        _, flow = await receiver.next("message")
        for _ in range(200):
            sockets.send(b"x" * 100_000, flow)
        await receiver.next("failed")
        await closed(writer)

    run(check)


def test_any_port_is_one_that_is_free_for_tcp_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        create_server = socket.create_server
        tried: list[int] = []

        def taken_twice(address: tuple[str, int], **options: Any) -> socket.socket:
            tried.append(address[1])
            if len(tried) <= 2:
                raise OSError("somebody has it")
            return create_server(address, **options)

        monkeypatch.setattr(socket, "create_server", taken_twice)
        sockets = SipSockets()
        sockets.attach(Receiver())
        await sockets.start("127.0.0.1", 0)
        assert len(tried) == 3
        assert sockets.local["udp"] == sockets.local["tcp"] == ("127.0.0.1", tried[-1])
        await sockets.stop()
        tried.clear()
        with pytest.raises(OSError, match="somebody has it"):
            await sockets.start("127.0.0.1", sockets.local["udp"][1])
        assert len(tried) == 1  # a port that was asked for is not replaced

    asyncio.run(main())


def test_a_flood_is_read_in_bursts() -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            for number in range(100):
                peer.sendto(OPTIONS % number, sockets.local["udp"])
            for _ in range(100):
                await receiver.next("message")

    run(check)


def test_the_answer_to_a_keep_alive_needs_no_answer() -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        reader, writer = await asyncio.open_connection(*sockets.local["tcp"])
        writer.write(b"\r\n" + OPTIONS % 1)
        await receiver.next("message")
        writer.write(b"\r\n\r\n")
        assert await reader.readexactly(2) == b"\r\n"
        await closed(writer)

    run(check)


def test_what_is_being_opened_ends_with_the_sockets() -> None:
    async def main() -> None:
        sockets, receiver = SipSockets(), Receiver()
        sockets.attach(receiver)
        nobody = Flow("udp", ("127.0.0.1", 1), ("127.0.0.1", 9))
        sockets.send(b"too early", nobody)
        await sockets.start("127.0.0.1", 0)
        with socket.socket() as full:  # its queue takes one connection, and nobody accepts
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            opening = [
                asyncio.ensure_future(sockets.connect("tls", full.getsockname(), name=name))
                for name in ("a.example.com", "b.example.com")
            ]
            await asyncio.wait(opening, timeout=0.05)
            await sockets.stop()
            for task in opening:
                with pytest.raises((OSError, asyncio.CancelledError)):
                    await task

    asyncio.run(main())


@pytest.mark.parametrize("verify", [True, False])
def test_whoever_is_called_may_show_any_certificate_where_that_is_wanted(
    certificate: TlsFiles, verify: bool
) -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        ours = SipSockets()
        ours.attach(receiver)
        await ours.start("127.0.0.1", 0)
        if not verify:
            await ours.start_tls("127.0.0.1", 0, TlsFiles(verify=False))
        connecting = ours.connect("tls", sockets.local["tls"])
        if verify:
            with pytest.raises(ssl.SSLCertVerificationError):
                await connecting
        else:
            assert (await connecting).transport == "tls"
        await ours.stop()

    run(check, certificate)


def test_half_a_keep_alive_needs_no_answer_and_a_connection_that_never_was_takes_nothing() -> None:
    async def check(sockets: SipSockets, receiver: Receiver) -> None:
        never = SipConnection(sockets, "tcp")
        never.buffer_updated(1)
        assert not never.send(b"x")
        never.close()
        never.give_way()
        never.connection_lost(None)
        reader, writer = await asyncio.open_connection(*sockets.local["tcp"])
        writer.write(OPTIONS % 1)
        _, flow = await receiver.next("message")
        ours = sockets._connections[flow.connection]
        ours.get_buffer(2)[:2] = b"\r\n"
        ours.buffer_updated(2)
        sockets.send(b"first", flow)
        assert await reader.readexactly(5) == b"first"
        await closed(writer)
        assert receiver.seen.empty()

    run(check)
