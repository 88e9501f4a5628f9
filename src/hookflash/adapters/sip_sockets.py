"""The sockets of SIP: one UDP socket, a TCP and a TLS listener, and the connections we open.

Everything that comes is parsed here and handed on as a message with the `Flow` it came by; nothing
here knows what a transaction is.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable
from functools import lru_cache
from time import perf_counter

import structlog

from ..base.errors import SipError
from ..base.light import light_dataclass
from ..sip.codec import parse
from ..sip.flow import Address, Flow, Transport
from .accepting import Acceptor, Handshakes, listener
from .connections import Connections
from .sip_connection import PING, SipConnection, SipReceiver, StreamGuard
from .source_rate import SourceRate

_log = structlog.get_logger("sip")

CONNECT_TIMEOUT = 4.0
"""Seconds for a TCP or TLS connection of ours (as long as calls.md §4 waits for an answer)."""
_BURST = 64
SHORTEST_TURN, LONGEST_TURN = 0.002, 0.02
"""Datagrams and seconds of one turn of the loop; media and API have theirs. Few long turns cost
less than many short ones, so that one lasts until the sound's next tick is due."""
_LARGEST_DATAGRAM = 65_536
_PEERS = 1024
"""Peers whose flow is remembered."""
_MAPPED = "::ffff:"
_PORT_TRIES = 20
"""A free UDP port may be somebody's TCP port: that many are tried where any will do."""
_AT_ONCE = 4
"""Connections taken in one turn of the loop."""
_HANDSHAKES_AT_ONCE = 2
"""The same for TLS, which costs a signature each."""


