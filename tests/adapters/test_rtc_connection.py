"""What clients can do over TCP, and what strangers cannot (RFC 6544, RFC 4571)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from hookflash.adapters.rtc_connection import LONGEST_DATAGRAM, RtcLimits, RtcPath, TcpPath
from hookflash.adapters.rtc_socket import RtcSockets
from hookflash.webrtc import stun

SOON = 0.05
"""Seconds of a limit that a test waits for."""
CHECK = stun.request(bytes(12))


def framed(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


class Lab:
    """Sockets that listen, the owner that notes what comes in, and clients."""

    def __init__(self, limits: RtcLimits, *, admit: bool = True) -> None:
        self.sockets = RtcSockets(self, limits=limits)
        self.admit = admit
        self.packets: list[tuple[RtcPath, bytes]] = []
        self.turns: list[int] = []
        """Packets in each turn of the loop."""
        self.gone: list[RtcPath] = []
        self.checked: set[RtcPath] = set()
        self.writers: list[asyncio.StreamWriter] = []
        self._same_turn = False
        self._changed = asyncio.Event()

    def received(self, path: RtcPath, data: bytes, now: float) -> None:
        self.packets.append((path, data))
        if self.admit and stun.is_stun(data):
            self.checked.add(path)
        if not self._same_turn:
            self._same_turn = True
            self.turns.append(0)
            asyncio.get_running_loop().call_soon(self._next_turn)
        self.turns[-1] += 1
        self._changed.set()

    def admits(self, path: RtcPath) -> bool:
        return path in self.checked

    def closed(self, path: RtcPath) -> None:
        assert isinstance(path, TcpPath)
        assert path.closed
        self.gone.append(path)
        self._changed.set()

    async def until(self, true: Callable[[], object]) -> None:
        while not true():
            self._changed.clear()
            await self._changed.wait()

    async def connect(self, data: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.sockets.tcp_port)
        self.writers.append(writer)
        writer.write(data)
        return reader, writer

    async def admitted(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, TcpPath]:
        """A connection that has been checked."""
        before = len(self.packets)
        reader, writer = await self.connect(framed(CHECK))
        await self.until(lambda: len(self.packets) > before)
        path = self.packets[-1][0]
        assert isinstance(path, TcpPath)
        return reader, writer, path

    def dropped(self) -> dict[str, int]:
        """What was, without the zeros."""
        return {why: count for why, count in self.sockets.dropped.items() if count}

    def _next_turn(self) -> None:
        self._same_turn = False


@asynccontextmanager
async def lab(*, admit: bool = True, **limits: Any) -> AsyncIterator[Lab]:
    made = Lab(RtcLimits(**limits), admit=admit)
    await made.sockets.start(["127.0.0.1"], 0, 0)
    try:
        yield made
    finally:
        for writer in made.writers:
            writer.transport.abort()
        await made.sockets.stop()


async def ended(reader: asyncio.StreamReader) -> None:
    """Read on until the other side has closed."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(65_536):
            pass


def run(story: Callable[[], Awaitable[Any]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 30))
    uvloop.run(asyncio.wait_for(story(), 30))


def test_frames_in_both_directions() -> None:
    async def story() -> None:
        async with lab() as here:
            reader, writer, path = await here.admitted()
            assert not path.closed
            assert path.remote == writer.get_extra_info("sockname")
            path.send(b"answer")
            path.send(b"")
            path.send(bytes(65_535))
            assert await reader.readexactly(8) == framed(b"answer")
            assert await reader.readexactly(2) == b"\0\0"
            assert await reader.readexactly(65_537) == framed(bytes(65_535))
            path.send(bytes(65_536))
            assert here.dropped() == {"too_long": 1}

    run(story)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_frames_in_pieces(size: int) -> None:
    frames = [CHECK, b"", b"a", bytes(300), CHECK, bytes(65_535), b"end"]

    async def story() -> None:
        async with lab() as here:
            _, writer = await here.connect()
            data = b"".join(framed(frame) for frame in frames)
            if size < 1000:
                data = b"".join(framed(frame) for frame in [*frames[:-2], b"end"])
            for start in range(0, len(data), size):
                writer.write(data[start : start + size])
                if start < 4000:
                    await writer.drain()
            await here.until(lambda: here.packets and here.packets[-1][1] == b"end")
            got = [frame for _, frame in here.packets]
            assert got == (frames if size == 1000 else [*frames[:-2], b"end"])
            assert len({path for path, _ in here.packets}) == 1

    run(story)


def test_pieces_that_are_one_octet_each() -> None:
    """Each arrives before the next one leaves."""

    async def story() -> None:
        async with lab() as here:
            _, writer, path = await here.admitted()
            for octet in framed(b"packet"):
                before = path._read[:]
                writer.write(bytes((octet,)))
                while path._read == before and len(here.packets) == 1:
                    await asyncio.wait({asyncio.ensure_future(_turn())})
            assert [frame for _, frame in here.packets] == [CHECK, b"packet"]

    run(story)


async def _turn() -> None:
    """One turn of the loop."""
    done = asyncio.Event()
    asyncio.get_running_loop().call_soon(done.set)
    await done.wait()


@pytest.mark.parametrize(
    "data",
    [
        framed(b"GET / HTTP/1.1\r\n\r\n"),
        b"GET / HTTP/1.1\r\n\r\n",
        framed(b""),
        framed(b"\x16\xfe\xff" + bytes(40)),
        (LONGEST_DATAGRAM + 1).to_bytes(2, "big"),
    ],
)
def test_who_does_not_begin_with_stun_is_closed(data: bytes) -> None:
    async def story() -> None:
        async with lab() as here:
            reader, _ = await here.connect(data)
            await ended(reader)
            await here.until(lambda: here.gone)
            assert here.packets == []
            assert here.dropped() == {"tcp_no_stun": 1}
            assert here.sockets.connections == 0

    run(story)


