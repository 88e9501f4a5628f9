"""What strangers may send over HTTP, octet by octet over real sockets."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvloop

from hookflash.adapters import http_guard
from hookflash.adapters.connections import Connections
from hookflash.adapters.http import HttpServers, Receive, Scope, Send
from hookflash.adapters.http_guard import LINGER_OCTETS, HttpLimits

SMALL = HttpLimits(
    head=20_000,
    lines=20,
    url=1000,
    body=50_000,
    head_time=0.2,
    body_time=0.3,
    send_time=0.2,
    held=200_000,
    grain=0.02,
)
PATIENT = HttpLimits()
GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /body HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


class App:
    """`/` answers at once, `/body` reads it all, `/wait` waits until it may, `/large` says much."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.waiting = asyncio.Event()
        self.done = asyncio.Event()
        self.requests: list[tuple[str, int]] = []
        """Paths, with the octets of the bodies read."""
        self.headers: list[list[tuple[bytes, bytes]]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size, more = 0, scope["path"] == "/body"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size += len(message["body"])
            more = message["more_body"]
        if scope["path"] == "/wait":
            self.waiting.set()
            await self.go_on.wait()
        self.requests.append((scope["path"], size))
        self.headers.append(list(scope["headers"]))
        pieces = [b"x" * 100_000] * 200 if scope["path"] == "/large" else [b"ok"]
        headers = [(b"content-length", b"%d" % sum(map(len, pieces)))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for left, piece in zip(range(len(pieces) - 1, -1, -1), pieces, strict=True):
            await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
        self.done.set()


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def status(self) -> int:
        """Of the next answer, whose body is read away; 0 where the connection ends instead."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, OSError):
            return 0
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        await self.reader.readexactly(length)
        return int(head.split()[1])

    async def closed(self) -> None:
        """Until it is, by the server."""
        with suppress(ConnectionError):
            assert await self.reader.read() == b""


class Lab:
    def __init__(self, servers: HttpServers, app: App, connections: Connections) -> None:
        self.servers = servers
        self.app = app
        self.connections = connections
        self._clients: list[Client] = []

    async def client(self, data: bytes = b"", port: int = 0) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", port or self.servers.port)
        self._clients.append(Client(reader, writer))
        if data:
            await self._clients[-1].send(data)
        return self._clients[-1]

    async def ask(self) -> int:
        """The status that an ordinary client gets now."""
        return await (await self.client(GET + b"\r\n")).status()

    def close(self) -> None:
        for client in self._clients:
            client.writer.close()


@asynccontextmanager
async def serving(limits: HttpLimits, connections: Connections) -> AsyncIterator[Lab]:
    servers, app = HttpServers(limits), App()
    await servers.start(app, ["127.0.0.1"], 0, connections)
    await servers.start_metrics(lambda: b"page", "127.0.0.1:0")
    lab = Lab(servers, app, connections)
    try:
        yield lab
    finally:
        app.go_on.set()
        lab.close()
        await servers.stop()


def run(
    story: Callable[[Lab], Awaitable[Any]],
    limits: HttpLimits = SMALL,
    most: int = 0,
    silent_of_one: int = 0,
) -> None:
    """On both loops."""

    async def main() -> None:
        left: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: left.append(what))
        async with serving(limits, Connections(most=most, silent_of_one=silent_of_one)) as lab:
            await asyncio.wait_for(story(lab), 20)
        assert left == []

    asyncio.run(main())
    uvloop.run(main())


@pytest.mark.parametrize(
    ("begin", "piece", "status"),
    [
        (GET, b"X: y\r\n", 431),
        (GET + b"X: ", b"a" * 1000, 431),
        (GET, b"a" * 1000, 431),
        (GET + b"X: y", b"\r\n z", 400),
        (b"GET /", b"a" * 100, 414),
        (b"GET /?access_token=", b"a" * 100, 414),
        (b"", b"\r\n" * 500, 431),
        (b"", b"GET", 400),
        (CHUNKED, b"1;" + b"a" * 1000, 413),
        (CHUNKED + b"1;a=", b"b" * 1000, 413),
        (CHUNKED + b"1\r\na\r\n0\r\nT: ", b"a" * 1000, 413),
        (CHUNKED + b"1\r\na\r\n0\r\n", b"T: a\r\n", 431),
        (CHUNKED, b"3e8\r\n" + b"a" * 1000 + b"\r\n", 413),
        (POST + b"Content-Length: 60000\r\n\r\n", b"a" * 1000, 413),
    ],
)
@pytest.mark.parametrize("metrics", [False, True])
def test_what_has_no_end_is_refused(begin: bytes, piece: bytes, status: int, metrics: bool) -> None:
    async def story(lab: Lab) -> None:
        if metrics and begin.startswith(b"POST"):
            return  # that page is answered before the body is read
        client = await lab.client(begin, lab.servers.metrics_port if metrics else 0)
        answer = asyncio.ensure_future(client.status())
        while not answer.done():
            await client.send(piece)
            await asyncio.wait({answer}, timeout=0.001)
        assert await answer == status
        await client.closed()
        assert await lab.ask() == 200

    run(story, HttpLimits(**{**_fields(SMALL), "head_time": 10.0, "body_time": 10.0}))


def _fields(limits: HttpLimits) -> dict[str, Any]:
    return {name: getattr(limits, name) for name in HttpLimits.__slots__}


def test_what_is_within_the_limits_is_answered() -> None:
    lines = b"".join(b"X-%d: y\r\n" % number for number in range(18))
    body = b"".join(b"1\r\na\r\n" for _ in range(10_000)) + b"0\r\n"

    async def story(lab: Lab) -> None:
        client = await lab.client(GET + lines + b"\r\n")
        assert await client.status() == 200
        await client.send(GET + b"X: " + b"a" * 15_000 + b"\r\n\r\n")
        assert await client.status() == 200
        await client.send(b"GET /?" + b"a" * 900 + b" HTTP/1.1\r\n\r\n")
        assert await client.status() == 200
        await client.send(CHUNKED + body + b"T: trailer\r\n\r\n")
        assert await client.status() == 200
        await client.send(POST + b"Content-Length: 50000\r\n\r\n" + b"a" * 50_000)
        assert await client.status() == 200
        assert [size for _, size in lab.app.requests] == [0, 0, 0, 10_000, 50_000]
        assert (b"t", b"trailer") not in lab.app.headers[3]

    run(story, HttpLimits(**{**_fields(SMALL), "head_time": 10.0, "body_time": 10.0}))


@pytest.mark.parametrize(
    ("begin", "status"),
    [
        (b"", 0),
        (b"GET /", 408),
        (GET, 408),
        (POST + b"Content-Length: 5\r\n\r\n", 408),
        (CHUNKED, 408),
    ],
)
@pytest.mark.parametrize("slowly", [False, True])
def test_a_request_has_its_time(begin: bytes, status: int, slowly: bool) -> None:
    """An octet from time to time does not make it longer."""

    async def story(lab: Lab) -> None:
        client = await lab.client(begin)
        answer = asyncio.ensure_future(client.status())
        more = b"a" if b"chunked" not in begin else b"1\r\na\r\n"
        while slowly and begin and not answer.done():
            await asyncio.wait({answer}, timeout=0.08)
            if b"Length" not in begin and not answer.done():
                await client.send(more)
        assert await answer == status
        await client.closed()
        assert lab.app.requests == []

    run(story)


def test_a_kept_connection_has_its_time_from_the_next_octet_on() -> None:
    async def story(lab: Lab) -> None:
        client = await lab.client(GET + b"\r\n")
        assert await client.status() == 200
        await client.send(b"G")
        assert await client.status() == 408

    run(story)


def test_an_answer_that_takes_long_is_no_fault_of_the_client() -> None:
    async def story(lab: Lab) -> None:
        client = await lab.client(b"GET /wait HTTP/1.1\r\n\r\n" + b"GET / HT")
        await lab.app.waiting.wait()
        other = await lab.client(b"G")
        assert await other.status() == 408  # as long as that
        lab.app.go_on.set()
        await client.send(b"TP/1.1\r\n\r\n")
        assert [await client.status() for _ in range(2)] == [200, 200]

    run(story)


def test_an_answer_that_is_not_read_ends() -> None:
    async def story(lab: Lab) -> None:
        client = await lab.client(b"GET /large HTTP/1.1\r\n\r\n")
        await lab.app.done.wait()  # for nobody: 20 MB are more than the kernel keeps
        assert len(lab.connections) == 0
        with suppress(ConnectionError):
            assert len(await client.reader.read()) < 20_000_000

    run(story)


@pytest.mark.parametrize("line", [b"CONNECT a:1", b"GET http://a", b"GET /\xe4", b"GET a"])
def test_a_url_that_is_none_is_refused(line: bytes) -> None:
    """Each was an error in the log with a trace, and no answer."""
    head = line + b" HTTP/1.1\r\nHost: a\r\n\r\n"

    async def story(lab: Lab) -> None:
        first = await lab.client(head)
        kept = await lab.client(GET + b"\r\n")
        assert await kept.status() == 200
        await kept.send(head)
        for client in (first, kept):
            assert await client.status() == 400
            await client.closed()

    run(story)


def test_requests_on_top_of_each_other_are_few() -> None:
    async def story(lab: Lab) -> None:
        client = await lab.client((GET + b"\r\n") * 10)
        assert [await client.status() for _ in range(10)] == [200] * 10
        waiting = await lab.client(b"GET /wait HTTP/1.1\r\n\r\n")
        await lab.app.waiting.wait()
        await waiting.send((GET + b"\r\n") * 20)
        assert await waiting.status() == 0

    run(story)


def test_a_refusal_is_not_read_as_the_answer_to_something_else() -> None:
    async def story(lab: Lab) -> None:
        client = await lab.client(b"GET /wait HTTP/1.1\r\n\r\n")
        await lab.app.waiting.wait()
        await client.send(GET + b"X: y\r\n" * 30)
        assert await client.status() == 0

    run(story)


def test_all_that_is_held_has_a_limit_together() -> None:
    """Those who hold most go."""
    head = POST + b"Content-Length: 50000\r\n\r\n"

    async def story(lab: Lab) -> None:
        small = await lab.client(head + b"a" * 100)
        large = [await lab.client(head + b"a" * 49_000) for _ in range(6)]
        answers = {asyncio.ensure_future(client.status()): client for client in large}
        done, _ = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
        assert {answer.result() for answer in done} == {503}
        await small.send(b"a" * 49_900)
        assert await small.status() == 200
        for answer in answers:
            answer.cancel()

    run(story, HttpLimits(**{**_fields(SMALL), "head_time": 10.0, "body_time": 10.0}))


def test_who_alone_holds_too_much_is_refused_before_anybody_works_on_it() -> None:
    async def story(lab: Lab) -> None:
        client = await lab.client(POST + b"Content-Length: 15000\r\n\r\n" + b"a" * 15_000)
        assert await client.status() == 503
        await client.closed()
        assert await lab.ask() == 200
        assert lab.app.requests == [("/", 0)]

    run(story, HttpLimits(**{**_fields(SMALL), "held": 10_000}))


def test_a_body_that_comes_after_its_answer_is_not_held() -> None:
    async def story(lab: Lab) -> None:
        client = await lab.client(b"POST / HTTP/1.1\r\nContent-Length: 40000\r\n\r\n")
        assert await client.status() == 200
        await client.send(b"a" * 40_000)
        await client.send(GET + b"\r\n")
        assert await client.status() == 200

    run(story, HttpLimits(**{**_fields(SMALL), "held": 10_000, "body_time": 10.0}))


def test_who_goes_on_sending_after_a_refusal_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_guard, "LINGER", 1000.0)  # it is not this end that comes

    async def story(lab: Lab) -> None:
        client, sent = await lab.client(b"nonsense\r\n\r\n"), 0
        assert await client.status() == 400
        with pytest.raises(ConnectionError):
            while True:
                await client.send(b"a" * 50_000)
                sent += 50_000
        assert sent >= LINGER_OCTETS - 50_000

    run(story)


def test_who_sends_much_can_read_why_it_was_refused() -> None:
    """A connection closed with octets unread takes its answer back."""

    async def story(lab: Lab) -> None:
        client = await lab.client()
        client.writer.write(GET + b"X: " + b"a" * 900_000)
        assert await client.status() == 431
        assert await client.reader.read() == b""  # an end, no reset

    run(story)


def test_silent_connections_make_room() -> None:
    async def story(lab: Lab) -> None:
        waiting = await lab.client(b"GET /wait HTTP/1.1\r\n\r\n")
        await lab.app.waiting.wait()
        silent = [await lab.client(GET) for _ in range(3)]
        assert await lab.ask() == 200
        await silent[0].closed()
        assert len(lab.connections) == 4
        lab.app.go_on.set()
        assert await waiting.status() == 200

    run(story, PATIENT, most=4)


def test_there_is_no_room_where_all_wait_for_answers() -> None:
    async def story(lab: Lab) -> None:
        waiting = await lab.client(b"GET /wait HTTP/1.1\r\n\r\n")
        await lab.app.waiting.wait()
        assert await lab.ask() == 0
        lab.app.go_on.set()
        assert await waiting.status() == 200
        assert await lab.ask() == 200  # it is silent now

    run(story, PATIENT, most=1)


def test_one_address_cannot_have_all() -> None:
    async def story(lab: Lab) -> None:
        silent = [await lab.client() for _ in range(3)]
        await silent[0].closed()
        assert await lab.ask() == 200

    run(story, PATIENT, silent_of_one=2)


def test_memory_and_the_loop_hold_out() -> None:
    """Whatever comes, at the full limits: a few megabytes, and others are answered at once."""

    async def story(lab: Lab) -> None:
        loop = asyncio.get_running_loop()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for begin, piece in (
            (GET, b"X: y\r\n" * 10_000),
            (GET + b"X: ", b"a" * 65536),
            (b"GET /", b"a" * 65536),
            (CHUNKED, b"1;" + b"a" * 65536),
            (b"", (GET + b"\r\n") * 2000),
        ):
            client = await lab.client(begin)
            answer = asyncio.ensure_future(client.reader.read())
            sent = 0
            while not answer.done() and sent < 20_000_000:
                client.writer.write(piece)
                sent += len(piece)
                began = loop.time()
                assert await lab.ask() == 200
                assert loop.time() - began < 0.5
            client.writer.transport.abort()
            await asyncio.wait({answer})
            _ = answer.cancelled() or answer.exception()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 30_000, f"{grown} kB"

    run(story, PATIENT)
