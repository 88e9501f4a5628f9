"""What strangers can do with connections, and what they cannot (calls.md §5)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from structlog.testing import capture_logs
from tests.wire.kit.certificates import Authority

from hookflash.adapters.sip_connection import SipConnection, SipLimits, StreamGuard
from hookflash.adapters.sip_sockets import SipSockets, TlsFiles
from hookflash.adapters.source_rate import SourceRate
from hookflash.base.errors import SipError
from hookflash.sip.flow import Flow
from hookflash.sip.message import Request, Response

OPTIONS = (
    b"OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK%d\r\n"
    b"From: <sip:b@127.0.0.1>;tag=1\r\nTo: <sip:a@127.0.0.1>\r\nCall-ID: c\r\n"
    b"CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)
SOON = 0.05
"""Seconds of a limit that a test waits for."""


class Receiver:
    """Answers each request with so many octets, and counts."""

    def __init__(self, sockets: SipSockets, answer: bytes) -> None:
        self._sockets, self._answer = sockets, answer
        self.flows: list[Flow] = []
        self.bad = 0

    def message_received(self, message: Request | Response, flow: Flow) -> None:
        self.flows.append(flow)
        if self._answer:
            self._sockets.send(self._answer, flow)

    def bad_message(self, error: SipError, flow: Flow) -> None:
        self.bad += 1

    def flow_failed(self, flow: Flow) -> None:
        pass


class Lab:
    """Sockets that listen, and connections to them that are closed in the end."""

    def __init__(self, sockets: SipSockets, receiver: Receiver) -> None:
        self.sockets, self.receiver = sockets, receiver
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(
        self, data: bytes = b"", tls: ssl.SSLContext | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """One more, over which `data` is sent."""
        before = self.sockets._next
        reader, writer = await asyncio.open_connection(
            *self.sockets.local["tls" if tls else "tcp"], ssl=tls
        )
        self._writers.append(writer)
        await self.until(lambda: self.sockets._next != before)
        writer.write(data)
        return reader, writer

    @property
    def connections(self) -> list[SipConnection]:
        """Those that the sockets have, oldest first."""
        return list(self.sockets.open_connections())

    async def until(self, true: Callable[[], object]) -> None:
        """Let the loop turn until it is."""
        loop = asyncio.get_running_loop()
        while not true():
            turned = asyncio.Event()
            loop.call_later(0.001, turned.set)
            await turned.wait()

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def closed(reader: asyncio.StreamReader) -> bytes:
    """What came until the connection was closed, or cut."""
    came = b""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(1 << 16):
            came += piece
    return came


Story = Callable[[Lab], Awaitable[None]]


def run(
    story: Story,
    *,
    answer: bytes = b"",
    tls: TlsFiles | None = None,
    ip: str = "127.0.0.1",
    **guard: Any,
) -> None:
    """Against sockets on loopback ports, with both loops."""

    async def main() -> None:
        sockets = SipSockets(StreamGuard(**guard))
        receiver = Receiver(sockets, answer)
        sockets.attach(receiver)
        await sockets.start(ip, 0)
        if tls is not None:
            await sockets.start_tls("127.0.0.1", 0, tls)
        lab = Lab(sockets, receiver)
        try:
            async with asyncio.timeout(20):
                await story(lab)
                await lab.close()
                await lab.until(lambda: not lab.connections)
        finally:
            await sockets.stop()
        assert sockets.guard.held == 0
        assert len(sockets.guard.connections) == 0

    asyncio.run(main())
    uvloop.run(main())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    authority = Authority.create(tmp_path_factory.mktemp("tls") / "ca")
    cert, key = authority.issue("host", to="IP:127.0.0.1")
    return TlsFiles(str(cert), str(key), ca_file=str(authority.file))


@pytest.mark.parametrize(
    "data", [b"", b"\r\n\r\n", b"OPTIONS", OPTIONS[:-3], b"SIP/2.0 nonsense\r\nl: 0\r\n\r\n"]
)
def test_who_has_not_said_anything_whole_is_closed(data: bytes) -> None:
    async def story(lab: Lab) -> None:
        reader, _ = await lab.connect(data)
        assert await closed(reader) in {b"", b"\r\n"}

    run(story, limits=SipLimits(first_message=SOON), in_use=lambda _: True)


def test_who_has_may_stay() -> None:
    async def story(lab: Lab) -> None:
        reader, writer = await lab.connect(OPTIONS % 1)
        silent, _ = await lab.connect()
        await closed(silent)
        writer.write(OPTIONS % 2)
        assert await reader.readexactly(12) == b"answeranswer"

    run(story, answer=b"answer", limits=SipLimits(first_message=SOON))


def test_a_connection_without_traffic_is_closed_unless_a_call_needs_it() -> None:
    needed: list[int] = []

    async def story(lab: Lab) -> None:
        needed[:] = [1]
        _, writer = await lab.connect(OPTIONS % 1)
        await lab.until(lambda: lab.receiver.flows)
        other, _ = await lab.connect(OPTIONS % 2)
        await closed(other)
        writer.write(OPTIONS % 3)
        await lab.until(lambda: len(lab.receiver.flows) == 3)
        needed.clear()
        await lab.until(lambda: not lab.connections)

    run(story, limits=SipLimits(idle=SOON), in_use=lambda flow: flow.connection in needed)


def test_connections_of_ours_have_no_first_message_to_wait_for() -> None:
    async def story(lab: Lab) -> None:
        ours = await lab.sockets.connect("tcp", lab.sockets.local["tcp"])
        await lab.until(lambda: len(lab.connections) == 2)
        theirs, _ = await lab.connect()
        await closed(theirs)
        # The other end of it is a silent peer's; that it is closed may be read a turn later.
        await lab.until(lambda: not lab.sockets.is_open(ours))

    async def alone(lab: Lab) -> None:
        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(accepted, "127.0.0.1", 0)
        ours = await lab.sockets.connect("tcp", server.sockets[0].getsockname())
        silent, _ = await lab.connect()
        await closed(silent)
        assert lab.sockets.is_open(ours)
        for connection in lab.connections:
            connection.close()
        await lab.until(lambda: not lab.connections)
        server.close()

    run(story, limits=SipLimits(first_message=SOON))
    run(alone, limits=SipLimits(first_message=SOON))


@pytest.mark.parametrize(
    "part", [OPTIONS[:30], OPTIONS.replace(b"Length: 0", b"Length: 9") + b"1234"]
)
def test_a_message_that_does_not_end_is_waited_for_so_long(part: bytes) -> None:
    async def story(lab: Lab) -> None:
        reader, _ = await lab.connect(OPTIONS % 1 + part)
        await lab.until(lambda: lab.receiver.flows)
        assert await closed(reader) == b"answer"

    run(story, answer=b"answer", limits=SipLimits(one_message=SOON), in_use=lambda _: True)


def test_unfinished_messages_of_all_have_one_bound_and_the_largest_goes() -> None:
    async def story(lab: Lab) -> None:
        large, _ = await lab.connect(b"OPTIONS x" + b"x" * 40_000)
        await lab.until(lambda: lab.sockets.guard.held > 40_000)
        small = [(await lab.connect(b"OPTIONS x" + b"x" * 15_000))[1] for _ in range(6)]
        await closed(large)
        await lab.until(lambda: len(lab.connections) == 6)
        for writer in small:
            writer.write(b"x" * 15_000)
        await lab.until(lambda: len(lab.connections) < 6)
        assert lab.sockets.guard.held <= 100_000

    run(story, limits=SipLimits(held=100_000))


@pytest.mark.parametrize("over_tls", [False, True])
def test_who_does_not_read_is_not_read_either_and_then_closed(
    files: TlsFiles, over_tls: bool
) -> None:
    answer = b"a" * 10_000

    async def story(lab: Lab) -> None:
        context = ssl.create_default_context(cafile=files.ca_file) if over_tls else None
        _, writer = await lab.connect(tls=context)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        (connection,) = lab.connections
        writer.write(b"".join(OPTIONS % number for number in range(5000)))
        await lab.until(lambda: connection._unread)
        other, _ = await lab.connect(OPTIONS % 1)
        await other.readexactly(len(answer))  # the others are served
        assert connection._wire is not None
        assert connection._wire.get_write_buffer_size() < 300_000
        await lab.until(lambda: connection not in lab.connections)
        assert len(lab.receiver.flows) < 3000  # what the buffers of the system take

    run(story, answer=answer, tls=files, limits=SipLimits(unread=0.5))


def test_who_reads_again_is_read_again() -> None:
    async def story(lab: Lab) -> None:
        reader, writer = await lab.connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"".join(OPTIONS % number for number in range(3000)))
        (connection,) = lab.connections
        await lab.until(lambda: connection._unread)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await reader.readexactly(3000 * 10_000)) == 30_000_000

    run(story, answer=b"a" * 10_000)


def test_a_flood_is_worked_on_to_its_end() -> None:
    async def story(lab: Lab) -> None:
        count = 5000
        for _ in range(3):
            await lab.connect(b"".join(OPTIONS % number + b"\r\n\r\n" for number in range(count)))
        await lab.until(lambda: len(lab.receiver.flows) == 3 * count)
        assert lab.receiver.bad == 0

    run(story)


def test_who_waits_for_its_turn_waits_once() -> None:
    """Whatever else comes from it, or that its peer reads again: it is worked on in its turn."""

    async def story(lab: Lab) -> None:
        await lab.connect()
        (connection,) = lab.connections
        more = OPTIONS % 1

        def comes(data: bytes) -> None:
            connection.get_buffer(len(data))[: len(data)] = data
            connection.buffer_updated(len(data))

        comes(more * 10)  # more than one portion
        waiting, held = lab.sockets.guard.turns._waiting, lab.sockets.guard.held
        assert list(waiting) == [connection]
        comes(more)
        connection.pause_writing()
        connection.resume_writing()
        assert list(waiting) == [connection]
        assert lab.sockets.guard.held == held + len(more)
        await lab.until(lambda: not waiting)
        assert len(lab.receiver.flows) == 11

    run(story)


def test_who_sends_too_much_is_read_later() -> None:
    async def story(lab: Lab) -> None:
        lab.sockets.guard.rate = rate = SourceRate(asyncio.get_running_loop().time, 10)
        await lab.connect(b"".join(OPTIONS % number for number in range(25)))
        (connection,) = lab.connections
        await lab.until(lambda: connection._slowed)
        assert len(lab.receiver.flows) == 11
        assert rate.over("127.0.0.1")
        await lab.until(lambda: len(lab.receiver.flows) == 25)

    run(story)


def test_datagrams_of_who_sends_too_much_are_dropped_and_counted() -> None:
    async def story(lab: Lab) -> None:
        rate = lab.sockets.guard.rate
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            for number in range(30):
                peer.sendto(OPTIONS % number, lab.sockets.local["udp"])
            dropped = rate.dropped
            await lab.until(lambda: len(lab.receiver.flows) + rate.dropped - dropped == 30)
        assert len(lab.receiver.flows) == (10 if not dropped else 0)

    run(story, rate=SourceRate(lambda: 0.0, 10))


def test_listening_on_both_families_each_ipv4_peer_is_counted_for_itself() -> None:
    rate = SourceRate(lambda: 0.0, 20)

    async def story(lab: Lab) -> None:
        port = lab.sockets.local["udp"][1]
        for ip in ("127.0.0.2", "127.0.0.3"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.bind((ip, 0))
                for number in range(10):
                    peer.sendto(OPTIONS % number, ("127.0.0.1", port))
        await lab.until(lambda: len(lab.receiver.flows) + rate.dropped == 20)
        assert {flow.remote[0] for flow in lab.receiver.flows} == {"127.0.0.2", "127.0.0.3"}

    run(story, ip="::", rate=rate)
    assert rate.dropped == 0
    assert set(rate._windows) == {"127.0.0.2", "127.0.0.3"}


def test_an_error_of_the_network_does_not_end_the_reading_of_datagrams() -> None:
    async def story(lab: Lab) -> None:
        here = lab.sockets.local["udp"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            remote = peer.getsockname()
        assert lab.sockets._udp is not None
        lab.sockets._udp._socket.connect(remote)  # so the kernel tells what ICMP answers
        lab.sockets.send(b"x", Flow("udp", here, remote))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(remote)
            peer.sendto(OPTIONS % 1, here)
            await lab.until(lambda: lab.receiver.flows)

    with capture_logs() as logs:
        run(story)
    assert [line["event"] for line in logs] == ["sip_udp_error"] * 2
    assert all("refused" in line["error"] for line in logs)


def test_the_longest_silent_connection_makes_room_but_none_with_a_call() -> None:
    calls: list[int] = []

    async def story(lab: Lab) -> None:
        await lab.connect(OPTIONS % 1)
        silent, _ = await lab.connect()
        talks, writer = await lab.connect()
        calls[:] = [lab.connections[0].flow.connection]  # type: ignore[union-attr]
        writer.write(OPTIONS % 2)
        await lab.until(lambda: len(lab.receiver.flows) == 2)
        kept = lab.connections
        await lab.connect()
        await closed(silent)
        await lab.until(lambda: len(lab.connections) == 3)
        for _ in range(4):  # it was heard once, but so long ago
            await lab.connect()
        await closed(talks)
        await lab.until(lambda: len(lab.connections) == 3)
        assert kept[0] in lab.connections

    run(story, most=3, in_use=lambda flow: flow.connection in calls)


def test_one_address_has_a_limit_of_its_own() -> None:
    async def story(lab: Lab) -> None:
        first, _ = await lab.connect()
        for _ in range(3):
            await lab.connect()
        await closed(first)
        await lab.until(lambda: len(lab.connections) == 3)

    run(story, most=100, most_of_one=3)


def test_nobody_is_taken_where_all_have_calls() -> None:
    async def story(lab: Lab) -> None:
        await lab.connect(OPTIONS % 1)
        await lab.until(lambda: lab.receiver.flows)
        lab.connections[0]._stirred = False
        reader, writer = await asyncio.open_connection(*lab.sockets.local["tcp"])
        assert await closed(reader) == b""
        writer.close()
        assert len(lab.connections) == 1

    run(story, most=1, in_use=lambda _: True)


@pytest.mark.parametrize("hello", [b"", b"\x16\x03\x01\x02\x00\x01"])
def test_a_handshake_that_does_not_end_is_closed(files: TlsFiles, hello: bytes) -> None:
    async def story(lab: Lab) -> None:
        reader, writer = await asyncio.open_connection(*lab.sockets.local["tls"])
        writer.write(hello)
        await closed(reader)
        writer.close()

    run(story, tls=files, limits=SipLimits(handshake=SOON))


def test_handshakes_have_a_limit_and_the_oldest_goes(files: TlsFiles) -> None:
    async def story(lab: Lab) -> None:
        halves = [await asyncio.open_connection(*lab.sockets.local["tls"]) for _ in range(5)]
        for reader, writer in halves[:2]:
            await closed(reader)
            writer.close()
        whole = ssl.create_default_context(cafile=files.ca_file)
        reader, _ = await lab.connect(OPTIONS % 1, tls=whole)
        assert await reader.readexactly(6) == b"answer"
        await closed(halves[2][0])
        for _, writer in halves[2:]:
            writer.close()

    run(story, answer=b"answer", tls=files, limits=SipLimits(handshakes=3, handshakes_of_one=0))
