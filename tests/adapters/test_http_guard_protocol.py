"""A connection whose protocol the test has in hand: WebSockets, and clients that read again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
import uvloop
from tests.adapters.test_http_guard import GET, PATIENT, SMALL, App, Client
from uvicorn import Config
from uvicorn.server import ServerState

from hookflash.adapters.connections import Connections
from hookflash.adapters.http_guard import GuardedHttp, HttpGuard, HttpLimits

UPGRADE = GET + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"


class Switched(asyncio.Protocol):
    """Stands for uvicorn's WebSocket protocol, which takes over the connection and its request."""

    def __init__(self, config: Config, server_state: ServerState, app_state: object) -> None:
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Server:
    """One that listens, and the protocols of its connections."""

    def __init__(self, limits: HttpLimits) -> None:
        self.connections = Connections(most=1)
        self.guard = HttpGuard(limits, self.connections)
        self.made: asyncio.Queue[GuardedHttp] = asyncio.Queue()
        self._config = Config(App(), http="httptools", ws=Switched, lifespan="off", loop="none")
        self._config.load()
        self._state = ServerState()
        self._clients: list[Client] = []

    async def start(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(self._make, "127.0.0.1", 0)

    def _make(self) -> GuardedHttp:
        made = GuardedHttp(self._config, self._state, {}, self.guard)
        self.made.put_nowait(made)
        return made

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """The requests that are answered."""
        return self._state.tasks

    async def client(self) -> tuple[Client, GuardedHttp]:
        """One more connection: its two ends."""
        address = self._server.sockets[0].getsockname()
        self._clients.append(Client(*await asyncio.open_connection(*address)))
        return self._clients[-1], await self.made.get()

    def close(self) -> None:
        for client in self._clients:
            client.writer.close()
        self._server.close()
        self.guard.stop()


def run(story: Callable[[Server], Awaitable[Any]], limits: HttpLimits) -> None:
    """On both loops."""

    async def main() -> None:
        server = Server(limits)
        await server.start()
        try:
            await asyncio.wait_for(story(server), 20)
        finally:
            server.close()

    asyncio.run(main())
    uvloop.run(main())


def test_a_websocket_is_none_of_it() -> None:
    """Neither its time nor its octets count, nor its connection."""

    async def story(server: Server) -> None:
        socket, _ = await server.client()
        await socket.send(UPGRADE)
        assert await socket.reader.readuntil(b"\r\n\r\n")
        assert (len(server.connections), server.guard.held) == (0, 0)
        silent, _ = await server.client()
        await silent.closed()  # for its time is over
        for _ in range(50):
            await socket.send(b"a" * 1000)
            assert await socket.reader.readexactly(1000)

    run(story, SMALL)


def test_what_came_with_the_request_for_a_websocket_is_no_request() -> None:
    """However long: an answer of HTTP would be the other protocol's octets."""

    async def story(server: Server) -> None:
        socket, protocol = await server.client()
        protocol.data_received(UPGRADE + b"a" * 50_000)
        echo = await socket.reader.readuntil(b"\r\n\r\n")
        assert echo.startswith(b"GET / HTTP/1.1\r\n")
        await socket.send(b"next")
        assert await socket.reader.readexactly(4) == b"next"
        assert server.guard.held == 0

    run(story, SMALL)


def test_who_reads_his_answer_again_is_not_closed_for_the_pause() -> None:
    async def story(server: Server) -> None:
        loop = asyncio.get_running_loop()
        client, protocol = await server.client()
        await client.send(b"GET /large HTTP/1.1\r\n\r\n")
        while not protocol.look(loop.time()):  # until more waits than the kernel takes
            turned = asyncio.Event()
            loop.call_soon(turned.set)
            await turned.wait()
        for request in (b"", GET + b"\r\n"):
            await client.send(request)
            assert await client.status() == 200
        assert not protocol.look(loop.time() + 2 * PATIENT.send_time)

    run(story, PATIENT)


@pytest.mark.parametrize("refused", [True, False])
def test_who_answers_one_of_several_requests_is_told_that_nobody_is_there(
    refused: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Else it goes on to write, to a transport that is closed: a trace in the log each time."""

    async def story(server: Server) -> None:
        client, protocol = await server.client()
        protocol.data_received(b"GET /large HTTP/1.1\r\n\r\n" + GET + b"\r\n")
        await client.reader.readexactly(1000)
        if refused:
            protocol.data_received((GET + b"\r\n") * (SMALL.pipelined + 1))
        else:
            client.writer.transport.abort()
        await asyncio.gather(*server.tasks)

    run(story, SMALL)
    assert not caplog.records
