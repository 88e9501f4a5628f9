"""The socket pair of a leg."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest
from tests.support.stamps import stamping

from hookflash.adapters.clock import SystemClock
from hookflash.adapters.udp import PolledSockets, UdpPair, WatchedSockets

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


def _sockets(count: int) -> tuple[list[socket.socket], socket.socket]:
    """So many that read on a port of their own, and one that sends."""
    made = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count + 1)]
    for each in made:
        each.setblocking(False)
        each.bind(("127.0.0.1", 0))
    return made[:-1], made[-1]


def test_many_sockets_are_watched_as_one() -> None:
    """Each reader is called as long as something waits at its own socket, and no longer than it is
    watched."""

    async def check() -> None:
        loop = asyncio.get_running_loop()
        watched = WatchedSockets(loop)
        (first, second), peer = _sockets(2)
        read = asyncio.Queue[bytes]()
        for sock in (first, second):
            watched.add_reader(sock.fileno(), lambda: read.put_nowait(b"before"))
        watched.add_reader(first.fileno(), lambda: read.put_nowait(first.recv(10)))
        watched.add_reader(second.fileno(), lambda: read.put_nowait(second.recv(10)))
        for number in range(2):
            peer.sendto(b"1-%d" % number, first.getsockname())
            peer.sendto(b"2-%d" % number, second.getsockname())
        assert sorted([await read.get() for _ in range(4)]) == [b"1-0", b"1-1", b"2-0", b"2-1"]
        watched.remove_reader(first.fileno())
        watched.remove_reader(first.fileno())
        peer.sendto(b"unread", first.getsockname())
        peer.sendto(b"2-2", second.getsockname())
        assert await read.get() == b"2-2"
        assert watched._epoll is not None
        assert watched._epoll.poll(0) == []  # else what is unread would wake the loop for ever
        watched.add_reader(first.fileno(), lambda: read.put_nowait(first.recv(10)))
        assert await read.get() == b"unread"
        watched.remove_reader(first.fileno())
        watched.add_reader(first.fileno(), lambda: read.put_nowait(first.recv(10)))
        peer.sendto(b"1-2", first.getsockname())
        assert await read.get() == b"1-2"
        watched.close()
        there = asyncio.Event()
        loop.add_reader(second.fileno(), there.set)
        peer.sendto(b"2-3", second.getsockname())
        await there.wait()
        assert second.recv(10) == b"2-3"
        assert read.empty()
        loop.remove_reader(second.fileno())
        for sock in (first, second, peer):
            sock.close()

    asyncio.run(check())


def test_a_reader_that_fails_or_closes_another_does_not_keep_the_rest_from_reading() -> None:
    async def check() -> None:
        loop = asyncio.get_running_loop()
        failures: list[dict[str, object]] = []
        loop.set_exception_handler(lambda _, context: failures.append(context))
        watched = WatchedSockets(loop)
        (failing, closing, closed, last), peer = _sockets(4)
        read = asyncio.Queue[bytes]()

        def fail() -> None:
            failing.recv(10)
            raise ZeroDivisionError

        def close() -> None:
            closing.recv(10)
            watched.remove_reader(closed.fileno())
            closed.close()

        watched.add_reader(failing.fileno(), fail)
        watched.add_reader(closing.fileno(), close)
        watched.add_reader(closed.fileno(), lambda: read.put_nowait(b"closed"))
        watched.add_reader(last.fileno(), lambda: read.put_nowait(last.recv(10)))
        for sock in (failing, closing, closed, last):
            peer.sendto(b"x", sock.getsockname())
        assert await read.get() == b"x"
        assert [type(each["exception"]) for each in failures] == [ZeroDivisionError]
        watched.close()
        for sock in (failing, closing, last, peer):
            sock.close()

    asyncio.run(check())


def test_a_reader_may_end_the_whole_watch() -> None:
    async def check() -> None:
        loop = asyncio.get_running_loop()
        failures: list[dict[str, object]] = []
        loop.set_exception_handler(lambda _, context: failures.append(context))
        watched = WatchedSockets(loop)
        socks, peer = _sockets(2)
        ended = asyncio.Event()

        def end() -> None:
            watched.close()
            ended.set()

        for sock in socks:
            watched.add_reader(sock.fileno(), end)
            peer.sendto(b"x", sock.getsockname())
        await ended.wait()
        assert failures == []
        for sock in (*socks, peer):
            sock.close()

    asyncio.run(check())


def test_one_who_watched_nothing_closes_as_well() -> None:
    loop = asyncio.new_event_loop()
    WatchedSockets(loop).close()
    loop.close()


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


async def _flooded() -> None:
    """A stranger's packets beside those of a call, until the loop reads again."""
    loop = asyncio.get_running_loop()
    polled = PolledSockets()
    pairs = [UdpPair(loop, "127.0.0.1", PORT + 10 + 2 * number) for number in range(2)]
    read = [0, 0]

    def reader(number: int) -> Callable[[float, float], object]:
        def one(now: float, shift: float) -> None:
            pairs[number].receive_stamped(bytearray(9), now, shift)
            read[number] += 1

        return one

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for number, pair in enumerate(pairs):
            pair.watch(lambda: None, lambda: None)
            assert pair.poll(polled, reader(number), pair.unpoll)
        for number, count in enumerate((60, 50)):
            for _ in range(count):
                peer.sendto(b"x", ("127.0.0.1", PORT + 10 + 2 * number))
        polled.read(0.0, 0.0)
        assert read == [50, 50]
        peer.sendto(b"x", ("127.0.0.1", PORT + 12))
        polled.read(0.0, 0.0)
        assert read == [50, 51]  # the first one is the loop's
    for pair in pairs:
        pair.close()
    polled.close()


