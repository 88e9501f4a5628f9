"""One TCP connection of a peer connection (RFC 6544, passive), with RFC 4571 framing: each packet
behind its length in two octets. And what all such connections share.

Who connects is a stranger until the owner admits it. A stranger must begin with STUN, sends small
frames only, has some seconds, and goes first when there are too many connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final, Protocol, cast

from ..base.light import light_dataclass
from ..webrtc.stun import is_stun
from .connections import Connections
from .open_files import OpenFiles
from .sip_sockets import plain_ip
from .stream_turns import StreamTurns

LONGEST: Final = 0xFFFF
"""Octets of a frame, which its length can say."""
LONGEST_DATAGRAM: Final = 2048
"""Octets of what is read from UDP, and of a stranger's frames; clients keep to some 1,200."""

DROPPED: Final = (
    "receive_buffer_full",
    "send_buffer_full",
    "send_failed",
    "too_long",
    "tcp_closed",
    "tcp_unread",
    "tcp_no_stun",
    "tcp_silent",
    "tcp_refused",
)
"""Why something was dropped: packets that came while the kernel's buffer was full; packets to send
where the kernel takes no more, or the network refuses them; packets that are too long; packets to
send where the connection is closed, or its peer does not read. And connections: that did not begin
with STUN, that were not admitted in time, that were too many."""

_READ: Final = 16 * 1024
"""Octets read at a time."""


class RtcPath(Protocol):
    """One remote address through UDP, or one TCP connection. Hashable, equal for one 5-tuple."""

    remote: tuple[str, int]
    """IP and port of the far end."""

    def __hash__(self) -> int: ...

    def send(self, data: bytes) -> None:
        """One packet. Never raises for what the network does: it is dropped and counted."""
        ...


class RtcOwner(Protocol):
    """Who takes what comes in. None of this may raise."""

    def received(self, path: RtcPath, data: bytes, now: float) -> None:
        """One packet of whoever it may be."""
        ...

    def admits(self, path: RtcPath) -> bool:
        """Whether a peer connection has checked this path."""
        ...

    def closed(self, path: RtcPath) -> None:
        """A connection has gone; of UDP nobody can tell."""
        ...


@light_dataclass(frozen=True, slots=True)
class RtcLimits:
    """Times are seconds, sizes octets."""

    connections: int = 1024
    strangers_of_one: int = 32
    """Connections of one address that are not admitted; the oldest makes room."""
    first_check: float = 10.0
    """From the connection until it must be admitted."""
    look: float = 30.0
    """Between two looks whether it still is."""
    waiting: int = 256 * 1024
    """What may wait for a peer to read it; beyond that packets are dropped."""
    unread: float = 30.0
    """For a peer that does not read."""


class RtcShared:
    """What the connections, and the datagrams' sockets, of one process share."""

    def __init__(
        self,
        owner: RtcOwner,
        now: Callable[[], float] = monotonic,
        limits: RtcLimits | None = None,
        files: OpenFiles | None = None,
    ) -> None:
        self.owner = owner
        self.now = now
        self.limits = limits or RtcLimits()
        self.files = files or OpenFiles(monotonic)
        self.connections = Connections(self.limits.connections, self.limits.strangers_of_one)
        self.open: set[TcpPath] = set()
        self.turns = StreamTurns()
        self.buffer = memoryview(bytearray(_READ))
        """Read into by one connection after another, which copies what it got."""
        self.dropped = dict.fromkeys(DROPPED, 0)


class TcpPath(asyncio.BufferedProtocol):
    """`RtcPath` of a connection that a peer has opened. What it reads is worked on in turns, and it
    reads nothing while it waits for one."""

    def __init__(self, shared: RtcShared) -> None:
        self._shared = shared
        self._wire: asyncio.Transport | None = None
        self._read = bytearray()
        self._heard = self._admitted = False
        self._paused = False
        self._unread_since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.remote = ("", 0)

    # --- the protocol ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        wire = cast(asyncio.Transport, transport)
        peer = wire.get_extra_info("peername")
        if not peer or not self._shared.connections.add(self, peer[0]):
            self._shared.dropped["tcp_refused"] += 1
            wire.abort()
            return
        self._wire = wire
        self._shared.open.add(self)
        self.remote = (plain_ip(peer[0]), peer[1])
        limits = self._shared.limits
        wire.set_write_buffer_limits(limits.waiting)
        self._look_in(limits.first_check)

    def get_buffer(self, _: int) -> memoryview:
        return self._shared.buffer

    def buffer_updated(self, count: int) -> None:
        self._read += self._shared.buffer[:count]
        self._shared.turns.offer(self, count)  # what waits there reads nothing

    def pause_writing(self) -> None:
        self._unread_since = asyncio.get_running_loop().time()

    def resume_writing(self) -> None:
        self._unread_since = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._shared.connections.remove(self)
        if self._wire is not None:
            self._wire = None
            self._read.clear()
            self._shared.open.discard(self)
            self._shared.owner.closed(self)

    # --- `stream_turns.Stream` ------------------------------------------------------------------

    def step(self) -> bool:
        read = self._read
        if self.closed or len(read) < 2:
            return False
        size = int.from_bytes(read[:2], "big")
        if size > LONGEST_DATAGRAM and not self._admitted:
            self._give_up("too_long" if self._heard else "tcp_no_stun")
            return False
        if len(read) < 2 + size:
            return False
        frame = bytes(read[2 : 2 + size])
        del read[: 2 + size]
        if not self._heard and not is_stun(frame):
            self._give_up("tcp_no_stun")
            return False
        self._heard = True
        owner = self._shared.owner
        owner.received(self, frame, self._shared.now())
        if not self._admitted and owner.admits(self):
            self._admitted = True
            self._shared.connections.busy(self)
        return len(read) >= 2

    def rest(self, more: bool) -> None:
        if self._wire is None or self._wire.is_closing() or self._paused is more:
            return
        self._paused = more
        if more:
            self._wire.pause_reading()
        else:
            self._wire.resume_reading()

    # --- `RtcPath` ------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        wire, dropped = self._wire, self._shared.dropped
        if wire is None or wire.is_closing():
            dropped["tcp_closed"] += 1
        elif self._unread_since is not None:
            dropped["tcp_unread"] += 1
        elif len(data) > LONGEST:
            dropped["too_long"] += 1
        else:
            wire.write(len(data).to_bytes(2, "big") + data)

    # --- the connection's end -------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Nothing can be sent by it any more."""
        return self._wire is None or self._wire.is_closing()

    def close(self) -> None:
        """At once."""
        if self._wire is not None:
            self._wire.abort()

    def give_way(self) -> None:
        """`connections.Closable`."""
        self._give_up("tcp_refused")

    def _give_up(self, why: str) -> None:
        self._shared.dropped[why] += 1
        self.close()

    def _look_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        now, limits = asyncio.get_running_loop().time(), self._shared.limits
        if not self._shared.owner.admits(self):
            self._give_up("tcp_silent")
        elif self._unread_since is not None and now >= self._unread_since + limits.unread:
            self._give_up("tcp_unread")
        else:
            self._look_in(limits.look)
