"""POSTs to servers that answer what a test says, octet by octet."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from hookflash.adapters import http_post
from hookflash.adapters.http_post import LARGEST, LARGEST_ANSWER, Poster, proxy_of
from hookflash.base.errors import PostFailed

SOURCE = str(Path(http_post.__file__).parents[2])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEADERS = {"User-Agent": "Hookflash/1", "Content-Type": "text/x"}


class Server:
    """Answers the requests of all connections in turn with `answers`, then with OK. None: it closes
    the connection instead; an answer that ends with `CLOSE` is followed by that."""

    CLOSE = b"<close>"

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self.asked = asyncio.Event()
        """A request is here."""
        self.ended = asyncio.Event()
        """A connection is over, from either side."""
        self.writers: list[asyncio.StreamWriter] = []
        self.url = ""

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{port}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self.writers:
            writer.close()

    tls: ssl.SSLContext | None = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self.ended.set()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        self.requests.append(head + await reader.readexactly(length))
        self.asked.set()
        answer = self.answers.pop(0) if self.answers else OK
        if answer is None:
            return False
        writer.write(answer.removesuffix(self.CLOSE))
        await writer.drain()
        return not answer.endswith(self.CLOSE)


def run(story: Callable[[], Awaitable[Any]]) -> None:
    """Run it, on both loops; nothing may be left to their own handlers."""

    async def guarded() -> None:
        left: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: left.append(what))
        try:
            await asyncio.wait_for(story(), 20)
        finally:
            while OPENED:
                await OPENED.pop().close()
        assert left == []

    asyncio.run(guarded())
    uvloop.run(guarded())


OPENED: list[Poster] = []


def poster(timeout: float = 10, tls: ssl.SSLContext | None = None) -> Poster:
    """One that `run` closes."""
    OPENED.append(Poster(HEADERS, timeout, tls))
    return OPENED[-1]


async def post(to: Poster, server: Server, body: bytes = b"{}") -> int:
    return await to.post(server.url, "token", body)


def test_the_whole_request_and_one_connection_for_many() -> None:
    async def story() -> None:
        async with Server() as server:
            ours = poster()
            assert [await post(ours, server) for _ in range(3)] == [200] * 3
            await ours.close()
            await server.ended.wait()
            host = server.url.removeprefix("http://").removesuffix("/hook")
            assert server.requests[2].decode() == (
                f"POST /hook HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Hookflash/1\r\n"
                "Content-Type: text/x\r\nAuthorization: token\r\nContent-Length: 2\r\n\r\n{}"
            )
            assert server.connections == 1

    run(story)


def test_requests_at_a_time_have_connections_of_their_own() -> None:
    async def story() -> None:
        async with Server() as server:
            ours = poster()
            for _ in range(2):
                statuses = await asyncio.gather(*(post(ours, server) for _ in range(5)))
                assert statuses == [200] * 5
            assert server.connections == 5

    run(story)


@pytest.mark.parametrize(
    ("answer", "status", "kept"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, True),
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", 503, True),
        (b"HTTP/1.1 302 There\r\nLocation: http://a/\r\nContent-Length: 0\r\n\r\n", 302, True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + OK, 200, True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 200, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 200, False),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil it ends" + Server.CLOSE, 200, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntoo" + Server.CLOSE, 200, False),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200, True),
        (b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok", 200, True),
        (OK + b"\r\n", 200, True),
        (b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 101, False),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"x" * (LARGEST_ANSWER + 1),
            200,
            False,
        ),
    ],
)
def test_answers_and_whether_the_connection_is_good_for_more(
    answer: bytes, status: int, kept: bool
) -> None:
    async def story() -> None:
        async with Server(answer) as server:
            ours = poster()
            assert await post(ours, server) == status
            assert await post(ours, server) == 200
            assert server.connections == (1 if kept else 2)

    run(story)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "closed without an answer"),
        (b"SSH-2.0-OpenSSH_9\r\n", "no HTTP answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le" + Server.CLOSE, "closed without an answer"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + Server.CLOSE, "closed without an answer"),
    ],
)
def test_what_is_no_answer(answer: bytes | None, why: str) -> None:
    async def story() -> None:
        async with Server(answer) as server:
            ours = poster()
            with pytest.raises(PostFailed, match=why):
                await post(ours, server)
            assert server.connections == 1
            assert await post(ours, server) == 200

    run(story)


def test_interim_answers_without_end_are_no_answer() -> None:
    """aiohttp passes over as many as come: some megabytes of them stopped the loop for seconds."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    most = LARGEST // len(interim)

    async def story() -> None:
        async with Server(interim * (most + 1) + OK, interim * (most - 2) + OK) as server:
            ours = poster()
            with pytest.raises(PostFailed, match="closed without an answer"):
                await post(ours, server)
            assert await post(ours, server) == 200

    run(story)


