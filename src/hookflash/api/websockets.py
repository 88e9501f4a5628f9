"""A WebSocket as the API has it, over ASGI's `receive` and `send`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from time import perf_counter
from typing import Final
from urllib.parse import parse_qs

import structlog

from .asgi import TEXT, Message, Receive, Scope, Send
from .pace import Pace, Pacing

MOST_WAITING: Final = 1 << 20
"""Octets that may wait for one client beside the longest message that waits (webrtc.md §3); with
one more its connection is ended. A `join` to a large room is long, and who reads is to have it."""
ABORT: Final = "hookflash.abort"
"""Extension of the scope, by `adapters/http_websocket.py`."""
FLUSH: Final = 2.0
"""Seconds for what is left to be sent when the server has no more to say."""

_log = structlog.get_logger("api")


class WebSocket:
    """One request for a WebSocket: first `accept` or `deny`, once; after `accept`, iterate over
    what the client sends (bytes, or str for a text frame) until one of both has closed it.

    `send` and `close` never wait and never raise: what is sent after the end is dropped. Between
    two messages others have their turn; who sends too many is read more slowly (`pacing`).
    """

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, pacing: Pacing | None = None
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._pacing = pacing or Pacing()
        self._queue: deque[bytes | str] = deque()
        self._waiting = 0
        self._longest = 0
        """Of the messages that wait, or have waited since there was none."""
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._closing: int | None = None
        """The code with which it is to be closed when all is sent."""
        self.over = False
        """Closed, lost or denied."""
        self.answered = False
        """Accepted or denied."""

    @property
    def query(self) -> dict[str, str]:
        """The first value of each parameter."""
        return first_values(self._scope)

    async def accept(self) -> None:
        """Open it. The client may be gone; then there is nothing to iterate over."""
        self.answered = True
        await self._receive()  # websocket.connect
        try:
            await self._send({"type": "websocket.accept"})
        except OSError:
            self.over = True
            return
        self._writer = asyncio.get_running_loop().create_task(self._write())

    async def deny(self, status: int, text: str) -> None:
        """An HTTP answer in place of a WebSocket (ASGI's `websocket.http.response`)."""
        self.answered = self.over = True
        body = text.encode("utf-8", "replace")
        lines = [(b"content-type", TEXT), (b"content-length", b"%d" % len(body))]
        if any(name == b"origin" for name, _ in self._scope["headers"]):
            lines += [(b"access-control-allow-origin", b"*"), (b"vary", b"Origin")]
        start: Message = {
            "type": "websocket.http.response.start",
            "status": status,
            "headers": lines,
        }
        try:
            await self._send(start)
            await self._send({"type": "websocket.http.response.body", "body": body})
        except OSError:
            return  # it did not wait for the answer

    def send(self, message: bytes | str) -> None:
        """A binary frame, or a text frame. Where over `MOST_WAITING` would wait, the connection is
        ended: whoever does not read is not waited for."""
        if self.over or self._closing is not None:
            return
        self._longest = max(self._longest, len(message)) if self._waiting else len(message)
        self._waiting += len(message)
        if self._waiting - self._longest > MOST_WAITING:
            _log.warning("websocket_not_read", path=self._scope["path"], waiting=self._waiting)
            self.abort()
            return
        self._queue.append(message)
        self._wake.set()

    def close(self, code: int = 1000) -> None:
        """Close it when all that waits is sent."""
        if self._closing is None:
            self._closing = code
            self._wake.set()

    def abort(self) -> None:
        """End the connection at once; what waits is not sent."""
        self.over = True
        self._queue.clear()
        self._wake.set()
        self._scope["extensions"][ABORT]["abort"]()

    async def __aiter__(self) -> AsyncIterator[bytes | str]:
        pace = Pace(self._pacing)
        while not self.over:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                break
            octets = message.get("bytes")
            said: bytes | str = octets if octets is not None else message["text"]
            began = perf_counter()
            yield said
            now = perf_counter()
            await self._rest(pace.spent(now, now - began, len(said)))
        self.over = True

    async def _rest(self, seconds: float) -> None:
        """Others have their turn, at least once."""
        self._pacing.slowed += seconds > 0
        try:
            await asyncio.sleep(seconds)
        finally:
            self._pacing.slowed -= seconds > 0

    async def end(self) -> None:
        """After the last word: close it if nobody has, and leave no task behind."""
        self.close()
        if self._writer is None:
            return
        writer, self._writer = self._writer, None  # else its end and this refer to each other
        if self.over:
            writer.cancel()
        done, _ = await asyncio.wait({writer}, timeout=FLUSH)
        if not done:
            self.abort()
            writer.cancel()

    async def _write(self) -> None:
        try:
            while not self.over:
                while self._queue:
                    message = self._queue.popleft()
                    kind = "bytes" if isinstance(message, bytes) else "text"
                    await self._send({"type": "websocket.send", kind: message})
                    self._waiting -= len(message)
                if self._closing is not None:
                    await self._send({"type": "websocket.close", "code": self._closing})
                    return
                self._wake.clear()
                await self._wake.wait()
        except OSError:
            # The client closes or is gone. What it said before is still to be read: `__aiter__`
            # ends where that does.
            self._closing = self._closing or 1000
            self._queue.clear()


def first_values(scope: Scope) -> dict[str, str]:
    """The parameters of a request's query, the first value of each."""
    query: bytes = scope.get("query_string", b"")
    found = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    return {name: values[0] for name, values in found.items()}
