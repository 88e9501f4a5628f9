"""The pair of UDP sockets of one leg's media, and how it is heard that something waits at one.

Plain non-blocking sockets watched by the loop, read into one buffer that all legs share and
written to directly: measured at 12 µs of CPU for a relayed packet, against 14 µs through
asyncio's datagram transports, which make an object of every packet.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import selectors
import socket
import sys
from collections.abc import Callable
from struct import Struct
from typing import Any, Final, Protocol

_RECEIVE_BUFFER: Final = 65536
"""Octets the kernel keeps for one leg: some 60 ms of bursts need far less."""
_MOST_WAITING: Final = 50
"""Datagrams of one socket that are read at once, a second of sound; where more wait at a tick,
somebody floods it."""
_ARRIVAL: Final = 35
"""SO_TIMESTAMPNS and SCM_TIMESTAMPNS of Linux, which the socket module does not name: the kernel
says when each datagram came, in seconds and nanoseconds since the epoch."""
_TIMESPEC: Final = Struct("@ll")
_LONGEST_WAIT: Final = 1.0
"""Seconds for which a datagram may have waited: more, and the machine's clock was set meanwhile."""
STAMP_ROOM: Final = socket.CMSG_SPACE(_TIMESPEC.size)
"""Octets of ancillary data for `came`."""

SocketAddress = tuple[Any, ...]
"""As the socket module has it: (ip, port), with two numbers more for IPv6."""
Reader = Callable[[float, float], object]
"""Reads one datagram; it is given what `PolledSockets.read` was."""


def stamps(sock: socket.socket) -> bool:
    """Let the kernel say of each datagram when it came; False where it does not."""
    if sys.platform != "linux":
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, _ARRIVAL, 1)
    except OSError:
        return False
    return True


def came(ancillary: list[tuple[int, int, bytes]]) -> float:
    """When a datagram came, in seconds since the epoch by the machine's clock; 0.0 where the system
    does not say after all."""
    if not ancillary:
        return 0.0
    seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
    return float(seconds + nanoseconds * 1e-9)


def arrival(came: float, now: float, shift: float) -> float:
    """When what `came` then arrived, by the clock of `now`, at which it is read; `shift`: seconds
    from the machine's clock to that one. `now` where that cannot be."""
    at = came + shift
    return at if now - _LONGEST_WAIT < at < now else now


class Watch(Protocol):
    """Says when something can be read, as an event loop does."""

    def add_reader(self, fd: int, callback: Callable[[], object], /) -> object: ...
    def remove_reader(self, fd: int, /) -> object: ...


class WatchedSockets:
    """A `Watch` of many sockets that come and go, which is one file to the loop. uvloop alone makes
    an object and six system calls for each socket; here it is two."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll: select.epoll | None = None
        self._callbacks: dict[int, Callable[[], object]] = {}

    def add_reader(self, fd: int, callback: Callable[[], object]) -> None:
        """Call it whenever something can be read; a second call replaces the first."""
        if sys.platform != "linux":
            self._loop.add_reader(fd, callback)
            return
        if self._epoll is None:
            self._epoll = select.epoll()
            self._loop.add_reader(self._epoll.fileno(), self._readable)
        if fd not in self._callbacks:
            self._epoll.register(fd, select.EPOLLIN)
        self._callbacks[fd] = callback

    def remove_reader(self, fd: int) -> None:
        """To be called before it is closed: the system forgets what is closed, but not while a
        process that was forked has it too, and it could never be taken out then."""
        if sys.platform != "linux":
            self._loop.remove_reader(fd)
        elif self._callbacks.pop(fd, None) is not None and self._epoll is not None:
            self._epoll.unregister(fd)

    def _readable(self) -> None:
        assert self._epoll is not None
        for fd, _ in self._epoll.poll(0):
            callback = self._callbacks.get(fd)
            if callback is None:
                continue  # another of these has closed it
            try:
                callback()
            except Exception as error:  # noqa: BLE001  # logged, as of a callback of the loop's own
                told = {"message": "a reader of a socket failed", "exception": error}
                self._loop.call_exception_handler(told)

    def close(self) -> None:
        """Free what it has of the system's; nobody is watched any more."""
        if self._epoll is not None:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None
        self._callbacks.clear()