def test_a_stranger_sends_small_frames_only() -> None:
    async def story() -> None:
        async with lab(admit=False) as here:
            reader, writer = await here.connect(framed(CHECK))
            await here.until(lambda: here.packets)
            writer.write((LONGEST_DATAGRAM + 1).to_bytes(2, "big"))
            await ended(reader)
            assert here.dropped() == {"too_long": 1}

    run(story)


@pytest.mark.parametrize("data", [b"", b"\x00", framed(CHECK)[:-1], framed(CHECK)])
def test_who_is_not_admitted_in_time_is_closed(data: bytes) -> None:
    """Whether nothing came, half a frame, or a check that was not good."""

    async def story() -> None:
        async with lab(admit=False, first_check=SOON) as here:
            reader, _ = await here.connect(data)
            await ended(reader)
            await here.until(lambda: here.gone)
            assert here.dropped() == {"tcp_silent": 1}

    run(story)


def test_who_is_admitted_stays_while_it_is() -> None:
    async def story() -> None:
        async with lab(first_check=0.5, look=SOON) as here:
            reader, _, path = await here.admitted()
            asked: list[bool] = []
            looked = asyncio.Event()

            def admits(_: RtcPath) -> bool:
                asked.append(len(asked) < 3)
                looked.set()
                return asked[-1]

            here.admits = admits  # type: ignore[method-assign,assignment]
            await ended(reader)
            await here.until(lambda: here.gone)
            assert asked == [True, True, True, False]
            assert here.gone == [path]
            assert here.dropped() == {"tcp_silent": 1}

    run(story)


def test_strangers_of_one_address_make_room_for_each_other() -> None:
    async def story() -> None:
        async with lab(strangers_of_one=2) as here:
            _, _, path = await here.admitted()
            first, _ = await here.connect()
            await here.connect()
            await here.connect()
            await ended(first)
            await here.until(lambda: here.gone)
            assert here.sockets.connections == 3
            assert not path.closed
            assert here.dropped() == {"tcp_refused": 1}

    run(story)


def test_connections_are_bounded_and_strangers_go_first() -> None:
    async def story() -> None:
        async with lab(connections=2) as here:
            _, _, first = await here.admitted()
            stranger, _ = await here.connect()
            _, _, second = await here.admitted()
            await ended(stranger)
            late, _ = await here.connect(framed(CHECK))
            await ended(late)
            assert (first.closed, second.closed) == (False, False)
            assert here.sockets.connections == 2
            assert here.dropped() == {"tcp_refused": 2}

    run(story)


def test_who_does_not_read_loses_packets_and_then_the_connection() -> None:
    async def story() -> None:
        async with lab(waiting=10_000, first_check=0.5, look=SOON, unread=SOON) as here:
            reader, writer, path = await here.admitted()
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            for _ in range(20_000):
                path.send(bytes(1200))
                await _turn()
                if here.sockets.dropped["tcp_unread"]:
                    break
            assert path._wire is not None
            waiting = path._wire.get_write_buffer_size()
            path.send(bytes(1200))
            assert path._wire.get_write_buffer_size() == waiting < 20_000
            before = here.sockets.dropped["tcp_unread"]
            await here.until(lambda: here.gone)
            assert here.sockets.dropped["tcp_unread"] == before + 1
            path.send(b"late")
            assert here.sockets.dropped["tcp_closed"] == 1
            reader.feed_eof()

    run(story)


def test_who_reads_again_has_packets_again() -> None:
    async def story() -> None:
        async with lab(waiting=10_000) as here:
            reader, writer, path = await here.admitted()
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            sent = 0
            while not here.sockets.dropped["tcp_unread"]:
                path.send(sent.to_bytes(4, "big") + bytes(1196))
                sent += 1
                await _turn()
            writer.transport.resume_reading()  # type: ignore[attr-defined]
            for number in range(sent - 1):  # the last one was dropped
                assert (await reader.readexactly(1202))[2:6] == number.to_bytes(4, "big")
            path.send(b"again")
            assert await reader.readexactly(7) == framed(b"again")

    run(story)


def test_a_flood_leaves_the_loop_to_others() -> None:
    async def story() -> None:
        async with lab() as here:
            _, writer, _ = await here.admitted()
            _, other, path = await here.admitted()
            writer.write(framed(b"x") * 20_000)
            other.write(framed(b"mine"))
            await here.until(lambda: len(here.packets) == 20_003)
            assert max(here.turns) <= 2 * 64, "one turn of each of the two"
            numbers = [n for n, (_, frame) in enumerate(here.packets) if frame == b"mine"]
            assert here.packets[numbers[0]][0] is path
            assert numbers[0] < 15_000

    run(story)


def test_a_path_that_is_closed_by_its_owner() -> None:
    async def story() -> None:
        async with lab() as here:
            reader, writer, path = await here.admitted()
            writer.write(framed(b"late"))
            path.close()
            assert path.closed
            await ended(reader)
            await here.until(lambda: here.gone)
            path.close()
            assert len(here.packets) == 1
            assert here.dropped() == {}

    run(story)


def test_a_client_that_goes() -> None:
    async def story() -> None:
        async with lab() as here:
            _, writer, path = await here.admitted()
            writer.close()
            await here.until(lambda: here.gone)
            assert here.gone == [path]
            assert here.sockets.connections == 0

    run(story)


def test_a_connection_that_has_gone_before_it_was_looked_at() -> None:
    async def story() -> None:
        async with lab() as here:
            with socket.create_connection(("127.0.0.1", here.sockets.tcp_port)) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            await here.admitted()
            while here.sockets.connections != 1:
                await _turn()

    run(story)
