"""WebSockets as the API's routes have them: over a real server and a real client."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any

import aiohttp
import pytest
from tests.api.support import api, sign
from uvicorn.protocols.utils import ClientDisconnected

from hookflash.access.grants import Claims
from hookflash.adapters.http import HttpServers
from hookflash.api import websockets
from hookflash.api.app import SocketRoute
from hookflash.api.pace import SAVED
from hookflash.api.websockets import ABORT, MOST_WAITING, WebSocket
from hookflash.base.errors import ApiError

Story = Callable[[str, aiohttp.ClientSession], Awaitable[Any]]


def run(sockets: Mapping[str, SocketRoute], story: Story) -> None:
    with api(sockets=sockets) as client:

        async def main() -> None:
            servers = HttpServers()
            await servers.start(client.app, ["127.0.0.1"], 0, websockets=[*sockets, "/none"])
            async with aiohttp.ClientSession() as session:
                try:
                    base = f"http://127.0.0.1:{servers.port}"
                    await asyncio.wait_for(story(base, session), 30)
                finally:
                    await servers.stop()

        client.runner.run(main())


async def echo(socket: WebSocket, claims: Claims | None) -> None:
    await socket.accept()
    socket.send(repr(claims and claims.identity))
    async for message in socket:
        if message == "leave":
            socket.send(b"last")
            socket.close(4000)
            socket.send(b"after the last")
        socket.send(message)


async def refusal(base: str, session: aiohttp.ClientSession, path: str, **headers: str) -> Any:
    """Status, text and headers of the answer in place of a WebSocket."""
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with session.get(base + path, headers={**upgrade, **headers}) as answer:
        return answer.status, await answer.text(), answer.headers


def test_what_one_sends_the_other_has_in_order() -> None:
    async def story(base: str, session: aiohttp.ClientSession) -> None:
        headers = {"Authorization": f"Bearer {sign({}, sub='ann')}"}
        async with session.ws_connect(base + "/echo", headers=headers) as socket:
            assert await socket.receive_str() == "'ann'"
            for message in (b"a", b"", b"b" * 100_000):
                await socket.send_bytes(message)
                assert await socket.receive_bytes() == message
            await socket.send_str("text")
            assert await socket.receive_str() == "text"

    run({"/echo": echo}, story)


def test_a_close_comes_after_what_was_sent_and_is_the_last() -> None:
    async def story(base: str, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(base + "/echo") as socket:
            assert await socket.receive_str() == "None"
            await socket.send_str("leave")
            assert await socket.receive_bytes() == b"last"
            assert (await socket.receive()).type == aiohttp.WSMsgType.CLOSE
            assert socket.close_code == 4000

    run({"/echo": echo}, story)


def test_what_came_before_the_clients_close_is_read_though_no_answer_can_be_sent() -> None:
    """A client's `leave` with its close right behind, while the answer to what it said before is
    on its way."""
    said: list[bytes | str] = []
    read = asyncio.Event()

    async def route(socket: WebSocket, claims: Claims | None) -> None:
        await socket.accept()
        async for message in socket:
            said.append(message)
            socket.send(message)
        read.set()

    async def story(base: str, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(base + "/a") as socket:
            transport = socket.get_extra_info("socket")
            frames = [bytes((0x82, 0x81, 0, 0, 0, 0, number)) for number in range(4)]
            os.write(transport.fileno(), b"".join(frames) + bytes((0x88, 0x80, 0, 0, 0, 0)))
            await socket.receive()
        await read.wait()

    run({"/a": route}, story)
    assert said == [b"\0", b"\1", b"\2", b"\3"]


def test_the_token_comes_first() -> None:
    """By header or parameter; a wrong one is 401 with its text, as everywhere."""
    asked = []

    async def route(socket: WebSocket, claims: Claims | None) -> None:
        asked.append(claims and claims.identity)
        raise ApiError("not_found", "twirp error unknown: requested room does not exist")

    async def story(base: str, session: aiohttp.ClientSession) -> None:
        status, text, headers = await refusal(base, session, "/a?access_token=nonsense")
        assert (status, text) == (401, "invalid authorization token")
        assert headers["content-type"] == "text/plain; charset=utf-8"
        assert "access-control-allow-origin" not in headers
        assert asked == []
        token = sign({}, sub="bob")
        status, text, headers = await refusal(
            base, session, f"/a?access_token={token}", Origin="http://b"
        )
        assert (status, text) == (404, "requested room does not exist")
        assert headers["access-control-allow-origin"] == "*"
        assert (await refusal(base, session, "/a", Authorization=f"Bearer {token}"))[0] == 404
        assert (await refusal(base, session, "//a"))[0] == 404
        assert asked == ["bob", "bob", None]
        assert (await refusal(base, session, "/none"))[:2] == (404, "404 page not found\n")

    run({"/a": route}, story)


def test_a_slow_reader_is_cut_and_the_sender_never_waits() -> None:
    over = asyncio.Event()
    sent = []

    async def route(socket: WebSocket, claims: Claims | None) -> None:
        await socket.accept()
        octets = bytes(MOST_WAITING // 4)
        for turn in range(10_000):
            socket.send(octets)
            if turn % 4 == 0 and await _gone(socket):
                sent.append(turn)
                break
        async for _ in socket:
            raise AssertionError("it said something")
        socket.send(b"dropped")
        over.set()

    async def story(base: str, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(base + "/a"):
            await over.wait()
        assert sent
        assert sent[0] < 200  # what the kernel took, and a megabyte

    run({"/a": route}, story)


def test_one_long_message_with_others_behind_it_reaches_who_reads() -> None:
    """The `join` to a room of thousands, and a client's own metadata at its limit, told thrice."""
    sizes = [3 * MOST_WAITING, 5, MOST_WAITING // 2]

    async def route(socket: WebSocket, claims: Claims | None) -> None:
        await socket.accept()
        for size in sizes:
            socket.send(bytes(size))
        async for _ in socket:
            raise AssertionError("it said something")

    async def story(base: str, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(base + "/a", max_msg_size=0) as socket:
            assert [len(await socket.receive_bytes()) for _ in sizes] == sizes

    run({"/a": route}, story)


def test_whoever_sends_without_end_is_read_more_slowly_and_stays() -> None:
    """One message costs more than anybody has saved; what follows it waits, and comes."""
    pauses: list[int] = []

    async def costly(socket: WebSocket, claims: Claims | None) -> None:
        await socket.accept()
        async for message in socket:
            if message == "costly":
                end = perf_counter() + SAVED + 0.02
                while perf_counter() < end:
                    pass
                asyncio.get_running_loop().call_later(
                    0.01, lambda: pauses.append(socket._pacing.slowed)
                )
            socket.send(message)

    async def story(base: str, session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(base + "/costly") as socket:
            await socket.send_str("costly")
            await socket.send_str("next")
            assert await socket.receive_str() == "costly"
            assert await socket.receive_str() == "next"
            assert pauses == [1]

    run({"/costly": costly}, story)


async def _gone(socket: WebSocket) -> bool:
    """After what can be sent now is sent."""
    for _ in range(5):
        turned = asyncio.Event()
        asyncio.get_running_loop().call_soon(turned.set)
        await turned.wait()
    return socket.over


def test_an_open_socket_of_a_route_that_fails_is_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fails(socket: WebSocket, claims: Claims | None) -> None:
        await socket.accept()
        raise ApiError("internal", "too late for an answer")

    async def breaks(socket: WebSocket, claims: Claims | None) -> None:
        if claims is not None:
            await socket.accept()
        raise ZeroDivisionError

    async def story(base: str, session: aiohttp.ClientSession) -> None:
        headers = {"Authorization": f"Bearer {sign({})}"}
        for path in ("/fails", "/breaks"):
            async with session.ws_connect(base + path, headers=headers) as socket:
                await socket.receive()
                assert socket.close_code == 1011
        assert (await refusal(base, session, "/breaks"))[:2] == (500, "internal error")

    with caplog.at_level(logging.ERROR):
        run({"/fails": fails, "/breaks": breaks}, story)


def test_a_route_that_ends_leaves_a_closed_socket_and_no_task() -> None:
    async def route(socket: WebSocket, claims: Claims | None) -> None:
        await socket.accept()
        socket.send(b"all")

    async def story(base: str, session: aiohttp.ClientSession) -> None:
        before = asyncio.all_tasks()
        async with session.ws_connect(base + "/a") as socket:
            assert await socket.receive_bytes() == b"all"
            await socket.receive()
            assert socket.close_code == 1000
        while asyncio.all_tasks() - before:
            await asyncio.wait(asyncio.all_tasks() - before)

    run({"/a": route}, story)


class Wire:
    """ASGI's two functions, of a client that is gone, or that takes nothing."""

    def __init__(self, *, gone: bool = False) -> None:
        self.gone = gone
        self.sending = asyncio.Event()
        self.aborted = 0
        self.scope: dict[str, Any] = {
            **{"type": "websocket", "path": "/a", "headers": [], "query_string": b""},
            "extensions": {ABORT: {"abort": self._abort}},
        }

    def _abort(self) -> None:
        self.aborted += 1

    async def receive(self) -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(self, message: Any) -> None:
        if self.gone:
            raise ClientDisconnected
        if message["type"] == "websocket.send":
            self.sending.set()
            await asyncio.get_running_loop().create_future()

    def socket(self) -> WebSocket:
        return WebSocket(self.scope, self.receive, self.send)


def test_a_client_that_did_not_wait_for_the_answer_is_nobodys_fault() -> None:
    async def story() -> None:
        socket = Wire(gone=True).socket()
        await socket.accept()
        assert (socket.answered, socket.over) == (True, True)
        socket.send(b"dropped")
        assert [message async for message in socket] == []
        await socket.end()
        denied = Wire(gone=True).socket()
        await denied.deny(404, "no")
        assert (denied.answered, denied.over) == (True, True)
        assert socket._writer is None

    asyncio.run(asyncio.wait_for(story(), 20))


def test_whoever_takes_nothing_at_the_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websockets, "FLUSH", 0.01)

    async def story() -> None:
        wire = Wire()
        socket = wire.socket()
        await socket.accept()
        socket.send(b"first")
        await wire.sending.wait()
        writer = socket._writer
        assert writer is not None
        await socket.end()
        assert wire.aborted == 1
        assert socket.over
        await asyncio.wait({writer})
        assert writer.cancelled()

    asyncio.run(asyncio.wait_for(story(), 20))


def test_an_aborted_socket_has_no_task_left() -> None:
    async def story() -> None:
        wire = Wire()
        socket = wire.socket()
        await socket.accept()
        await _gone(socket)
        socket.abort()
        assert wire.aborted == 1
        assert socket._writer is not None
        await asyncio.wait({socket._writer})

    asyncio.run(asyncio.wait_for(story(), 20))
