"""Clients in other languages and in browsers: each does what the test says, over a WebSocket.

The test sends {"id": 1, "do": "speak", …}, the client answers {"id": 1, "result": …} or
{"id": 1, "error": text}. What happens to it it tells as {"event": name, …}.

    connect(url, token) → sid, participant, others     speak(frequency) → track sid
    level(identity, frequency) → amplitude of a tone in the last 200 ms that came of them
    digit(code, digit)   data(text, topic, reliable)   attributes(attributes)   leave()
    rpc(identity, method, text) → the answer; it answers "echo" itself: "IDENTITY said TEXT"
    events: subscribed, joined, left, digit, data, attributes, muted, unmuted, reconnecting,
    reconnected, disconnected
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web
from tests.support.lab import KEY, SECRET, Lab
from tests.support.sdk import is_as_said, token

from .process import Process
from .waiting import wait_until

START = 60.0
"""Seconds in which a client on a busy machine has to report."""
DO = 20.0


class Remote:
    """One client that has reported."""

    def __init__(self, process: Process, socket: web.WebSocketResponse) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self._socket = socket
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def do(self, what: str, *, within: float = DO, **details: Any) -> Any:
        """Have it do something; its result."""
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_str(json.dumps({"id": number, "do": what, **details}))
        try:
            async with asyncio.timeout(within):
                told = await answer
        except TimeoutError:
            raise AssertionError(f"{what} not within {within:g} s; {self.events}") from None
        assert "error" not in told, f"{what}: {told['error']}"
        return told["result"]

    async def join(
        self, lab: Lab, identity: str, room: str = "lobby", port: int = 0, **options: Any
    ) -> dict[str, Any]:
        """Into a room of the lab. `port`: where its API is reached, 0 for its own."""
        made = token(
            identity, room, key=KEY, secret=SECRET, grants={"can_update_own_metadata": True}
        )
        url = f"ws://127.0.0.1:{port or lab.server.http_port}"
        joined: dict[str, Any] = await self.do("connect", url=url, token=made, **options)
        return joined

    async def told(self, event: str, within: float = 10, **wanted: Any) -> dict[str, Any]:
        """Wait for an event with these fields."""
        wanted["event"] = event

        def look() -> dict[str, Any] | None:
            return next((one for one in self.events if one | wanted == one), None)

        try:
            return await wait_until(look, f"{wanted}", within)
        except AssertionError as error:
            raise AssertionError(f"{error}; told: {self.events}") from None

    async def hears(self, identity: str, frequency: float, within: float = 15) -> None:
        """Wait until the tone is as loud as everybody speaks, give or take 2 dB."""
        await self._level(identity, frequency, is_as_said, within)

    async def misses(self, identity: str, frequency: float, within: float = 10) -> None:
        """Wait until the tone is gone."""
        await self._level(identity, frequency, lambda level: level < 500, within)

    async def _level(
        self, identity: str, frequency: float, wanted: Callable[[float], bool], within: float
    ) -> None:
        levels = [0.0]

        async def look() -> bool:
            levels[0] = await self.do("level", identity=identity, frequency=frequency)
            return wanted(levels[0])

        try:
            await wait_until(look, f"{frequency:g} Hz of {identity}", within)
        except AssertionError as error:
            raise AssertionError(f"{error}: {levels[0]:.0f}; told: {self.events}") from None

    async def read(self) -> None:
        """Take what it says, until it goes."""
        async for message in self._socket:
            if message.type != WSMsgType.TEXT:
                break
            told = message.json()
            if "event" in told:
                self.events.append(told)
            elif not (answer := self._answers.pop(told["id"])).done():
                answer.set_result(told)


Starter = Callable[[str], Awaitable[Process]]
"""Starts a client that is to report to this address (host:port): to the WebSocket /control; the
files that it was given are at /."""


@asynccontextmanager
async def remote(start: Starter, files: Path | None = None) -> AsyncIterator[Remote]:
    """A client, from its report to its end. `files`: a folder that is served beside."""
    reported: asyncio.Queue[web.WebSocketResponse] = asyncio.Queue()
    over = asyncio.Event()

    async def control(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await reported.put(socket)
        await over.wait()
        return socket

    app = web.Application()
    app.router.add_get("/control", control)
    if files is not None:
        app.router.add_static("/", files)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    process = await start(f"{host}:{port}")
    reader: asyncio.Task[None] | None = None
    try:
        async with asyncio.timeout(START):
            socket = await reported.get()
        client = Remote(process, socket)
        reader = asyncio.create_task(client.read())
        yield client
        await socket.close()
    except BaseException as error:
        error.add_note(process.tail())
        raise
    finally:
        if reader is not None:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
        over.set()
        await process.stop()
        await runner.cleanup()