def test_a_port_that_is_flooded_is_read_by_the_loop() -> None:
    asyncio.run(_flooded())


async def _polled() -> None:
    loop, clock = asyncio.get_running_loop(), SystemClock()
    pair, polled = UdpPair(loop, "127.0.0.1", PORT + 6), PolledSockets()
    by_loop: asyncio.Queue[int] = asyncio.Queue()
    pair.watch(lambda: by_loop.put_nowait(pair.receive(bytearray(9))[0]), lambda: None)
    read: list[tuple[int, float]] = []

    def reader(now: float, shift: float) -> None:
        size, _, at = pair.receive_stamped(bytearray(9), now, shift)
        read.append((size, at - now))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        assert pair.poll(polled, reader, lambda: None)
        before = clock.now()
        for size in (1, 2, 3):
            peer.sendto(bytes(size), ("127.0.0.1", PORT + 6))
        after = clock.now()
        await loop.run_in_executor(None, int)  # turns in which the loop would have read them
        now = clock.now()
        polled.read(now, now - clock.world())
        assert [size for size, _ in read] == [1, 2, 3]
        assert all(before - 0.001 < now + waited < after + 0.001 for _, waited in read)
        assert by_loop.empty()
        pair.unpoll()
        pair.unpoll()
        peer.sendto(b"1234", ("127.0.0.1", PORT + 6))
        assert await by_loop.get() == 4
        polled.read(now, 0.0)
        assert pair.poll(polled, reader, lambda: None)
        pair.close()
        polled.read(now, 0.0)
        assert len(read) == 3
    polled.close()
    PolledSockets().close()


def test_a_polled_port_wakes_nobody_and_says_when_each_datagram_came() -> None:
    with stamping():
        asyncio.run(_polled())


def test_where_the_system_does_not_say_when_the_loop_reads_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    loop = asyncio.new_event_loop()
    pair = UdpPair(loop, "127.0.0.1", PORT + 8)
    assert not pair.poll(PolledSockets(), lambda now, shift: None, lambda: None)
    pair.close()
    loop.close()
