"""WebSockets of the HTTP servers: real sockets, on both loops."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
import uvloop
from websockets.server import ServerProtocol

from hookflash.adapters import http, http_websocket
from hookflash.adapters.http import HttpServers, Receive, Scope, Send
from hookflash.adapters.http_websocket import ABORT, FRAGMENTS, PIECE, GuardedWebSocket

HEAD = (
    b"Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
UPGRADE = b"GET /echo HTTP/1.1\r\n" + HEAD
TEXT, BINARY, CLOSE, PING, PONG, CONT = 1, 2, 8, 9, 10, 0


def frame(opcode: int, payload: bytes, *, last: bool = True) -> bytes:
    """What a client sends, with a mask of zeros (RFC 6455 §5.2)."""
    assert len(payload) < 126
    return bytes((opcode | 0x80 * last, 0x80 | len(payload), 0, 0, 0, 0)) + payload


class App:
    """At /echo one that says what it hears, at /wait after `go_on`, at /deny one that refuses."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.asked = asyncio.Event()
        self.ended = asyncio.Event()
        self.scope: Scope = {}
        self.turns = 0
        """Of the loop, as far as `count_turns` has counted them."""
        self.heard_in: Counter[int] = Counter()
        """Messages by turn."""

    def count_turns(self) -> None:
        self.turns += 1
        if not self.ended.is_set():
            asyncio.get_running_loop().call_soon(self.count_turns)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.asked.set()
        try:
            await self._answer(scope, receive, send)
        finally:
            self.ended.set()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.go_on.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"plain"})
            return
        assert (await receive())["type"] == "websocket.connect"
        if scope["path"] == "/deny":
            lines = [(b"content-length", b"2")]
            start = {"type": "websocket.http.response.start", "status": 418, "headers": lines}
            await send(start)
            await send({"type": "websocket.http.response.body", "body": b"no"})
            return
        if scope["path"] == "/wait":
            await self.go_on.wait()
        await send({"type": "websocket.accept"})
        while True:
            message = await receive()
            self.heard_in[self.turns] += 1
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") == "close":
                await send({"type": "websocket.close", "code": 1000})
                return
            if message.get("text") == "late":
                await self.go_on.wait()
            if message.get("text") == "abort":
                scope["extensions"][ABORT]["abort"]()
                continue
            kind = "bytes" if message.get("bytes") is not None else "text"
            await send({"type": "websocket.send", kind: message[kind]})


class Lab:
    def __init__(self, app: App, servers: HttpServers, session: aiohttp.ClientSession) -> None:
        self.app = app
        self.servers = servers
        self.session = session
        self._writers: list[asyncio.StreamWriter] = []

    def url(self, path: str = "/echo") -> str:
        return f"http://127.0.0.1:{self.servers.port}{path}"

    async def raw(self, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.servers.port)
        self._writers.append(writer)
        writer.write(data)
        return reader, writer

    async def opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A WebSocket of which every octet is the test's."""
        reader, writer = await self.raw(UPGRADE)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        return reader, writer

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


def run(story: Callable[[Lab], Awaitable[Any]]) -> None:
    """On both loops."""

    async def main() -> None:
        servers, app = HttpServers(), App()
        paths = {"/echo", "/wait", "/deny"}
        await servers.start(app, ["127.0.0.1"], 0, websockets=paths)
        await servers.start_metrics(lambda: b"page", "127.0.0.1:0")
        async with aiohttp.ClientSession() as session:
            lab = Lab(app, servers, session)
            try:
                await asyncio.wait_for(story(lab), 30)
            finally:
                app.go_on.set()
                lab.close()
                await servers.stop()

    asyncio.run(main())
    uvloop.run(main())


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What comes until the server ends the connection."""
    rest = b""
    with suppress(ConnectionError):
        while more := await reader.read(65536):
            rest += more
    return rest


def test_messages_go_both_ways_packed_or_not() -> None:
    async def story(lab: Lab) -> None:
        for compress in (0, 15):
            async with lab.session.ws_connect(lab.url(), compress=compress) as socket:
                assert socket.compress == (12 if compress else 0)
                await socket.send_bytes(b"\x00" * 100_000)
                assert await socket.receive_bytes() == b"\x00" * 100_000
                await socket.send_str("ä" * 1000)
                assert await socket.receive_str() == "ä" * 1000

    run(story)


def test_a_refusal_is_an_answer_of_http_and_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    async def story(lab: Lab) -> None:
        reader, _ = await lab.raw(UPGRADE.replace(b"/echo", b"/deny"))
        answer = await ended(reader)
        assert answer.startswith(b"HTTP/1.1 418 ")
        assert answer.endswith(b"\r\n\r\nno")
        await lab.app.ended.wait()

    with caplog.at_level(logging.WARNING):
        run(story)
    assert caplog.records == []


def test_the_head_may_be_as_long_as_any_request() -> None:
    """The library's own limit is 8 kB a line; a join request has more."""

    async def story(lab: Lab) -> None:
        async with lab.session.ws_connect(lab.url("/echo?join_request=" + "a" * 30_000)):
            assert lab.app.scope["query_string"] == b"join_request=" + b"a" * 30_000
            assert (b"upgrade", b"websocket") in lab.app.scope["headers"]

    run(story)


