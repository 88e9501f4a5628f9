"""The HTTP listeners: several addresses, the metrics page, a clean end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
import uvicorn

from hookflash.adapters.http import HttpServers, Receive, Scope, Send


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def run(test: Callable[[HttpServers, aiohttp.ClientSession], Awaitable[Any]]) -> None:
    async def main() -> None:
        servers = HttpServers()
        async with aiohttp.ClientSession() as session:
            try:
                await test(servers, session)
            finally:
                await servers.stop()

    asyncio.run(main())


def test_the_same_port_on_each_address() -> None:
    async def check(servers: HttpServers, session: aiohttp.ClientSession) -> None:
        await servers.start(hello, ["127.0.0.1", "127.0.0.2"], 0)
        for address in ("127.0.0.1", "127.0.0.2"):
            async with session.get(f"http://{address}:{servers.port}/") as response:
                assert await response.text() == "hello"
                assert "server" not in response.headers

    run(check)


def test_metrics_have_a_listener_of_their_own() -> None:
    async def check(servers: HttpServers, session: aiohttp.ClientSession) -> None:
        await servers.start_metrics(lambda: b"hookflash_up 1\n", "127.0.0.1:0")
        base = f"http://127.0.0.1:{servers.metrics_port}"
        async with session.get(f"{base}/metrics") as response:
            assert await response.text() == "hookflash_up 1\n"
        async with session.get(f"{base}/other") as response:
            assert response.status == 404

    run(check)


def test_no_metrics_where_none_are_wanted() -> None:
    async def check(servers: HttpServers, session: aiohttp.ClientSession) -> None:
        await servers.start_metrics(lambda: b"", "")
        assert servers.metrics_port == 0

    run(check)


def test_a_taken_port_is_an_error() -> None:
    async def check(servers: HttpServers, session: aiohttp.ClientSession) -> None:
        await servers.start(hello, ["127.0.0.1"], 0)
        with pytest.raises(OSError, match="in use"):
            await HttpServers().start(hello, ["127.0.0.1"], servers.port)

    run(check)


def test_nothing_wakes_while_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """uvicorn's main loop looks ten times a second whether it is to end."""

    async def look(server: uvicorn.Server, counter: int) -> bool:
        raise AssertionError("woken for nothing")

    monkeypatch.setattr(uvicorn.Server, "on_tick", look)

    async def check(servers: HttpServers, session: aiohttp.ClientSession) -> None:
        await servers.start(hello, ["127.0.0.1"], 0)
        async with session.get(f"http://127.0.0.1:{servers.port}/") as response:
            assert response.status == 200

    run(check)


def test_a_listener_that_fails_at_once_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
        for one in sockets:
            one.close()
        raise RuntimeError("it does not start")

    monkeypatch.setattr(uvicorn.Server, "serve", broken)

    async def check(servers: HttpServers, session: aiohttp.ClientSession) -> None:
        with pytest.raises(RuntimeError, match="does not start"):
            await servers.start(hello, ["127.0.0.1"], 0)

    run(check)
