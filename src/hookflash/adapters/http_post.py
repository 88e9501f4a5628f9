"""POSTs over kept-alive HTTP/1.1 connections, at a quarter of what a general client takes for one.

An exchange with webhooks posts half a dozen times for each call. httptools reads the answers, as it
reads the requests of the API, and aiohappyeyeballs finds an address that answers; what is ours is
the head of a request and which connection is free. Redirects are answers like any other.
"""

from __future__ import annotations

import asyncio
import math
import re
import socket
import ssl
from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import quote, urlsplit

from aiohappyeyeballs import start_connection
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from ..base.errors import ConfigError, HookflashError
from ..base.light import light_dataclass

KEPT: Final = 60.0
"""Seconds for which a connection without a request is kept."""
LARGEST_ANSWER: Final = 4096
"""Octets of an answer's body that are read away to keep the connection; more: it is closed."""
REST: Final = 1.0
"""Seconds for the rest of an answer that only the end of its connection ends."""
_SECOND_ADDRESS: Final = 0.25
"""Seconds before the next address of a host is tried beside the first (RFC 8305 §8)."""
_PATH: Final = "/%:@!$&'()*+,;=~-._?"


class PostFailed(HookflashError):  # noqa: N818  # reads as what happened
    """No answer came; the text says why."""


