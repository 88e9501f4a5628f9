"""POSTs to servers that answer what a test says, octet by octet."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohappyeyeballs import start_connection
from hypothesis import given
from hypothesis import strategies as st

from hookflash.adapters import http_post
from hookflash.adapters.http_post import LARGEST_ANSWER, Poster, PostFailed, PostTarget, check_url
from hookflash.base.errors import ConfigError

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
        await asyncio.wait_for(story(), 20)
        assert left == []

    asyncio.run(guarded())
    uvloop.run(guarded())


def poster(timeout: float = 10, tls: ssl.SSLContext | None = None) -> Poster:
    return Poster(HEADERS, timeout, tls)


async def post(to: Poster, server: Server, body: bytes = b"{}") -> int:
    return await to.post(server.url, "token", body)


def test_the_whole_request_and_one_connection_for_many() -> None:
    async def story() -> None:
        async with Server() as server:
            ours = poster()
            assert [await post(ours, server) for _ in range(3)] == [200] * 3
            ours.close()
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
            ours.close()

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
        (OK + b"more than was asked for", 200, False),
        (OK + b"H", 200, False),
        (OK + b"HTTP/1.1 503 No\r\nX: ", 200, False),
        (OK + b"HTTP/1.1 404 No\r\nContent-Length: 60\r\n\r\n", 200, False),
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
            ours.close()

    run(story)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "closed without an answer"),
        (b"SSH-2.0-OpenSSH_9\r\n", "no HTTP answer"),
        (b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "no HTTP answer"),
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
            ours.close()

    run(story)


def test_a_connection_closed_while_it_was_kept_costs_no_attempt() -> None:
    async def story() -> None:
        async with Server(OK, None) as server:
            ours = poster()
            assert [await post(ours, server) for _ in range(2)] == [200] * 2
            assert len(server.requests) == 3  # the second went out twice
            ours.close()

    run(story)


def test_half_an_answer_on_a_kept_connection_is_not_asked_for_again() -> None:
    async def story() -> None:
        async with Server(OK, b"HTTP/1.1 2" + Server.CLOSE) as server:
            ours = poster()
            assert await post(ours, server) == 200
            with pytest.raises(PostFailed, match="closed without an answer"):
                await post(ours, server)
            assert len(server.requests) == 2
            ours.close()

    run(story)


def test_what_nobody_asked_for_closes_a_kept_connection() -> None:
    async def story() -> None:
        async with Server() as server:
            ours = poster()
            assert await post(ours, server) == 200
            server.writers[0].write(b"HTTP/1.1 408 Too slow\r\nContent-Length: 0\r\n\r\n")
            await server.ended.wait()
            assert await post(ours, server) == 200
            assert server.connections == 2
            ours.close()

    run(story)


def test_no_answer_in_time() -> None:
    async def story() -> None:
        async with Server(b"", b"HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\n") as server:
            ours = poster(timeout=0.3)
            with pytest.raises(PostFailed, match=r"no answer within 0\.3 s"):
                await post(ours, server)
            assert await post(ours, server) == 404  # its body never came
            assert server.connections == 2
            ours.close()

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
            ours.close()

    run(story)


def test_one_look_up_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few run at a time, whoever asks: those of a name that nobody answers for keep out all others.
    Who gives up leaves it to the others."""

    async def story() -> None:
        asked: list[str] = []
        known = asyncio.Event()
        resolve = Poster._look_up

        async def slow(host: str, port: int) -> Any:
            asked.append(host)
            await known.wait()
            return await resolve("127.0.0.1", port)

        async with Server() as server:
            ours = poster()
            url = server.url.replace("127.0.0.1", "receiver.example")
            monkeypatch.setattr(Poster, "_look_up", staticmethod(slow))
            posts = [asyncio.ensure_future(ours.post(url, "token", b"")) for _ in range(5)]
            with pytest.raises(PostFailed, match="no answer"):
                await poster(timeout=0.01).post(url, "token", b"")
            posts.pop().cancel()
            known.set()
            assert await asyncio.gather(*posts) == [200] * 4
            assert asked == ["receiver.example"] * 2
            ours.close()

    run(story)


def test_the_limit_holds_where_connecting_swallows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def deaf(*args: Any, **how: Any) -> socket.socket:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return await start_connection(*args, **how)

    monkeypatch.setattr(http_post, "start_connection", deaf)

    async def story() -> None:
        async with Server(b"") as server:
            with pytest.raises(PostFailed, match="no answer within"):
                await post(poster(timeout=0.05), server)

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
            ours.close()

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
            ours.close()

    run(story)


def test_one_used_since_stays_when_others_are_closed() -> None:
    async def story() -> None:
        async with Server() as server:
            ours = poster()
            await asyncio.gather(post(ours, server), post(ours, server))
            ours._free[server.url][0].free_since -= http_post.KEPT
            ours._sweep()
            await server.ended.wait()
            assert await post(ours, server) == 200
            assert server.connections == 2
            ours.close()

    run(story)


