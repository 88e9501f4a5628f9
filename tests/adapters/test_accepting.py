"""Connections are taken, and wait where there are no files."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Awaitable, Callable
from typing import Any, cast

import uvloop
from structlog.testing import capture_logs

from hookflash.adapters.accepting import Acceptor
from hookflash.adapters.open_files import OpenFiles


class Greeting(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        wire = cast(asyncio.Transport, transport)
        wire.write(b"hello")
        wire.close()


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
