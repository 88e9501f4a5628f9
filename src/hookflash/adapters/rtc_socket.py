"""The one UDP port and the one TCP port of all peer connections.

Nothing here knows a peer connection: what comes is handed to the owner with the path it came by,
and a path sends. Every media packet goes through here, so datagrams are read and written directly:
asyncio's datagram transports cost several times as much for each.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from struct import Struct
from time import monotonic, time
from typing import Final

import structlog

from .accepting import Acceptor, listener
from .open_files import OpenFiles
from .rtc_connection import LONGEST_DATAGRAM, RtcLimits, RtcOwner, RtcShared, TcpPath
from .sip_sockets import plain_ip
from .udp import STAMP_ROOM, SocketAddress, arrival, came, stamps

_BURST: Final = 64
_BURST_TIME: Final = 0.005
"""Datagrams and seconds of one turn of the loop; SIP, the mixer and the API have theirs."""
PATIENCE: Final = 0.025
"""Seconds between two reads of a port that need not be read when something comes: a little more
than between the ticks, which read it too."""
_FULL: Final = 4
"""Turns on end that left something, perhaps, after which more is read in each."""
_KERNEL_BUFFER: Final = 4 * 1024 * 1024
"""Octets asked of the kernel in each direction: 20 ms of some thousand packets, several times over.
It gives less where `net.core.rmem_max` and `wmem_max` say so."""
_PATHS: Final = 4096
"""Remote addresses for which one object is kept; those of more have equal ones."""
_AT_ONCE: Final = 4
"""Connections taken in one turn of the loop."""
_PORT_TRIES: Final = 20
"""A port that is free at one address may be taken at another: so many are tried where any will
do."""

_MEMORY_INFORMATION: Final = 55
"""SO_MEMINFO of Linux, which the socket module does not name: nine numbers, the last of them the
datagrams that found no room."""
_MEMORY: Final = Struct("=9I")

_log = structlog.get_logger("rtc")


class UdpPath:
    """`RtcPath` of one remote address through one socket of ours."""

    __slots__ = ("_address", "_dropped", "_hash", "_sendto", "_socket", "remote")

    def __init__(self, sock: _UdpSocket, address: SocketAddress) -> None:
        self._socket = sock
        self._address = address
        self._hash = hash((id(sock), address))
        self._sendto = sock.sock.sendto
        self._dropped = sock.shared.dropped
        self.remote: tuple[str, int] = (plain_ip(address[0]), address[1])

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, UdpPath)
            and self._socket is other._socket
            and self._address == other._address
        )

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"UdpPath({self.remote[0]}, {self.remote[1]})"

    def send(self, data: bytes) -> None:
        try:
            self._sendto(data, self._address)
        except BlockingIOError:
            self._dropped["send_buffer_full"] += 1
        except OSError:
            self._dropped["send_failed"] += 1


class _UdpSocket:
    """One UDP socket."""

    def __init__(self, sock: socket.socket, shared: RtcShared) -> None:
        self.sock = sock
        self.shared = shared
        self.closed = False
        self._path_of = lru_cache(_PATHS)(lambda address: UdpPath(self, address))
        self._most = 1
        """Datagrams read in a turn."""
        self._full = 0
        """Turns on end in which as many were there."""
        self._patient: asyncio.TimerHandle | None = None
        """Where it is read at times."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._readable)

    def be_patient(self, patient: bool) -> None:
        """Read every `PATIENCE` seconds what has come, and not each datagram by itself: a turn of
        the loop costs more than a packet. False: as they come again. Where the system does not say
        when each came, they are read as they come."""
        if patient == (self._patient is not None) or self.closed:
            return
        if self._patient is not None:
            self._patient.cancel()
            self._patient = None
            self._loop.add_reader(self.sock.fileno(), self._readable)
        elif stamps(self.sock):
            self._loop.remove_reader(self.sock.fileno())
            self._patient = self._loop.call_later(PATIENCE, self.read_waiting)

    def read_waiting(self) -> None:
        """What has come, with the times at which it did; the loop reads it where there is much."""
        if self._patient is None:
            return
        self._patient.cancel()
        self._patient = self._loop.call_later(PATIENCE, self.read_waiting)
        receive, path_of, shared = self.sock.recvmsg, self._path_of, self.shared
        now = shared.now()
        shift = now - time()
        for _ in range(_BURST):
            try:
                data, ancillary, _, address = receive(LONGEST_DATAGRAM + 1, STAMP_ROOM)
            except BlockingIOError:
                return
            except OSError as error:
                _log.debug("rtc_udp_error", error=str(error))
                continue
            if len(data) > LONGEST_DATAGRAM:
                shared.dropped["too_long"] += 1
                continue
            at = arrival(came(ancillary), now, shift)
            shared.owner.received(path_of(address), data, at)
            if self._patient is None:
                return
        self.be_patient(False)

    def _readable(self) -> None:
        """Some datagrams; what is left is read in the next turn. As many as there mostly are: to
        find out by reading that there is no more takes as long as half a packet."""
        receive, path_of, shared = self.sock.recvfrom, self._path_of, self.shared
        received, clock = shared.owner.received, shared.now
        now = clock()
        end = now + _BURST_TIME
        for number in range(self._most):
            try:
                data, address = receive(LONGEST_DATAGRAM + 1)
            except BlockingIOError:
                self._most, self._full = max(1, number), 0
                return
            except OSError as error:
                _log.debug("rtc_udp_error", error=str(error))
                continue
            if len(data) > LONGEST_DATAGRAM:
                shared.dropped["too_long"] += 1
                continue
            received(path_of(address), data, now)
            if self.closed:
                return
            now = clock()
            if now >= end:
                return
        self._full += 1
        if self._full >= _FULL:
            self._most, self._full = min(_BURST, 2 * self._most), 0

    def lost(self) -> int:
        """Datagrams that came while the kernel's buffer was full; 0 where it does not say."""
        if sys.platform != "linux":
            return 0
        data = self.sock.getsockopt(socket.SOL_SOCKET, _MEMORY_INFORMATION, _MEMORY.size)
        return int(_MEMORY.unpack(data)[8])

    def close(self) -> None:
        """Free the port."""
        self.be_patient(False)
        self.closed = True
        self._loop.remove_reader(self.sock.fileno())
        self.sock.close()


