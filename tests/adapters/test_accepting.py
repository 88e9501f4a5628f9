"""Connections are taken, and wait where there are no files."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Awaitable, Callable
from typing import Any, cast

import uvloop
from structlog.testing import capture_logs

from hookflash.adapters.accepting import PAUSE, Acceptor
from hookflash.adapters.open_files import OpenFiles


class Greeting(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        wire = cast(asyncio.Transport, transport)
        wire.write(b"hello")
        wire.close()


class Watched(socket.socket):
    """A listening socket that tells how it is asked for connections."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(fileno=sock.detach())
        self.asked = asyncio.Event()
        self.turns: list[int] = []
        """How often in each turn of the loop."""
        self._same_turn = False

    def accept(self) -> tuple[socket.socket, Any]:
        self.asked.set()
        if not self._same_turn:
            self._same_turn = True
            self.turns.append(0)
            asyncio.get_running_loop().call_soon(self._next_turn)
        self.turns[-1] += 1
        return super().accept()

    def _next_turn(self) -> None:
        self._same_turn = False


def run(story: Callable[[], Awaitable[Any]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 20))
    uvloop.run(asyncio.wait_for(story(), 20))


def listening() -> socket.socket:
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


async def greeting(address: Any) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    try:
        return await reader.read()
    finally:
        writer.close()


def test_connections_are_taken_until_it_is_closed() -> None:
    async def story() -> None:
        sockets = [listening(), listening()]
        addresses = [sock.getsockname() for sock in sockets]
        files = OpenFiles(asyncio.get_running_loop().time)
        acceptor = Acceptor(sockets, Greeting, files, lambda: None, "tests")
        for address in addresses:
            assert await greeting(address) == b"hello"
        acceptor.close()
        for address in addresses:
            try:
                await greeting(address)
            except OSError:
                continue
            raise AssertionError("it listens still")

    run(story)


def test_so_many_are_taken_in_one_turn_and_the_others_in_the_next() -> None:
    async def story() -> None:
        sock = Watched(listening())
        address = sock.getsockname()
        waiting = [socket.create_connection(address) for _ in range(5)]
        files = OpenFiles(asyncio.get_running_loop().time)
        acceptor = Acceptor([sock], Greeting, files, lambda: None, "tests", at_once=2)
        for each in waiting:
            each.setblocking(False)
            assert await asyncio.get_running_loop().sock_recv(each, 100) == b"hello"
            each.close()
        assert sock.turns == [2, 2, 2]  # the sixth finds nobody
        acceptor.close()

    run(story)


def test_another_error_costs_nobody_a_connection_and_is_tried_again() -> None:
    async def story() -> None:
        bound = socket.socket()
        bound.bind(("127.0.0.1", 0))  # nobody may connect: it does not listen yet
        bound.setblocking(False)
        sock, room = Watched(bound), list[str]()
        files = OpenFiles(asyncio.get_running_loop().time)
        acceptor = Acceptor([sock], Greeting, files, lambda: room.append("made"), "tests")
        await sock.asked.wait()
        sock.listen()
        assert await greeting(sock.getsockname()) == b"hello"
        assert room == []
        acceptor.close()

    with capture_logs() as logs:
        run(story)
    assert logs == []


def test_closed_while_it_waits_for_files_it_does_not_try_again() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def story() -> None:
        loop = asyncio.get_running_loop()
        left: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, what: left.append(what))
        asked, later = asyncio.Event(), asyncio.Event()
        sock = Watched(listening())
        with socket.create_connection(sock.getsockname()):
            last = socket.dup(sock.fileno())
            socket.close(last)
            resource.setrlimit(resource.RLIMIT_NOFILE, (last, hard))
            try:
                acceptor = Acceptor([sock], Greeting, OpenFiles(loop.time), asked.set, "tests")
                await asked.wait()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            acceptor.close()
            loop.call_later(PAUSE, later.set)  # after the next try would have been
            await later.wait()
        assert (sock.turns, left) == ([1], [])

    run(story)


def test_without_files_they_wait_and_the_log_says_so() -> None:
    """The loop's own server would take and close them, and say nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def story() -> None:
        asked = asyncio.Event()
        sock = listening()
        address = sock.getsockname()
        files = OpenFiles(asyncio.get_running_loop().time)
        waiting = [socket.create_connection(address) for _ in range(3)]
        last = socket.dup(sock.fileno())
        socket.close(last)
        resource.setrlimit(resource.RLIMIT_NOFILE, (last, hard))
        try:
            acceptor = Acceptor([sock], Greeting, files, asked.set, "tests")
            await asked.wait()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for each in waiting:
            each.setblocking(False)
            assert await asyncio.get_running_loop().sock_recv(each, 100) == b"hello"
            each.close()
        acceptor.close()

    with capture_logs() as logs:
        run(story)
    assert {(line["event"], line["needed_for"]) for line in logs} == {("no_open_files", "tests")}
