"""Limits on what a client can send before anybody knows it: size, number, time, and the sum.

uvicorn's HTTP has none on the head of a request (its setting for that is for another parser), none
on what stands between the pieces of a body, and a time only for a connection that was answered. So
octets are counted here before its parser sees them, a few kilobytes at a time, and refused with the
status that HTTP has for it (RFC 9110 §15.5, RFC 6585 §5).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from http import HTTPStatus
from typing import Any, Final, Literal

from uvicorn import Config
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from ..base.light import light_dataclass
from .connections import Connections

PIECE: Final = 16 * 1024
"""Octets that the parser gets at a time: by so much a limit may be passed."""
PER_CHUNK: Final = 16
"""Octets of a chunk's frame that are free: its size in hex, two line ends (RFC 9112 §7.1)."""
LINGER: Final = 2.0
"""Seconds in which a refused client may read why, before what it still sends closes that on it."""
LINGER_OCTETS: Final = 1 << 20

Part = Literal["rest", "head", "body"]


@light_dataclass(frozen=True, slots=True)
class HttpLimits:
    """Of one request, but for `held`. Sizes are octets, times seconds."""

    head: int = 64 * 1024
    lines: int = 100
    url: int = 32 * 1024
    """Room for a token in a query; longer ones, to `tokens.LONGEST`, come in a header."""
    body: int = 10 * 1024 * 1024
    pipelined: int = 16
    """Requests of one connection that wait for the answer of an earlier one."""
    head_time: float = 10.0
    body_time: float = 30.0
    send_time: float = 60.0
    """For an answer that is not read."""
    held: int = 64 * 1024 * 1024
    """All heads and bodies that are being read or answered, together."""
    grain: float = 1.0
    """How late an end may be noticed."""