class RtcSockets:
    """All sockets of peer connections. `now` is the clock of the owner's machines."""

    def __init__(
        self,
        owner: RtcOwner,
        now: Callable[[], float] = monotonic,
        *,
        limits: RtcLimits | None = None,
        files: OpenFiles | None = None,
    ) -> None:
        self._shared = RtcShared(owner, now, limits, files)
        self._sockets: list[_UdpSocket] = []
        self._acceptor: Acceptor | None = None
        self.udp_port = 0
        self.tcp_port = 0
        """Those that are bound; 0: none."""

    @property
    def dropped(self) -> dict[str, int]:
        """How much was dropped, by reason (`rtc_connection.DROPPED`)."""
        dropped = self._shared.dropped
        if self._sockets:
            dropped["receive_buffer_full"] = sum(each.lost() for each in self._sockets)
        return dropped

    @property
    def connections(self) -> int:
        """TCP connections that are open."""
        return len(self._shared.connections)

    def be_patient(self, patient: bool) -> None:
        """Whether datagrams may wait for some milliseconds, where that is cheaper."""
        for each in self._sockets:
            each.be_patient(patient)

    def read_waiting(self) -> None:
        """Wait no longer: what has come is needed now."""
        for each in self._sockets:
            each.read_waiting()

    async def start(
        self, listen_ips: Sequence[str], udp_port: int, tcp_port: int | None = None
    ) -> None:
        """Both, or UDP alone where `tcp_port` is None. Raises OSError."""
        self.start_udp(listen_ips, udp_port)
        if tcp_port is not None:
            try:
                self.start_tcp(listen_ips, tcp_port)
            except OSError:
                await self.stop()
                raise

    def start_udp(self, listen_ips: Sequence[str], port: int) -> None:
        """Listen at these addresses, IPv4 and IPv6; port 0 is any that is free. `::` stands for
        both families, unless an IPv4 address is named too. Raises OSError."""
        sockets = _bind_all(_bound_udp, listen_ips, port, _both(listen_ips))
        self.udp_port = sockets[0].getsockname()[1]
        self._sockets = [_UdpSocket(sock, self._shared) for sock in sockets]

    def start_tcp(self, listen_ips: Sequence[str], port: int) -> None:
        """The same for connections."""
        sockets = _bind_all(listener, listen_ips, port, _both(listen_ips))
        self.tcp_port = sockets[0].getsockname()[1]
        self._acceptor = Acceptor(
            sockets,
            lambda: TcpPath(self._shared),
            self._shared.files,
            self._shared.connections.make_room,
            "WebRTC",
            at_once=_AT_ONCE,
        )

    async def stop(self) -> None:
        """Close everything at once."""
        if self._acceptor is not None:
            self._acceptor.close()
        for path in list(self._shared.open):
            path.close()
        for each in self._sockets:
            each.close()
        self._sockets = []


def _both(ips: Sequence[str]) -> bool:
    """Whether `::` among them stands for IPv4 too."""
    return not any(":" not in ip for ip in ips)


def _bind_all(
    bind: Callable[[str, int, bool], socket.socket], ips: Sequence[str], port: int, both: bool
) -> list[socket.socket]:
    """One socket for each address, all at one port."""
    tries = 1 if port else _PORT_TRIES
    while True:
        sockets: list[socket.socket] = []
        chosen = port
        try:
            for ip in ips:
                sockets.append(bind(ip, chosen, both))
                chosen = sockets[0].getsockname()[1]
            return sockets
        except OSError:
            for sock in sockets:
                sock.close()
            tries -= 1
            if not tries:
                raise


def _bound_udp(ip: str, port: int, both: bool) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, _KERNEL_BUFFER)
        if ":" in ip:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not both)
        sock.bind((ip, port))
    except OSError:
        sock.close()
        raise
    return sock
