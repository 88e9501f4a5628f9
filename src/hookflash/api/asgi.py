"""The little of HTTP that the API needs on top of the ASGI server."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ..adapters.http_guard import HttpLimits
from ..base.errors import HookflashError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = dict[bytes, bytes]

TEXT = b"text/plain; charset=utf-8"
JSON = b"application/json"
MAX_BODY = HttpLimits().body


class TooLarge(HookflashError):  # noqa: N818  # reads as what happened
    """The body is over its limit, `MAX_BODY` at most: 413."""


class Disconnected(HookflashError):  # noqa: N818  # reads as what happened
    """The client went away before its body was whole."""


async def respond(
    send: Send, status: int, content_type: bytes, body: bytes, extra: Headers | None = None
) -> None:
    """One whole response, with exactly this content type."""
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    if extra:
        headers += extra.items()
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def respond_in_pieces(
    send: Send, status: int, content_type: bytes, pieces: deque[bytes]
) -> None:
    """One whole response whose body comes in pieces, each forgotten when it is sent."""
    size = sum(map(len, pieces))
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % size)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    more = True
    while more:
        piece = pieces.popleft() if pieces else b""
        more = bool(pieces)
        await send({"type": "http.response.body", "body": piece, "more_body": more})


def announced(headers: Headers) -> int:
    """Octets of the body by its Content-Length; 0 where there is none."""
    length = headers.get(b"content-length", b"")
    if not length.isdigit():
        return 0
    return int(length) if len(length) <= 18 else 10**18


async def read_body(receive: Receive, headers: Headers, limit: int = MAX_BODY) -> bytes:
    """The whole body.

    Raises:
        TooLarge: by its Content-Length, or as it comes.
        Disconnected: it did not come whole.
    """
    if announced(headers) > limit:
        raise TooLarge
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        part: bytes = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > limit:
            raise TooLarge  # at once: the rest may never come
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)