@light_dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of our certificate ("": none, so nobody is listened for); `ca_file` adds trusted
    authorities ("" for none). What peers that we call must show holds in either case."""

    cert_file: str = ""
    key_file: str = ""
    ca_file: str = ""
    verify: bool = True


class _Datagrams:
    """The UDP socket, read and written directly: asyncio's datagram transports cost several
    times as much for each message. A datagram is a message, a keep-alive, or noise."""

    def __init__(
        self,
        receiver: SipReceiver,
        rate: SourceRate,
        spare: Callable[[], float],
        ip: str,
        port: int,
    ) -> None:
        self._receiver = receiver
        self._rate = rate
        self._spare = spare
        self._loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        self._mapped = _MAPPED if ":" in ip else ""
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                # Room for a burst of INVITEs while the loop is busy.
                self._socket.setsockopt(socket.SOL_SOCKET, option, 4 * 1024 * 1024)
            self._socket.bind((ip, port))
        except OSError:
            self._socket.close()
            raise
        self.local: Address = (ip, self._socket.getsockname()[1])
        # Read into one place and copied: bytes that the socket module makes room for are carved out
        # of 64 kB each, and what is kept of them is wherever that was.
        self._buffer = memoryview(bytearray(_LARGEST_DATAGRAM))
        # One for all messages of a peer: calls keep those of theirs.
        self._flow_of = lru_cache(_PEERS)(
            lambda address: Flow("udp", self.local, (plain_ip(address[0]), address[1]))
        )

    def listen(self) -> None:
        """Read from now on."""
        self._loop.add_reader(self._socket.fileno(), self._readable)

    def _readable(self) -> None:
        """Some datagrams; what is left is read in the next turn."""
        receive, buffer = self._socket.recvfrom_into, self._buffer
        end = perf_counter() + min(max(SHORTEST_TURN, self._spare()), LONGEST_TURN)
        for _ in range(_BURST):
            try:
                size, address = receive(buffer)
            except BlockingIOError:
                return
            except OSError as error:
                # An ICMP answer to one of ours; the transaction's timer decides what it means.
                _log.debug("sip_udp_error", error=str(error))
                continue
            self._received(bytes(buffer[:size]), address)
            if perf_counter() >= end:
                return

    def _received(self, data: bytes, address: tuple[str, int]) -> None:
        if not data.strip(b"\r\n\x00 "):
            return  # keep-alives of NATed peers
        flow = self._flow_of(address)
        if self._rate.over(flow.remote[0]):
            self._rate.dropped += 1
            return
        try:
            message = parse(data)
        except SipError as error:
            self._receiver.bad_message(error, flow)
            return
        self._receiver.message_received(message, flow)

    def send(self, data: bytes, remote: Address) -> None:
        """What the network refuses is lost, as any datagram may be; retransmissions follow."""
        try:
            ip = remote[0] if ":" in remote[0] else self._mapped + remote[0]
            self._socket.sendto(data, (ip, remote[1]))
        except OSError as error:
            _log.debug("sip_udp_error", to=remote[0], error=str(error))

    def close(self) -> None:
        """Free the port."""
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()


class SipSockets:
    """All SIP sockets of the process."""

    def __init__(
        self, guard: StreamGuard | None = None, spare: Callable[[], float] = lambda: LONGEST_TURN
    ) -> None:
        """`guard` None: its limits, but none on the number of connections and messages.
        `spare`: seconds that nobody else wants the loop for."""
        self.receiver: SipReceiver
        self.guard = guard or StreamGuard()
        self._spare = spare
        self._udp: _Datagrams | None = None
        self._acceptors: list[Acceptor] = []
        self._connections: dict[int, SipConnection] = {}
        self._by_remote: dict[tuple[Transport, Address], int] = {}
        self._opening: dict[tuple[Transport, Address, str], asyncio.Task[Flow]] = {}
        self._next = 0
        self._tls: TlsFiles | None = None
        self._client_tls: ssl.SSLContext | None = None
        self.local: dict[Transport, Address] = {}
        """Where we listen, by transport; ports are the real ones."""

    def attach(self, receiver: SipReceiver) -> None:
        """Who takes what comes in; before `start`."""
        self.receiver = receiver

    async def start(self, listen_ip: str, port: int) -> None:
        """Bind UDP and TCP on `port` (0: any free one, the same for both). Raises OSError."""
        tries = 1 if port else _PORT_TRIES
        while True:
            try:
                return await self._bind(listen_ip, port)
            except OSError:
                tries -= 1
                if not tries:
                    raise

    async def start_tls(self, listen_ip: str, port: int, tls: TlsFiles) -> None:
        """Take these files for TLS in both directions, and bind `port` if there is a certificate.
        Raises OSError."""
        self._tls = tls
        if not tls.cert_file:
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.cert_file, tls.key_file)
        limits, sock = self.guard.limits, listener(listen_ip, port)
        self.local["tls"] = (listen_ip, sock.getsockname()[1])
        open_ = Connections(limits.handshakes, limits.handshakes_of_one)
        self._accept("tls", sock, Handshakes(context, limits.handshake, open_))

    async def _bind(self, listen_ip: str, port: int) -> None:
        """UDP, and TCP on the same port; OSError where another process has one of the two."""
        udp = _Datagrams(self.receiver, self.guard.rate, self._spare, listen_ip, port)
        # Before anything can come in: answers name these addresses.
        self.local["udp"] = self.local["tcp"] = udp.local
        try:
            sock = listener(listen_ip, udp.local[1])
        except OSError:
            udp.close()
            raise
        self._udp = udp
        self._accept("tcp", sock)
        udp.listen()

    def _accept(
        self, kind: Transport, sock: socket.socket, handshakes: Handshakes | None = None
    ) -> None:
        acceptor = Acceptor(
            [sock],
            lambda: SipConnection(self, kind, theirs=True),
            self.guard.files,
            self.guard.connections.make_room,
            "SIP",
            tls=handshakes,
            at_once=_AT_ONCE if handshakes is None else _HANDSHAKES_AT_ONCE,
        )
        self._acceptors.append(acceptor)

    async def stop(self) -> None:
        """Close everything; what waits to be written is still written."""
        for task in self._opening.values():
            task.cancel()
        if self._opening:
            await asyncio.gather(*self._opening.values(), return_exceptions=True)
        for acceptor in self._acceptors:
            acceptor.close()
        for connection in list(self._connections.values()):
            connection.close()
        if self._udp is not None:
            self._udp.close()

    def send(self, data: bytes, flow: Flow) -> None:
        """Put bytes on the wire. A dead connection is reported by `flow_failed`."""
        if flow.transport == "udp":
            if self._udp is not None:
                self._udp.send(data, flow.remote)
            return
        number = flow.connection or self._by_remote.get((flow.transport, flow.remote), 0)
        connection = self._connections.get(number)
        if connection is None and flow.connection == 0:
            self._send_when_open(data, flow)
        elif connection is None or not connection.send(data):
            asyncio.get_running_loop().call_soon(self.receiver.flow_failed, flow)

    def connection_to(self, transport: Transport, remote: Address, name: str = "") -> Flow | None:
        """The open connection to this far end, if there is one. `name`: over TLS only one whose
        peer has shown that name; several servers may share an address (RFC 5922 §7)."""
        number = self._by_remote.get((transport, remote))
        connection = self._connections.get(number) if number is not None else None
        other = name and transport == "tls"
        if connection is None or (other and connection.name != name.lower()):
            return None
        return connection.flow

    def is_open(self, flow: Flow) -> bool:
        """Whether bytes can still go this way (always for UDP)."""
        return flow.transport == "udp" or flow.connection in self._connections

    async def connect(self, transport: Transport, remote: Address, *, name: str = "") -> Flow:
        """An open connection to `remote`, new or old. Raises OSError or TimeoutError.

        `name` is the host name that the certificate must hold (TLS).
        """
        known = self.connection_to(transport, remote, name)
        if known is not None:
            return known
        key = (transport, remote, name.lower())
        task = self._opening.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._open(transport, remote, name))
            self._opening[key] = task
            task.add_done_callback(lambda _: self._opening.pop(key, None))
        return await asyncio.shield(task)

    async def _open(self, transport: Transport, remote: Address, name: str) -> Flow:
        loop = asyncio.get_running_loop()
        context = self._client_context() if transport == "tls" else None
        shown = (name or remote[0]) if context is not None else ""
        with self.guard.files.noted("SIP"):
            async with asyncio.timeout(CONNECT_TIMEOUT):
                _, connection = await loop.create_connection(
                    lambda: SipConnection(self, transport, shown.lower()),
                    remote[0],
                    remote[1],
                    ssl=context,
                    server_hostname=shown or None,
                )
        if connection.flow is None:
            raise ConnectionError("the connection closed at once")
        return connection.flow

    def _client_context(self) -> ssl.SSLContext:
        """Without settings it is made when first needed: it reads every authority that the
        system trusts."""
        if self._client_tls is None:
            self._client_tls = _client_context(self._tls)
        return self._client_tls

    def adopt(self, connection: SipConnection, kind: Transport, wire: asyncio.Transport) -> Flow:
        """Number a new connection."""
        self._next += 1
        local, remote = wire.get_extra_info("sockname"), wire.get_extra_info("peername")
        here, there = (plain_ip(local[0]), local[1]), (plain_ip(remote[0]), remote[1])
        flow = Flow(kind, here, there, self._next)
        self._connections[self._next] = connection
        self._by_remote[kind, flow.remote] = self._next
        return flow

    def ping(self) -> None:
        """A keep-alive on every connection (RFC 5626 §3.5.1)."""
        for connection in list(self._connections.values()):
            connection.send(PING)

    def open_connections(self) -> Iterable[SipConnection]:
        """Those that live."""
        return self._connections.values()

    def release(self, flow: Flow) -> None:
        """A connection has died: only what needs it hears of it (calls.md §5)."""
        self._connections.pop(flow.connection, None)
        if self._by_remote.get((flow.transport, flow.remote)) == flow.connection:
            del self._by_remote[flow.transport, flow.remote]
        self.receiver.flow_failed(flow)

    def _send_when_open(self, data: bytes, flow: Flow) -> None:
        """A response whose connection has gone opens a new one (RFC 3261 §18.2.2)."""
        loop = asyncio.get_running_loop()
        key = (flow.transport, flow.remote, "")
        task = self._opening.get(key)
        if task is None:
            task = loop.create_task(self._open(flow.transport, flow.remote, ""))
            self._opening[key] = task

        def opened(done: asyncio.Task[Flow]) -> None:
            self._opening.pop(key, None)
            if done.cancelled() or done.exception() is not None:
                self.receiver.flow_failed(flow)
            else:
                self.send(data, done.result())

        task.add_done_callback(opened)


def plain_ip(ip: str) -> str:
    """An IPv4 peer of a socket that listens on `::` by its own address (RFC 4291 §2.5.5.2)."""
    return ip.removeprefix(_MAPPED) if "." in ip else ip


def connect_failure(error: OSError) -> str:
    """Why a connection of ours could not be opened, for whoever wanted it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.strerror}"
    if isinstance(error, TimeoutError):
        return "timed out"
    return error.strerror or str(error)


def _client_context(tls: TlsFiles | None) -> ssl.SSLContext:
    """For TLS connections of ours: our certificate is shown where asked for."""
    context = ssl.create_default_context()
    if tls is None:
        return context
    if tls.ca_file:
        context.load_verify_locations(tls.ca_file)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context