class PolledSockets:
    """Sockets that do not wake the loop: what waits at them is read when somebody asks. A packet
    that comes alone costs little beside the waking, the caches that are cold by then, and going to
    sleep again."""

    def __init__(self) -> None:
        self._selector: selectors.BaseSelector | None = None
        self._count = 0

    def add(self, sock: socket.socket, reader: Reader, flooded: Callable[[], object]) -> None:
        """`reader` is called by `read` for each datagram that waits at the socket, `flooded` where
        so many wait that the kernel's buffer may run over before they are read again."""
        if self._selector is None:
            self._selector = selectors.DefaultSelector()
        self._selector.register(sock, selectors.EVENT_READ, (reader, flooded))
        self._count += 1

    def remove(self, sock: socket.socket) -> None:
        """It is somebody else's again."""
        assert self._selector is not None
        self._selector.unregister(sock)
        self._count -= 1

    def read(self, now: float, shift: float) -> None:
        """What waits, the sockets by turns, at most `_MOST_WAITING` datagrams of each."""
        if not self._count or self._selector is None:
            return
        for _ in range(_MOST_WAITING):
            ready = self._selector.select(0)
            if not ready:
                return
            for key, _events in ready:
                key.data[0](now, shift)
        for key, _events in self._selector.select(0):
            key.data[1]()

    def close(self) -> None:
        """Free what it has of the system's."""
        if self._selector is not None:
            self._selector.close()
            self._selector = None


def _nothing() -> None: ...


class UdpPair:
    """RTP on an even port and RTCP on the next. `receive` and `send` are the RTP socket's own
    `recvfrom_into` and `sendto`."""

    __slots__ = ("_on_rtp", "_polled", "_rtcp", "_rtp", "_watch", "port", "receive", "send")

    def __init__(self, watch: Watch, ip: str, port: int) -> None:
        """Bind both; raises OSError where one of them is taken. `watch`: an event loop, or
        `WatchedSockets`."""
        self._watch = watch
        self.port = port
        self._rtp = _bind(ip, port)
        try:
            self._rtcp = _bind(ip, port + 1)
        except OSError:
            self._rtp.close()
            raise
        self.receive = self._rtp.recvfrom_into
        self.send = self._rtp.sendto
        self._on_rtp: Callable[[], object] = _nothing
        self._polled: PolledSockets | None = None

    def watch(self, on_rtp: Callable[[], object], on_rtcp: Callable[[], object]) -> None:
        """Call these when a packet can be read; a second call replaces the first."""
        self._on_rtp = on_rtp
        self._watch.add_reader(self._rtp.fileno(), on_rtp)
        self._watch.add_reader(self._rtcp.fileno(), on_rtcp)

    def poll(self, polled: PolledSockets, reader: Reader, flooded: Callable[[], object]) -> bool:
        """The RTP port wakes nobody any more; `polled` reads it. False: the system does not say
        when datagrams came, and all stays as it is."""
        if not stamps(self._rtp):
            return False
        self._watch.remove_reader(self._rtp.fileno())
        polled.add(self._rtp, reader, flooded)
        self._polled = polled
        return True

    def unpoll(self) -> None:
        """It is watched again, as `watch` said."""
        if self._polled is not None:
            self._polled.remove(self._rtp)
            self._polled = None
            self._watch.add_reader(self._rtp.fileno(), self._on_rtp)

    def receive_stamped(
        self, buffer: bytearray, now: float, shift: float
    ) -> tuple[int, SocketAddress, float]:
        """As `receive`, where the port is polled; and the `arrival` of the datagram."""
        size, extra, _, address = self._rtp.recvmsg_into((buffer,), STAMP_ROOM)
        return size, address, arrival(came(extra), now, shift)

    def receive_rtcp(self) -> tuple[bytes, SocketAddress]:
        """One datagram of the RTCP port; raises BlockingIOError and other OSErrors."""
        return self._rtcp.recvfrom(2048)

    def send_rtcp(self, data: bytes, address: SocketAddress) -> None:
        """From the RTCP port; what the network refuses is lost, as any datagram may be."""
        with contextlib.suppress(OSError):
            self._rtcp.sendto(data, address)

    def close(self) -> None:
        """Stop watching and free both ports."""
        if self._polled is not None:
            self._polled.remove(self._rtp)
            self._polled = None
        for sock in (self._rtp, self._rtcp):
            self._watch.remove_reader(sock.fileno())
            sock.close()
        self._on_rtp = _nothing  # who watches refers to this pair


def _bind(ip: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        sock.bind((ip, port))
    except OSError:
        sock.close()
        raise
    return sock
