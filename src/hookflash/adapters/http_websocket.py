"""A WebSocket of the HTTP servers (RFC 6455): uvicorn's protocol over the library `websockets`,
with limits on what a client may do to it.

Imported when the first client asks for one: without clients, an exchange starts without it. Who the
client is, is asked by the ASGI app, before it accepts; until then not one octet is taken.
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Final

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request
from websockets.protocol import State

from ..base.errors import forget_frames

ABORT: Final = "hookflash.abort"
"""Extension of the ASGI scope: its `abort` ends the connection at once, whatever waits."""
CLOSING: Final = 10.0
"""Seconds for a close that the client does not read or answer."""
UNREAD: Final = 1 << 20
"""Octets that may wait for a client that sends pings and reads no pongs."""
FRAGMENTS: Final = 1024
"""Frames of one message."""
PIECE: Final = 1024
"""Octets that are taken apart at once; what they hold is read by the app before any more is."""
TURN: Final = 0.002
"""Seconds of one turn in which frames are taken apart that are no message yet, or only pings."""
REST: Final = 0.02
"""Seconds until the next turn."""
_ASKED: Final = b"GET / HTTP/1.1\r\n\r\n"


class GuardedWebSocket(WebSocketsSansIOProtocol):
    """One connection, from the request for it on. The limit on a message is uvicorn's setting, and
    that on what waits to be sent the sender's (`api/websockets.py`)."""

    _asked: Request
    _linger: asyncio.TimerHandle | None = None
    _next: asyncio.Handle | None = None
    """When more of `_unread` is taken apart, if that is not for the app to say."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._unread = bytearray()
        """Nothing is read from the connection while there is any."""

    # --- octets ---------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated:
            # The library's own parser takes no lines of over 8 kB, and a join request is longer.
            self._asked = _request(data)
            data = _ASKED
        elif not self.handshake_complete:
            self.transport.abort()  # it has not been answered (RFC 6455 §4.1)
            return
        else:
            self._unread += data
            self._take_apart()
            return
        super().data_received(data)

    def _take_apart(self) -> None:
        """So much that the app has something to read, and for no longer than a turn: thousands of
        small frames fit into what is read at once."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        end = perf_counter() + TURN
        while self._unread and not self.read_paused and perf_counter() < end:
            piece = bytes(self._unread[:PIECE])
            del self._unread[:PIECE]
            super().data_received(piece)
        if self.transport.is_closing():
            self._unread.clear()
        elif not self._unread:
            if not self.read_paused:
                self.transport.resume_reading()
        elif not self.read_paused:
            self.transport.pause_reading()
            self._next = self.loop.call_later(REST, self._take_apart)

    async def receive(self) -> ASGIReceiveEvent:
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            if self._next is None and not self.disconnected:
                self._next = self.loop.call_soon(self._take_apart)
        return message

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(self._asked)
        if self.handshake_complete:
            self._end_soon()  # refused by the library
        else:
            extensions = self.scope["extensions"]
            assert extensions is not None
            extensions[ABORT] = {"abort": self.transport.abort}

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= FRAGMENTS:
            self.transport.abort()
            return
        super().handle_cont(event)

    def handle_ping(self) -> None:
        if self.transport.get_write_buffer_size() > UNREAD:
            self.transport.abort()
            return
        super().handle_ping()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self.frames = []
            self.conn.fail(CloseCode.INVALID_DATA)
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    async def send(self, message: ASGISendEvent) -> None:
        if self.close_sent and self.handshake_complete:
            raise ClientDisconnected  # closed meanwhile for what the client did
        await super().send(message)
        if self.close_sent and self._unread:
            self._take_apart()  # the client's own close is behind it
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True  # refused by the app, which is no error of it

    # --- an end ---------------------------------------------------------------------------------

    def keepalive_timeout(self) -> None:
        """No pong: whoever does not read shall not keep what waits for him either."""
        super().keepalive_timeout()
        self.transport.abort()

    def shutdown(self) -> None:
        """The exchange ends: 1001, going away."""
        if not self.handshake_complete or self.close_sent:
            super().shutdown()
            return
        self.stop_keepalive()
        if self.conn.state is State.OPEN:
            self.queue.put_nowait(
                {"type": "websocket.disconnect", "code": CloseCode.GOING_AWAY, "reason": ""}
            )
            self.conn.send_close(CloseCode.GOING_AWAY)
            self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self._end_soon()

    def _end_soon(self) -> None:
        if not self.disconnected:
            self._linger = self.loop.call_later(CLOSING, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unread.clear()
        # What the library keeps holds what keeps it.
        self.conn.parser.close()
        forget_frames(self.conn.handshake_exc)
        forget_frames(self.conn.parser_exc)
        if self._next is not None:
            self._next.cancel()
        if self._linger is not None:
            self._linger.cancel()


def _request(octets: bytes) -> Request:
    """The head that uvicorn's HTTP has read and writes down again, name and value in each line."""
    first, *lines = octets.decode("latin-1").split("\r\n")[:-2]
    method, path, protocol = first.split(" ")
    headers = Headers()
    for line in lines:
        name, _, value = line.partition(": ")
        headers[name] = value
    return Request(path, headers, method, protocol)


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True