def test_a_connection_closed_while_it_was_kept_costs_no_attempt() -> None:
    async def story() -> None:
        async with Server(OK, None) as server:
            ours = poster()
            assert [await post(ours, server) for _ in range(2)] == [200] * 2
            assert len(server.requests) == 3  # the second went out twice

    run(story)


def test_no_answer_in_time() -> None:
    async def story() -> None:
        async with Server(b"", b"HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\n") as server:
            ours = poster(timeout=0.3)
            with pytest.raises(PostFailed, match=r"no answer within 0\.3 s"):
                await post(ours, server)
            assert await post(ours, server) == 404  # its body never came
            assert server.connections == 2

    run(story)


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 201 OK\r\n\r\n", b"HTTP/1.1 201 OK\r\nConnection: close\r\n\r\nsome"]
)
def test_an_answer_without_an_end_is_not_waited_for_long(
    head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_post, "REST", 0.01)

    async def story() -> None:
        async with Server(head) as server:
            ours = poster()
            assert await post(ours, server) == 201
            await server.ended.wait()
            assert await post(ours, server) == 200
            assert server.connections == 2

    run(story)


def test_nobody_listens() -> None:
    async def story() -> None:
        async with Server() as server:
            url = server.url
        with pytest.raises(PostFailed, match=r"refused|failed"):
            await poster().post(url, "token", b"")
        with pytest.raises(PostFailed):
            await poster().post("http://no-such-host.invalid/", "token", b"")

    run(story)


def test_a_cancelled_request_takes_its_connection_along() -> None:
    async def story() -> None:
        async with Server(b"") as server:
            ours = poster()
            task = asyncio.create_task(post(ours, server))
            await server.asked.wait()
            task.cancel()
            await server.ended.wait()
            assert await post(ours, server) == 200
            assert server.connections == 2

    run(story)


def test_connections_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_post, "KEPT", 0.02)

    async def story() -> None:
        async with Server() as server:
            ours = poster()
            assert await post(ours, server) == 200
            await server.ended.wait()
            assert await post(ours, server) == 200
            assert server.connections == 2

    run(story)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """For 127.0.0.1, signed by itself: certificate and key."""
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "cert.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext "
    subprocess.run(
        [*command.split(), "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", made],
        check=True,
        capture_output=True,
    )
    return made, key


def test_https_trusts_whom_it_is_told_to(certificate: tuple[Path, Path]) -> None:
    async def story() -> None:
        server = Server()
        server.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.tls.load_cert_chain(*certificate)
        async with server:
            ours = poster(tls=ssl.create_default_context(cafile=str(certificate[0])))
            assert [await post(ours, server) for _ in range(2)] == [200] * 2
            assert server.connections == 1
            with pytest.raises(PostFailed, match="certificate verify failed"):
                await post(poster(), server)

    run(story)