def test_nothing_goes_out_once_it_is_closed() -> None:
    async def story() -> None:
        async with Server(b"") as server:
            ours = poster()
            task = asyncio.create_task(post(ours, server))
            await server.asked.wait()
            ours.close()
            with pytest.raises(PostFailed, match="stopping"):
                await post(ours, server)
            server.writers[0].write(OK)
            assert await task == 200
            await server.ended.wait()  # it is not kept any more

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
            ours.close()
            with pytest.raises(PostFailed, match="certificate verify failed"):
                await post(poster(), server)

    run(story)


def test_giving_up_as_the_handshake_ends_leaves_no_socket_in_two_hands(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A descriptor closed under a transport that lives is given to somebody else."""
    made = http_post._PostConnection.connection_made

    async def story() -> None:
        server, plain = Server(), Server()
        server.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.tls.load_cert_chain(*certificate)
        async with server, plain:
            ours = poster(tls=ssl.create_default_context(cafile=str(certificate[0])))

            def cancel(connection: Any, transport: asyncio.BaseTransport) -> None:
                made(connection, transport)
                task.cancel()

            with monkeypatch.context() as patched:
                patched.setattr(http_post._PostConnection, "connection_made", cancel)
                task = asyncio.ensure_future(post(ours, server))
                with pytest.raises(asyncio.CancelledError):
                    await task
            others = [poster() for _ in range(4)]
            assert [await post(other, plain) for other in others] == [200] * 4
            for other in others:
                other.close()

    run(story)


@pytest.mark.parametrize(
    ("url", "where", "line"),
    [
        ("http://a.example", ("a.example", 80, False), "POST / HTTP/1.1|a.example"),
        ("https://a.example/x?y=z#w", ("a.example", 443, True), "POST /x?y=z HTTP/1.1|a.example"),
        ("http://a:80/", ("a", 80, False), "POST / HTTP/1.1|a"),
        ("http://a:443/", ("a", 443, False), "POST / HTTP/1.1|a:443"),
        ("https://[::1]:8443/", ("::1", 8443, True), "POST / HTTP/1.1|[::1]:8443"),
        (
            "http://bücher.example/ä b%20?ö=1 2",
            ("xn--bcher-kva.example", 80, False),
            "POST /%C3%A4%20b%20?%C3%B6=1%202 HTTP/1.1|xn--bcher-kva.example",
        ),
        ("http://a/\r\nX: y", ("a", 80, False), "POST /X:%20y HTTP/1.1|a"),
    ],
)
def test_where_a_url_points(url: str, where: tuple[str, int, bool], line: str) -> None:
    target = PostTarget.of(url, {"X-Y": "z"})
    assert (target.host, target.port, target.tls) == where
    request, host = line.split("|")
    assert target.head.decode() == f"{request}\r\nHost: {host}\r\nX-Y: z\r\n"


@pytest.mark.parametrize(
    "url",
    [
        *("", "a/b", "ftp://a/", "http:///x", "http://u:p@a/", "http://a:x/", "http://a:99999/"),
        *("http://a:0/", "http://a..example/", "http://.example/", f"http://{'a' * 64}.example/"),
        "http://\u2024/",
    ],
)
def test_what_is_no_url_to_post_to(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|[Pp]ort|label"):
        PostTarget.of(url, {})


def test_a_password_in_a_url_is_not_told() -> None:
    check_url("webhook.urls", "https://a/x")
    for url in ("https://me:secret@a/x", "https://me:sec/secret@a/x"):
        with pytest.raises(ConfigError) as wrong:
            check_url("webhook.urls", url)
        assert "secret" not in str(wrong.value)
        assert "https://...@a/x" in str(wrong.value)


PIECES = [
    *(b"HTTP/1.1 200 OK", b"HTTP/1.1 100 Go", b"HTTP/1.0 404 N", b"HTTP/1.1 101 S", b"SIP/2.0 200"),
    *(b"\r\n", b"\r\n\r\n", b"\n", b"Content-Length: 3", b"Content-Length: -1", b"abc", b"\0\xff"),
    *(
        b"Transfer-Encoding: chunked",
        b"3\r\nabc\r\n",
        b"0\r\n\r\n",
        b"Connection: close",
        b"X" * 5000,
    ),
]


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=12), st.booleans())
def test_whatever_is_answered_ends_as_a_status_or_as_post_failed(
    pieces: list[bytes], joined: bool
) -> None:
    class Wire(asyncio.Transport):
        aborted = False
        written = asyncio.Event()

        def write(self, data: Any) -> None:
            self.written.set()

        def abort(self) -> None:
            self.aborted = True

    async def story() -> None:
        connection, wire = http_post._PostConnection(), Wire()
        connection.connection_made(wire)
        asked = asyncio.ensure_future(connection.ask(b"request"))
        await wire.written.wait()
        for data in [b"".join(pieces)] if joined else pieces:
            if data and not wire.aborted:
                connection.data_received(data)
        assert not (wire.aborted and connection.free)
        connection.connection_lost(None)
        with contextlib.suppress(PostFailed):
            assert 200 <= await asked <= 999
        assert not connection.free

    asyncio.run(story())