class HttpGuard:
    """What the connections of one server share."""

    def __init__(
        self, limits: HttpLimits, connections: Connections, websockets: Collection[str] = ()
    ) -> None:
        self.limits = limits
        self.connections = connections
        self.websockets = websockets
        """Paths that are WebSockets to whoever asks for one there."""
        self.held = 0
        self._timed: set[GuardedHttp] = set()
        """Those for which time runs."""
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, connection: GuardedHttp) -> None:
        """Time runs for it; it is looked at until it says that it does not."""
        self._timed.add(connection)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self.limits.grain, self._look)

    def forget(self, connection: GuardedHttp) -> None:
        """It is closed, or somebody else's."""
        self._timed.discard(connection)

    def hold(self, octets: int) -> None:
        """So many more are held; those who hold most are refused while it is too much."""
        self.held += octets
        while self.held > self.limits.held:
            # There is one: at the latest whoever brought these octets, which go with it.
            unfinished = (each for each in self._timed if each.unfinished)
            max(unfinished, key=lambda each: each.holds).refuse(503)

    def _look(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        for connection in list(self._timed):
            if not connection.look(now):
                self._timed.discard(connection)
        if self._timed:
            self.watch(next(iter(self._timed)))

    def stop(self) -> None:
        """No look at anything any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class GuardedHttp(HttpToolsProtocol):
    """One connection. The methods named `on_…` are httptools', others asyncio's or uvicorn's."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        guard: HttpGuard,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._guard = guard
        self._limits = guard.limits
        self._part: Part = "rest"
        self._octets = 0
        """Of this part, as they came."""
        self._lines = 0
        self._body = 0
        self._chunks = 0
        self._until = 0.0
        """When this part is to be whole; time of the loop."""
        self._unread_since: float | None = None
        """Since when the client does not read its answer."""
        self._status = 0
        """Why the parser was stopped."""
        self._refused = False
        self._gone = False
        """Closed, or a WebSocket."""
        self._upgrades = False
        """What comes next is for a WebSocket."""
        self._dropped = 0
        self._running: RequestResponseCycle | None = None
        """The request that is answered: `cycle` is the last one that came."""
        self._linger: asyncio.TimerHandle | None = None
        self.holds = 0
        """Octets that count in `HttpGuard.held`."""

    # --- a connection comes and goes ------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self._guard.connections.add(self, self.client[0] if self.client else ""):
            transport.abort()
            return
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        if self._linger is not None:
            self._linger.cancel()
        super().connection_lost(exc)
        self._give_up()

    def give_way(self) -> None:
        """`connections.Closable`."""
        self.transport.abort()

    def handle_websocket_upgrade(self) -> None:
        """From here on it is a WebSocket, with limits of its own."""
        self._leave()
        if self.ws_protocol_class is None:
            from .http_websocket import GuardedWebSocket  # a library that few exchanges need

            self.ws_protocol_class = GuardedWebSocket
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # it has this object's methods

    def _should_upgrade(self) -> bool:
        return self._upgrades

    def _is_websocket(self) -> bool:
        """Whether this request may make a WebSocket of the connection: it has no body, and nobody
        waits for the answer to an earlier one."""
        if self._get_upgrade() != b"websocket" or self._answering or self.pipeline:
            return False
        if self.ws_protocol_class is None and self._path() not in self._guard.websockets:
            return False
        bodies = (b"content-length", b"transfer-encoding")
        return self.parser.get_method() == b"GET" and not any(
            name in bodies for name, _ in self.headers
        )

    def _path(self) -> str:
        """As the app sees it (`api/app.py`)."""
        path = self.url.partition(b"?")[0].decode("latin-1")
        return path[1:] if path.startswith("//") else path

    def _leave(self) -> None:
        self._gone = True
        self._release()
        self._guard.connections.remove(self)
        self._guard.forget(self)

    # --- octets ---------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if len(data) <= PIECE:
            self._feed(data)
            return
        for start in range(0, len(data), PIECE):
            self._feed(data[start : start + PIECE])

    def _feed(self, piece: bytes) -> None:
        if self._refused:
            self._dropped += len(piece)
            if self._dropped > LINGER_OCTETS:
                self.transport.abort()
            return
        if self._gone or self.transport.is_closing():
            return
        if self._part == "rest":
            self._begin_head()
        self._octets += len(piece)
        if not (self._part == "body" and self.cycle.response_complete):
            self.holds += len(piece)
            self._guard.hold(len(piece))
            if self._refused:
                return
        super().data_received(piece)
        if not self._refused:
            self._check_size()

    def _check_size(self) -> None:
        limits = self._limits
        if self._part == "head":
            if self._octets > limits.head:
                self.refuse(431)
        elif self._part == "body":
            # What is no body: sizes and extensions of chunks, and trailers.
            frames = self._octets - self._body - PER_CHUNK * self._chunks
            if self._body > limits.body or frames > limits.head:
                self.refuse(413)

    def _begin_head(self) -> None:
        self._part = "head"
        self._octets = self._lines = 0
        self._until = self.loop.time() + self._limits.head_time
        self._guard.watch(self)

    def _release(self) -> None:
        self._guard.held -= self.holds
        self.holds = 0

    # --- what the parser finds ------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= self._limits.pipelined:
            self._stop(429)
        if self._part != "head":
            self._begin_head()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self._limits.url:
            self._stop(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._lines += 1
        if self._lines > self._limits.lines:
            self._stop(431)
        if self._part == "head":  # a trailer is nobody's business
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._octets = self._body = self._chunks = 0
        self._until = self.loop.time() + self._limits.body_time
        self._upgrades = self.parser.should_upgrade() and self._is_websocket()
        if self._upgrades and not self.url.isascii():
            self._stop(400)
        super().on_headers_complete()  # refuses a URL that is none
        self._part = "body"

    def on_chunk_header(self) -> None:
        self._chunks += 1

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._part = "rest"
        super().on_message_complete()
        if self._answering:
            self._guard.connections.busy(self)

    def on_response_complete(self) -> None:
        self._release()
        super().on_response_complete()
        if not self._answering:
            self._guard.connections.silent(self)

    def _stop(self, status: int) -> None:
        """Out of the parser; uvicorn answers by `send_400_response` then."""
        self._status = status
        raise ValueError(HTTPStatus(status).phrase)

    def send_400_response(self, msg: str) -> None:
        self.refuse(self._status or 400)

    # --- time -----------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_since = self.loop.time()
        self._guard.watch(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread_since = None

    @property
    def unfinished(self) -> bool:
        """Something of a request is here, and not all of it."""
        return self._part != "rest" and not self._refused

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def look(self, now: float) -> bool:
        """Close what takes too long; False when time does not run any more."""
        if self._unread_since is not None:
            if now - self._unread_since >= self._limits.send_time:
                self.transport.abort()
            return True
        if not self.unfinished:
            return False
        if now < self._until:
            return True
        waits = self._part == "head" and self._answering
        if waits or self.pipeline or self.flow.read_paused:
            self._until = now + self._limits.head_time  # it is our turn
        elif self._part == "head" and not self._octets:
            self.transport.close()  # it never said anything
        else:
            self.refuse(408)
        return True

    # --- an end ---------------------------------------------------------------------------------

    def _give_up(self) -> None:
        """Whoever answers is told that nobody is there."""
        for cycle in (self._running, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    def refuse(self, status: int) -> None:
        """Answer with that, if nothing is answered yet, and read nothing more. Called once."""
        self._refused = True
        self._release()
        cycle, reads_body = self.cycle, self._part == "body"
        others = bool(self.pipeline) or (self._answering and not reads_body)
        self._give_up()
        if others or (reads_body and cycle.response_started):
            self.transport.abort()  # this would be read as the answer to something else
            return
        text = HTTPStatus(status).phrase.encode()
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%s" % (status, text, len(text), text)
        )
        # Closed with octets unread, the answer would be taken back by a reset.
        self.transport.write_eof()
        self._linger = self.loop.call_later(LINGER, self.transport.abort)