def test_no_other_path_and_no_other_request_is_a_websocket() -> None:
    async def story(lab: Lab) -> None:
        lab.app.go_on.set()
        body = b"Content-Length: 1\r\n\r\na"
        for head, end in (
            (UPGRADE.replace(b"/echo", b"/twirp"), b""),
            (UPGRADE.replace(b"/echo", b"/"), b""),
            (UPGRADE.replace(b"GET", b"POST"), b""),
            (UPGRADE[:-2], body),
            (UPGRADE.replace(b"Upgrade: websocket", b"Upgrade: h2c"), b""),
        ):
            reader, _ = await lab.raw(head + end)
            assert (await reader.readuntil(b"plain")).startswith(b"HTTP/1.1 200 ")
        address = f"http://127.0.0.1:{lab.servers.metrics_port}/echo"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await lab.session.ws_connect(address)

    run(story)


def test_two_slashes_are_one() -> None:
    async def story(lab: Lab) -> None:
        async with lab.session.ws_connect(lab.url("//echo")) as socket:
            await socket.send_str("a")
            assert await socket.receive_str() == "a"

    run(story)


def test_a_request_that_is_no_handshake_is_refused() -> None:
    async def story(lab: Lab) -> None:
        for head, status in (
            (UPGRADE.replace(b"Sec-WebSocket-Key: dGhl", b"X: "), 400),
            (UPGRADE.replace(b"Version: 13", b"Version: 7"), 400),
            (UPGRADE.replace(b"/echo", b"/echo?a=\xe4"), 400),
        ):
            reader, _ = await lab.raw(head)
            assert (await ended(reader)).startswith(b"HTTP/1.1 %d " % status)
        assert not lab.app.asked.is_set()

    run(story)


@pytest.mark.parametrize(
    ("sent", "code"),
    [(b"\xff" * 9, 1002), (frame(CLOSE, (1000).to_bytes(2, "big")), 1000), (None, 0)],
)
def test_nothing_is_left_of_one_that_ended(sent: bytes | None, code: int) -> None:
    """Not even until the garbage is collected, of which strangers could make any amount."""

    async def story(lab: Lab) -> None:
        if sent is None:
            reader, _ = await lab.raw(UPGRADE.replace(b"Sec-WebSocket-Version: 13\r\n", b""))
            assert (await ended(reader)).startswith(b"HTTP/1.1 400 ")
        else:
            reader, writer = await lab.opened()
            writer.write(sent)
            assert int.from_bytes((await ended(reader))[2:4], "big") == code
        kinds = (GuardedWebSocket, ServerProtocol)
        while any(isinstance(each, kinds) for each in gc.get_objects()):
            await turn()

    gc.collect()
    gc.disable()
    try:
        run(story)
    finally:
        gc.enable()


