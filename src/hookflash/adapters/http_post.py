"""POSTs over kept-alive connections, by aiohttp.

Proxies are those of the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY), and so are the authorities
of TLS (SSL_CERT_FILE, SSL_CERT_DIR). Redirects are answers like any other.

What is used of aiohttp that is not its public interface, as of 3.10 to 3.14: the protocol of its
connections, `client_proto.ResponseHandler`, which is told of each request by `set_response_params`,
and where a connector has it from, `_factory`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any, Final, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.client_proto import ResponseHandler

from ..base.errors import PostFailed

KEPT: Final = 60.0
"""Seconds for which a connection without a request is kept."""
LARGEST_ANSWER: Final = 4096
"""Octets of an answer's body that are read away to keep the connection; more: it is closed."""
LARGEST: Final = 8192 + LARGEST_ANSWER
"""Octets of an answer with its head, and with the interim answers before it (1xx): of those aiohttp
passes over as many as come, without a turn of the loop for others."""
REST: Final = 1.0
"""Seconds for the rest of an answer whose head is there."""


class Poster:
    """Posts to a few URLs; belongs to one loop. `headers` go with every request, `tls` is what
    https trusts (None: the authorities of the system or of the environment)."""

    def __init__(
        self, headers: Mapping[str, str], timeout: float, tls: ssl.SSLContext | None = None
    ) -> None:
        self._headers = dict(headers)
        self._timeout = timeout
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._proxies: dict[str, str | None] = {}
        """By URL. Not by aiohttp's `trust_env`: that looks into ~/.netrc for each request, in a
        thread, and does not send our Authorization to a host that stands there."""
        self._closed = False

    async def post(self, url: str, authorization: str, body: bytes) -> int:
        """The status of the answer, whose body is read away. Raises PostFailed."""
        if self._closed:
            raise PostFailed("the exchange is stopping")
        seen = SimpleNamespace(kept=False, status=0)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(url, authorization, body, seen)
        except TimeoutError:
            if seen.status:
                return int(seen.status)  # the rest of the answer is not worth more time
            raise PostFailed(f"no answer within {self._timeout:g} s") from None
        except aiohttp.ServerDisconnectedError:
            raise PostFailed("the connection was closed without an answer") from None
        except aiohttp.ClientResponseError as error:
            raise PostFailed(f"no HTTP answer: {error.message}") from None
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            raise PostFailed(str(error) or type(error).__name__) from None

    async def close(self) -> None:
        """Close every connection; no request may be on its way."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _post(self, url: str, authorization: str, body: bytes, seen: SimpleNamespace) -> int:
        while True:
            seen.kept = False
            try:
                return await self._ask(url, authorization, body, seen)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                # A kept connection was closed while nobody used it: no answer to this request. It
                # is gone now, and at last comes one that is new.
                if not seen.kept:
                    raise

    async def _ask(self, url: str, authorization: str, body: bytes, seen: SimpleNamespace) -> int:
        session = self._session or self._open()
        async with session.post(
            url,
            data=body,
            headers={"Authorization": authorization},
            allow_redirects=False,
            proxy=self._proxy(url),
            trace_request_ctx=seen,
        ) as answer:
            seen.status = answer.status
            try:
                async with asyncio.timeout(REST):
                    await _read_away(answer.content)
            except (TimeoutError, aiohttp.ClientError, OSError):
                answer.close()  # the rest of the answer is not worth more time
            return answer.status

    def _open(self) -> aiohttp.ClientSession:
        traces = aiohttp.TraceConfig()
        traces.on_connection_reuseconn.append(_note_kept)
        connector = aiohttp.TCPConnector(
            limit=0,  # the queues have theirs (`webhooks.queue.RetrySchedule.parallel`)
            keepalive_timeout=KEPT,
            ssl=self._tls or True,
        )
        answers = partial(_Answers, loop=asyncio.get_running_loop())
        connector._factory = cast("partial[ResponseHandler]", answers)
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers=self._headers,
            skip_auto_headers=("Accept", "Accept-Encoding"),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),  # `post` has its own
            auto_decompress=False,
            trace_configs=[traces],
        )
        return self._session

    def _proxy(self, url: str) -> str | None:
        if url not in self._proxies:
            self._proxies[url] = proxy_of(url)
        return self._proxies[url]


class _Answers(ResponseHandler):
    """One connection; it ends where an answer is larger than `LARGEST`."""

    _room = LARGEST

    def set_response_params(self, *args: Any, **kwargs: Any) -> None:
        """A request goes out."""
        self._room = LARGEST
        super().set_response_params(*args, **kwargs)

    def data_received(self, data: bytes) -> None:
        """Of the answer, so much that its status is known; b"" where aiohttp goes on reading."""
        room = self._room
        self._room -= len(data)
        super().data_received(data[: max(0, room)])
        if self._room < 0 and self.transport is not None:
            self.transport.abort()


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for a URL."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if not proxy or proxy_bypass(parts.netloc):
        return None
    return proxy


async def _note_kept(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _what: aiohttp.TraceConnectionReuseconnParams,
) -> None:
    context.trace_request_ctx.kept = True


async def _read_away(content: aiohttp.StreamReader) -> None:
    """Read the rest, so that the connection can be kept, unless it is long."""
    size = 0
    while size <= LARGEST_ANSWER:
        piece = await content.readany()
        if not piece:
            return
        size += len(piece)
