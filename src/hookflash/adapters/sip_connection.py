"""One TCP or TLS connection of SIP, and what all of them share: limits on size, number and time.

What it reads is worked on in turns (`stream_turns`). It reads nothing while it waits for its turn,
while its source is over its rate, and while the peer does not read what it is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Protocol, cast

import structlog

from ..base.errors import SipError
from ..base.light import light_dataclass
from ..sip.codec import KeepAlive, StreamDecoder
from ..sip.flow import Flow, Transport
from ..sip.message import Request, Response
from .connections import Connections
from .open_files import OpenFiles
from .source_rate import SourceRate
from .stream_turns import StreamTurns

_log = structlog.get_logger("sip")

PING = b"\r\n\r\n"
"""A keep-alive (RFC 5626 §3.5.1)."""
_PONG = b"\r\n"
_NEVER = float("inf")
_READ = 16 * 1024
"""Octets read at a time."""


class SipReceiver(Protocol):
    """Who takes what comes in (the runtime's SIP stack)."""

    def message_received(self, message: Request | Response, flow: Flow) -> None: ...

    def bad_message(self, error: SipError, flow: Flow) -> None: ...

    def flow_failed(self, flow: Flow) -> None: ...


@light_dataclass(frozen=True, slots=True)
class SipLimits:
    """Times are seconds, sizes octets."""

    first_message: float = 30.0
    """From the connection of a peer to its first whole message."""
    one_message: float = 30.0
    """From the first octet of a message to its last."""
    unread: float = 30.0
    """For a peer that does not read its answers."""
    idle: float = 900.0
    """Without traffic, where there is neither a call nor a transaction."""
    handshake: float = 10.0
    """Of TLS."""
    handshakes: int = 128
    """At once."""
    handshakes_of_one: int = 32
    """The same of one address."""
    held: int = 16 * 1024 * 1024
    """Of messages that are not whole, or wait for their turn, over all connections."""
    written: int = 64 * 1024
    """Answers that wait for a peer to read them before nothing more is read from it."""
    pending: int = 1024 * 1024
    """What may wait for a peer to read it before it is given up."""


class StreamGuard:
    """What the connections of one process share. `in_use` says whether a call or a transaction
    needs a flow."""

    def __init__(
        self,
        *,
        limits: SipLimits | None = None,
        most: int = 0,
        most_of_one: int = 0,
        rate: SourceRate | None = None,
        files: OpenFiles | None = None,
        in_use: Callable[[Flow], bool] = lambda _: False,
    ) -> None:
        self.limits = limits or SipLimits()
        self.rate = rate or SourceRate(monotonic, 0)
        self.files = files or OpenFiles(monotonic)
        self.in_use = in_use
        self.connections = Connections(most, most_of_one)
        """Those that peers opened."""
        self.connections.keeps = _is_needed
        self.turns = StreamTurns()
        self.buffer = memoryview(bytearray(_READ))
        """Read into by one connection after another, which copies what it got."""
        self.held = 0


def _is_needed(connection: object) -> bool:
    return isinstance(connection, SipConnection) and connection.is_needed()


class Owner(Protocol):
    """Of connections (`sip_sockets.SipSockets`)."""

    receiver: SipReceiver

    @property
    def guard(self) -> StreamGuard: ...

    def adopt(
        self, connection: SipConnection, kind: Transport, wire: asyncio.Transport
    ) -> Flow: ...

    def release(self, flow: Flow) -> None: ...

    def open_connections(self) -> Iterable[SipConnection]: ...


class SipConnection(asyncio.BufferedProtocol):
    """In either direction; `theirs`: the peer opened it."""

    def __init__(
        self, owner: Owner, transport: Transport, name: str = "", *, theirs: bool = False
    ) -> None:
        self._owner = owner
        self._now = asyncio.get_running_loop().time
        self._guard = owner.guard
        self._kind: Transport = transport
        self.name = name
        """The name that the peer's certificate showed, of a TLS connection that we opened."""
        self._decoder = StreamDecoder()
        self._wire: asyncio.Transport | None = None
        self.flow: Flow | None = None
        self.held = 0
        """Octets of it among those that `StreamGuard.held` counts."""
        self._waits = self._paused = self._unread = self._slowed = False
        self._stirred = False
        """It was heard since somebody asked whether it is needed."""
        self._heard_at = self._first_by = self._whole_by = self._read_by = _NEVER
        self._theirs = theirs
        self._due = _NEVER
        self._timer: asyncio.TimerHandle | None = None
        self._slow: asyncio.TimerHandle | None = None

    # --- the protocol ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = wire = cast(asyncio.Transport, transport)
        peer = wire.get_extra_info("peername")
        if not peer or (self._theirs and not self._guard.connections.add(self, peer[0])):
            self._wire = None
            wire.abort()
            return
        limits = self._guard.limits
        wire.set_write_buffer_limits(limits.written)
        self.flow = self._owner.adopt(self, self._kind, wire)
        now = self._heard_at = self._now()
        if self._theirs:
            self._first_by = now + limits.first_message
        self._watch()

    def get_buffer(self, _: int) -> memoryview:
        return self._guard.buffer

    def buffer_updated(self, count: int) -> None:
        if self.flow is None:
            return
        self._decoder.add(self._guard.buffer[:count])
        self._stirred = True
        self._heard_at = self._now()
        if self._waits or self._unread or self._slowed:
            self._account()
        else:
            self._guard.turns.offer(self, count)

    def pause_writing(self) -> None:
        self._unread = True
        self._read_by = self._now() + self._guard.limits.unread
        self._pause()
        self._watch()

    def resume_writing(self) -> None:
        self._unread = False
        self._read_by = _NEVER
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wire = None
        for timer in (self._timer, self._slow):
            if timer is not None:
                timer.cancel()
        self._guard.connections.remove(self)
        if self.flow is not None:
            self._guard.held -= self.held
            self.held = 0
            self._owner.release(self.flow)

    # --- `stream_turns.Stream` ------------------------------------------------------------------

    def step(self) -> bool:
        flow, wire = self.flow, self._wire
        if flow is None or wire is None or self._unread or self._slowed or wire.is_closing():
            return False
        item = self._decoder.next()
        if self._theirs and (later := self._guard.rate.over(flow.remote[0])):
            self._slow_down(later)
        if item is None:
            return False
        self._whole_by = _NEVER
        if isinstance(item, KeepAlive):
            if item.ping:
                wire.write(_PONG)
        elif isinstance(item, SipError):
            self._owner.receiver.bad_message(item, flow)
        else:
            self._first_by = _NEVER
            self._owner.receiver.message_received(item, flow)
        if self._decoder.broken:
            wire.close()
        return self._decoder.held > 0

    def rest(self, more: bool) -> None:
        self._waits = more
        if self._wire is None:
            return
        self._account()
        if self.held and self._whole_by == _NEVER and not more:
            self._whole_by = self._now() + self._guard.limits.one_message
            self._watch()
        if more or self._unread or self._slowed:
            self._pause()
        elif self._paused and not self._wire.is_closing():
            self._paused = False
            self._wire.resume_reading()

    # --- what it is asked -----------------------------------------------------------------------

    def send(self, data: bytes) -> bool:
        """Write; False where the connection is gone or the peer does not read."""
        wire = self._wire
        if wire is None or wire.is_closing():
            return False
        if wire.get_write_buffer_size() > self._guard.limits.pending:
            wire.abort()
            return False
        self._heard_at = self._now()
        wire.write(data)
        return True

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()

    def give_way(self) -> None:
        """`connections.Closable`; also for who holds too much, or is silent for too long."""
        if self._wire is not None:
            self._wire.abort()

    def is_needed(self) -> bool:
        """Whether it was heard since the last time that somebody asked, or has a call."""
        if self._stirred:
            self._stirred = False
            return True
        return self._has_call

    # --- inside ---------------------------------------------------------------------------------

    @property
    def _stopped(self) -> bool:
        return self._unread or self._slowed

    @property
    def _has_call(self) -> bool:
        """Or a transaction."""
        return self.flow is not None and self._guard.in_use(self.flow)

    def _pause(self) -> None:
        if not self._paused and self._wire is not None and not self._wire.is_closing():
            self._paused = True
            self._wire.pause_reading()

    def _slow_down(self, seconds: float) -> None:
        """Its source has had its share of this second."""
        self._slowed = True
        self._slow = asyncio.get_running_loop().call_later(seconds, self._heard_again)

    def _heard_again(self) -> None:
        self._slowed = False
        self._go_on()

    def _go_on(self) -> None:
        if not self._stopped and not self._waits and self.flow is not None:
            self._guard.turns.offer(self, 0)

    def _account(self) -> None:
        """After every change of what is held: who holds most goes while it is too much."""
        guard, held = self._guard, self._decoder.held
        if held == self.held:
            return
        guard.held += held - self.held
        self.held = held
        while guard.held > guard.limits.held:
            largest = max(self._owner.open_connections(), key=lambda each: each.held)
            _log.info("sip_stream_closed", source=largest.source, why="unfinished messages")
            largest.drop()

    def drop(self) -> None:
        """Close at once, and hold nothing from now on."""
        self._guard.held -= self.held
        self.held = 0
        self._decoder = StreamDecoder()
        self._decoder.broken = True
        self.give_way()

    @property
    def source(self) -> str:
        """The peer's address."""
        return "" if self.flow is None else self.flow.remote[0]

    def _watch(self) -> None:
        """See to it that somebody looks when the next of its times is over."""
        due = min(
            self._first_by,
            self._whole_by,
            self._read_by,
            self._heard_at + self._guard.limits.idle,
        )
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due = due
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, due - loop.time()), self._look)

    def _look(self) -> None:
        self._timer = None
        now, why = self._now(), ""
        if self._first_by <= now:
            why = "no whole message"
        elif self._whole_by <= now:
            why = "a message that does not end"
        elif self._read_by <= now:
            why = "answers are not read"
        elif self._heard_at + self._guard.limits.idle <= now:
            if self._has_call:
                self._heard_at = now
            else:
                why = "no traffic"
        if why:
            _log.debug("sip_stream_closed", source=self.source, why=why)
            self.give_way()
        else:
            self._watch()