class Proxy:
    """Takes CONNECT and whole URLs (RFC 9110 §9.3.6, RFC 9112 §3.2.2), and goes there."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        """The first lines of what it was asked."""
        self.passwords: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _ = head.split(" ", 2)
        self.asked.append(f"{method} {target}")
        self.passwords += [
            line for line in head.split("\r\n") if line.lower().startswith("proxy-authorization:")
        ]
        address = target.removeprefix("http://").partition("/")[0]
        host, _, port = address.rpartition(":")
        there, onward = await asyncio.open_connection(host, int(port))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            onward.write(head.encode())
        for source, sink in ((reader, onward), (there, writer)):
            task = asyncio.create_task(self._pass_on(source, sink))
            self._tasks.add(task)

    @staticmethod
    async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while piece := await source.read(65536):
                sink.write(piece)
        except OSError:
            pass
        finally:
            sink.close()


def test_https_goes_through_the_proxy_of_the_environment(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        server = Server()
        server.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.tls.load_cert_chain(*certificate)
        trusts = ssl.create_default_context(cafile=str(certificate[0]))
        async with server, Proxy() as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@127.0.0.1:{proxy.port}")
            monkeypatch.setenv("NO_PROXY", "")
            ours = poster(tls=trusts)
            assert [await post(ours, server) for _ in range(2)] == [200] * 2
            address = server.url.removeprefix("https://").removesuffix("/hook")
            assert proxy.asked == [f"CONNECT {address}"]  # one connection for both
            assert proxy.passwords == ["Proxy-Authorization: Basic bWU6c2VjcmV0"]
            assert b"secret" not in b"".join(server.requests)
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
            straight = poster(tls=trusts)
            assert await post(straight, server) == 200
            assert len(proxy.asked) == 1

    run(story)


def test_http_goes_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with Server() as server, Proxy() as proxy:
            monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv("NO_PROXY", "")
            ours = poster()
            assert await post(ours, server) == 200
            assert proxy.asked == [f"POST {server.url}"]

    run(story)


@pytest.mark.parametrize(
    ("url", "excluded", "proxy"),
    [
        ("https://a.example/x", "", "http://p:1"),
        ("http://a.example/x", "", None),
        ("https://a.example/x", "b.example", "http://p:1"),
        ("https://a.example/x", "b.example, a.example", None),
        ("https://h.a.example/x", ".a.example", None),
        ("https://a.example:8443/x", "a.example:8443", None),
        ("https://a.example/x", "*", None),
    ],
)
def test_which_proxy(
    url: str, excluded: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://p:1")
    monkeypatch.setenv("NO_PROXY", excluded)
    assert proxy_of(url) == proxy


SCRIPT = """
import asyncio, sys
from hookflash.adapters.http_post import Poster
from hookflash.base.errors import PostFailed

async def main():
    poster = Poster({}, 10)
    try:
        print(await poster.post(sys.argv[1], "token", b"{}"))
    except PostFailed as error:
        print(error)
    await poster.close()

asyncio.run(main())
"""


def test_authorities_of_the_environment(certificate: tuple[Path, Path]) -> None:
    """SSL_CERT_FILE is read when a process begins."""

    async def story() -> None:
        server = Server()
        server.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.tls.load_cert_chain(*certificate)
        async with server:
            for trusted, last in (
                (certificate[0], "200"),
                (os.devnull, "certificate verify failed"),
            ):
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-c", SCRIPT, server.url),
                    env={**os.environ, "SSL_CERT_FILE": str(trusted), "PYTHONPATH": SOURCE},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                )
                out, _ = await process.communicate()
                assert last in out.decode().splitlines()[-1]

    asyncio.run(story())


def test_nothing_goes_out_once_it_is_closed() -> None:
    async def story() -> None:
        async with Server() as server:
            ours = poster()
            await ours.close()
            with pytest.raises(PostFailed, match="stopping"):
                await post(ours, server)
            assert server.connections == 0

    run(story)


def test_the_library_is_brought_in_by_webhooks_only() -> None:
    """It takes a tenth of a second of the start, and some megabytes."""
    code = "import sys, hookflash.server; print('aiohttp' in sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": SOURCE},
        check=True,
        capture_output=True,
    )
    assert out.stdout.split() == [b"False"]


PIECES = [
    *(b"HTTP/1.1 200 OK", b"HTTP/1.1 100 Go", b"HTTP/1.0 404 N", b"HTTP/1.1 101 S", b"SIP/2.0 200"),
    *(b"\r\n", b"\r\n\r\n", b"\n", b"Content-Length: 3", b"Content-Length: -1", b"abc", b"\0\xff"),
    *(b"Transfer-Encoding: chunked", b"3\r\nabc\r\n", b"0\r\n\r\n", b"Connection: close"),
    b"X" * 5000,
]


@given(
    st.lists(st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=12), max_size=9)
)
@settings(max_examples=20)
def test_whatever_is_answered_ends_as_a_status_or_as_post_failed(
    answers: list[list[bytes]],
) -> None:
    async def story() -> None:
        async with Server(*(b"".join(pieces) + Server.CLOSE for pieces in answers)) as server:
            ours = poster()
            for _ in answers:
                with contextlib.suppress(PostFailed):
                    assert 100 <= await post(ours, server) <= 999

    run(story)