@light_dataclass(frozen=True, slots=True)
class PostTarget:
    """Where a URL points, and what each request to it begins with."""

    host: str
    port: int
    tls: bool
    head: bytes
    """Request line and headers that never change."""

    @classmethod
    def of(cls, url: str, headers: Mapping[str, str]) -> PostTarget:
        """Raises ValueError if `url` is none of http or https with a host and no user name."""
        parts = urlsplit(url)
        # idna refuses what no resolver takes either: empty labels, and those too long.
        host = (parts.hostname or "").encode("idna").decode("ascii")
        known = parts.scheme in {"http", "https"}
        if not known or not host.strip(".") or "@" in parts.netloc or parts.port == 0:
            raise ValueError(f"no URL to post to: {url}")
        tls = parts.scheme == "https"
        usual = 443 if tls else 80
        shown = f"[{host}]" if ":" in host else host
        if parts.port not in {None, usual}:
            shown += f":{parts.port}"
        path = quote(parts.path, safe=_PATH) or "/"
        if parts.query:
            path += "?" + quote(parts.query, safe=_PATH)
        lines = [f"POST {path} HTTP/1.1", f"Host: {shown}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "".join(f"{line}\r\n" for line in lines).encode("ascii")
        return cls(host, parts.port or usual, tls, head)


def check_url(setting: str, url: str) -> None:
    """Raises ConfigError if nothing can be posted to a URL of the configuration."""
    try:
        PostTarget.of(url, {})
    except ValueError:
        shown = re.sub(r"//.*@", "//...@", url)  # there may be a password
        allowed = "URLs that start with http:// or https://, with a host and no user name"
        raise ConfigError(setting, shown, allowed) from None


class Poster:
    """Posts to a few URLs; belongs to one loop. `headers` go with every request, `tls` is what
    https trusts (None: the system's authorities)."""

    def __init__(
        self, headers: Mapping[str, str], timeout: float, tls: ssl.SSLContext | None = None
    ) -> None:
        self._headers = dict(headers)
        self._timeout = timeout
        self._tls = tls
        self._targets: dict[str, PostTarget] = {}
        self._free: dict[str, list[_PostConnection]] = {}
        """By URL; the one used last is the next."""
        self._asked: dict[tuple[str, int], asyncio.Future[Any]] = {}
        """Addresses that are being looked up: few look-ups run at a time, so one for all."""
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def post(self, url: str, authorization: str, body: bytes) -> int:
        """The status of the answer, whose body is read away. Raises PostFailed."""
        if self._closed:
            raise PostFailed("the exchange is stopping")
        target = self._targets.get(url)
        if target is None:
            target = self._targets[url] = PostTarget.of(url, self._headers)
        data = b"%sAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s" % (
            *(target.head, authorization.encode("ascii")),
            *(len(body), body),
        )
        connection = self._kept(url)
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                if connection is not None:
                    try:
                        return await connection.ask(data)
                    except PostFailed:
                        if connection.heard:
                            raise
                        # It was closed while nobody used it: no answer to this request.
                connection = await self._connect(target)
                # Anew, since connecting may swallow the end of the time.
                async with asyncio.timeout_at(limit.when()):
                    return await connection.ask(data)
        except (OSError, UnicodeError, RuntimeError) as error:
            if connection is not None and connection.status:
                return connection.status  # the rest of the answer is not worth more time
            late = f"no answer within {self._timeout:g} s"
            raise PostFailed(str(error) or late) from None
        finally:
            if connection is not None:
                self._give_back(url, connection)

    def close(self) -> None:
        """Close what is not in use; what is goes with its request."""
        self._closed = True
        self._sweep()

    # --- connections --------------------------------------------------------------------------

    async def _connect(self, target: PostTarget) -> _PostConnection:
        loop = asyncio.get_running_loop()
        infos = await asyncio.shield(self._addresses(target))
        sock = await start_connection(
            infos, happy_eyeballs_delay=_SECOND_ADDRESS, interleave=1, loop=loop
        )
        connection = _PostConnection()
        try:
            await loop.create_connection(
                lambda: connection,
                sock=sock,
                ssl=self._context() if target.tls else None,
                server_hostname=target.host.rstrip(".") if target.tls else None,
            )
        except BaseException:
            connection.drop()  # first: a transport that lives has the socket
            sock.close()
            raise
        return connection

    def _addresses(self, target: PostTarget) -> asyncio.Future[Any]:
        where = target.host, target.port
        found = self._asked.get(where)
        if found is None:
            found = asyncio.ensure_future(self._look_up(*where))
            self._asked[where] = found

            def done(answer: asyncio.Future[Any]) -> None:
                del self._asked[where]
                _ = answer.cancelled() or answer.exception()  # maybe nobody waits any more

            found.add_done_callback(done)
        return found

    @staticmethod
    async def _look_up(host: str, port: int) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _kept(self, url: str) -> _PostConnection | None:
        free = self._free.get(url)
        while free:
            connection = free.pop()
            if connection.free:
                return connection
        return None

    def _give_back(self, url: str, connection: _PostConnection) -> None:
        if self._closed or not connection.free:
            connection.drop()
            return
        loop = asyncio.get_running_loop()
        connection.free_since = loop.time()
        self._free.setdefault(url, []).append(connection)
        if self._timer is None:
            self._timer = loop.call_later(KEPT, self._sweep)

    def _sweep(self) -> None:
        """Close what was free for long enough."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        before = math.inf if self._closed else loop.time() - KEPT
        for free in self._free.values():
            for connection in free:
                if connection.free_since <= before:
                    connection.drop()
            free[:] = [connection for connection in free if connection.free]
        left = [connection.free_since for free in self._free.values() for connection in free]
        if left:
            self._timer = loop.call_at(min(left) + KEPT, self._sweep)


class _PostConnection(asyncio.Protocol):
    """One request at a time. The methods named `on_…` are httptools'."""

    __slots__ = (
        "_answer",
        "_parser",
        "_size",
        "_transport",
        "free",
        "free_since",
        "heard",
        "status",
    )

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        # Line ends and headers as people write them by hand.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True
        )
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._size = 0
        self.status = 0
        """Of the answer, as soon as its headers are there."""
        self.heard = False
        """Whether anything of the answer came."""
        self.free = False
        """Good for another request."""
        self.free_since = 0.0
        """Time of the loop."""

    async def ask(self, data: bytes) -> int:
        """Send a request; the status of its answer, once that is whole. Raises PostFailed."""
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._answer = answer
        self.status = self._size = 0
        self.heard = self.free = False
        if self._transport is None:
            raise PostFailed("the connection was closed")
        self._transport.write(data)
        return await answer

    def drop(self) -> None:
        """Close it, whatever it is doing."""
        self.free = False
        if self._transport is not None:
            self._transport.abort()

    # --- what comes ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._answer is None:  # nobody asked
            self.drop()
            return
        self.heard = True
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._end(f"no HTTP answer: {error}")
        else:
            if self._answer is None and not self.free:
                self.drop()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._end(str(exc or "") or "the connection was closed without an answer")

    def _end(self, why: str) -> None:
        """Nothing more will come."""
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            if self.status:
                answer.set_result(self.status)
            else:
                answer.set_exception(PostFailed(why))
        self.drop()

    # --- what httptools reads -----------------------------------------------------------------

    def on_message_begin(self) -> None:
        self.free = False  # whatever it is, it is not the answer to a request to come

    def on_headers_complete(self) -> None:
        status: int = self._parser.get_status_code()
        self.status = status if status >= 200 else 0  # 1xx comes before the answer
        if self.status and not self._parser.should_keep_alive():
            asyncio.get_running_loop().call_later(REST, self._enough, self._answer)

    def on_body(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > LARGEST_ANSWER:
            self._answered(free=False)

    def on_message_complete(self) -> None:
        if self.status:
            self._answered(free=self._parser.should_keep_alive())

    def _answered(self, *, free: bool) -> None:
        answer, self._answer = self._answer, None
        self.free = free and answer is not None
        if answer is not None and not answer.done():
            answer.set_result(self.status)

    def _enough(self, answer: asyncio.Future[int] | None) -> None:
        if answer is self._answer is not None:
            self._answered(free=False)
            self.drop()