def test_an_earlier_request_has_its_answer_first() -> None:
    """Behind one that waits there is no WebSocket: its answer would come as frames."""

    async def story(lab: Lab) -> None:
        reader, _ = await lab.raw(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" + UPGRADE)
        await lab.app.asked.wait()
        lab.app.go_on.set()
        for _ in range(2):
            assert b"HTTP/1.1 200 " in await reader.readuntil(b"plain")

    run(story)


def test_whoever_speaks_before_he_is_answered_is_out() -> None:
    async def story(lab: Lab) -> None:
        reader, writer = await lab.raw(UPGRADE.replace(b"/echo", b"/wait"))
        await lab.app.asked.wait()
        writer.write(frame(PING, b""))
        assert await ended(reader) == b""
        lab.app.go_on.set()
        await lab.app.ended.wait()

    run(story)


def test_a_long_message_ends_it_packed_or_not() -> None:
    async def story(lab: Lab) -> None:
        for compress, size in ((0, http.MAX_MESSAGE + 1), (15, 64 * http.MAX_MESSAGE)):
            async with lab.session.ws_connect(lab.url(), compress=compress, max_msg_size=0) as one:
                await one.send_bytes(bytes(http.MAX_MESSAGE))
                assert len(await one.receive_bytes()) == http.MAX_MESSAGE
                with suppress(ConnectionError):
                    await one.send_bytes(bytes(size))
                message = await one.receive()
                assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
                assert one.close_code == 1009

    run(story)


def test_pings_are_answered() -> None:
    async def story(lab: Lab) -> None:
        reader, writer = await lab.opened()
        writer.write(frame(PING, b"tick"))
        assert await reader.readexactly(6) == bytes((0x80 | PONG, 4)) + b"tick"

    run(story)


def test_whoever_answers_no_ping_is_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PING_EVERY", 0.05)
    monkeypatch.setattr(http, "PING_TIMEOUT", 0.2)

    async def story(lab: Lab) -> None:
        reader, _ = await lab.opened()
        head = await reader.readexactly(2)
        assert head[0] == 0x80 | PING
        await ended(reader)
        await lab.app.ended.wait()
        async with lab.session.ws_connect(lab.url()) as socket:  # aiohttp answers
            listening = asyncio.create_task(socket.receive())
            silent, _ = await lab.opened()  # so long
            await ended(silent)
            assert not listening.done()
            listening.cancel()

    run(story)


def test_whoever_reads_no_pongs_is_out() -> None:
    async def story(lab: Lab) -> None:
        _, writer = await lab.opened()
        pings = frame(PING, bytes(125)) * 500
        with pytest.raises(ConnectionError):
            while True:
                writer.write(pings)
                await writer.drain()
        await lab.app.ended.wait()

    run(story)


def test_one_turn_has_so_many_small_messages_and_no_more() -> None:
    async def story(lab: Lab) -> None:
        reader, writer = await lab.opened()
        lab.app.count_turns()
        writer.write(frame(TEXT, b"") * 5000)
        assert await reader.readexactly(10_000) == b"\x81\0" * 5000
        assert lab.app.heard_in.total() == 5000
        assert max(lab.app.heard_in.values()) <= PIECE // 6 + 1

    run(story)


def test_pings_leave_the_loop_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which no message comes: what ends a turn is its time."""
    turns: list[int] = []
    took = iter(range(1, 100_000))

    def clock() -> float:  # each look at it is a millisecond
        return next(took) / 1000

    class Counted(GuardedWebSocket):
        def _take_apart(self) -> None:
            super()._take_apart()
            turns.append(len(self._unread))

    monkeypatch.setattr(http_websocket, "perf_counter", clock)
    monkeypatch.setattr(http_websocket, "GuardedWebSocket", Counted)

    async def story(lab: Lab) -> None:
        turns.clear()
        reader, writer = await lab.opened()
        writer.write(frame(PING, b"") * 1000)
        assert await reader.readexactly(2000) == b"\x8a\0" * 1000
        assert max(a - b for a, b in pairwise([6000, *turns])) <= 3 * PIECE

    run(story)


def test_a_close_behind_many_messages_is_seen() -> None:
    """By whoever has closed it himself, and reads no more of them."""

    async def story(lab: Lab) -> None:
        reader, writer = await lab.opened()
        writer.write(frame(TEXT, b"close") + frame(TEXT, b"") * 2000 + frame(CLOSE, b"\x03\xe8"))
        assert (await ended(reader))[-4:] == b"\x88\x02\x03\xe8"

    run(story)


def test_a_message_of_too_many_frames_ends_it() -> None:
    async def story(lab: Lab) -> None:
        reader, writer = await lab.opened()
        pieces = frame(CONT, b"", last=False) * (FRAGMENTS - 2)
        writer.write(frame(BINARY, b"a", last=False) + pieces + frame(CONT, b""))
        assert await reader.readexactly(3) == bytes((0x80 | BINARY, 1)) + b"a"
        writer.write(frame(BINARY, b"a", last=False) + pieces + frame(CONT, b"", last=False) * 2)
        assert await ended(reader) == b""

    run(story)


def test_text_that_is_none_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    async def story(lab: Lab) -> None:
        reader, writer = await lab.opened()
        writer.write(frame(TEXT, b"\xff\xfe") * 2)
        assert (await ended(reader))[:4] == bytes((0x80 | CLOSE, 2)) + (1007).to_bytes(2, "big")
        await lab.app.ended.wait()

    with caplog.at_level(logging.WARNING):
        run(story)
    assert caplog.records == []


def test_the_app_can_end_it_at_once() -> None:
    async def story(lab: Lab) -> None:
        async with lab.session.ws_connect(lab.url()) as socket:
            await socket.send_str("abort")
            assert (await socket.receive()).type == aiohttp.WSMsgType.CLOSED
            assert socket.close_code == 1006

    run(story)


def test_what_the_app_says_after_the_end_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """The client was closed for what it sent; that the app comes too late is no fault."""

    async def story(lab: Lab) -> None:
        reader, writer = await lab.opened()
        lab.app.count_turns()
        writer.write(frame(TEXT, b"late"))
        while not lab.app.heard_in:
            await turn()
        writer.write(frame(TEXT, b"\xff"))
        assert (await ended(reader))[:4] == bytes((0x80 | CLOSE, 2)) + (1007).to_bytes(2, "big")
        lab.app.go_on.set()
        await lab.app.ended.wait()

    with caplog.at_level(logging.WARNING):
        run(story)
    assert caplog.records == []


async def turn() -> None:
    """The next turn of the loop."""
    turned = asyncio.Event()
    asyncio.get_running_loop().call_soon(turned.set)
    await turned.wait()


def test_a_connection_that_ends_is_taken_apart_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many pings the first turn leaves some, and the server stops before the next."""
    made: list[GuardedWebSocket] = []
    took = iter(range(1, 100_000))

    class Noted(GuardedWebSocket):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            made.append(self)

    monkeypatch.setattr(http_websocket, "perf_counter", lambda: next(took) / 1000)
    monkeypatch.setattr(http_websocket, "REST", 3600)
    monkeypatch.setattr(http_websocket, "GuardedWebSocket", Noted)

    async def story(lab: Lab) -> None:
        reader, writer = await lab.opened()
        writer.write(frame(PING, b"") * 1000)
        assert await reader.readexactly(2) == b"\x8a\0"
        (socket,) = made
        waiting = socket._next
        assert waiting is not None
        await lab.servers.stop()
        await lab.app.ended.wait()
        assert waiting.cancelled()
        made.clear()

    run(story)


def test_the_end_of_the_server_is_an_answer_to_who_waits_for_one() -> None:
    async def story(lab: Lab) -> None:
        reader, _ = await lab.raw(UPGRADE.replace(b"/echo", b"/wait"))
        await lab.app.asked.wait()
        stopping = asyncio.create_task(lab.servers.stop())
        assert (await ended(reader)).startswith(b"HTTP/1.1 500 ")
        lab.app.go_on.set()
        await stopping

    run(story)


def test_the_end_of_the_server_is_1001() -> None:
    async def story(lab: Lab) -> None:
        async with lab.session.ws_connect(lab.url()) as socket:
            stopping = asyncio.create_task(lab.servers.stop())
            await socket.receive()
            assert socket.close_code == 1001
            await stopping

    run(story)


def test_without_clients_the_library_is_not_there() -> None:
    """A server starts as fast as before."""
    look = "import sys, hookflash.server; print([m for m in sys.modules if m == 'websockets'])"
    ran = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout == "[]\n"
