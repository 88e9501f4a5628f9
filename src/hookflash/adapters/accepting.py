"""Accepting connections.

The loop's own server does not say when there are no files left: uvloop takes each connection then
and closes it at once. Here they wait in the backlog until there are.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

from ..base.light import light_dataclass
from .connections import Connections
from .open_files import OpenFiles

AT_ONCE = 64
PAUSE = 0.1
"""Seconds before the next try where there were no files."""


@light_dataclass(frozen=True, slots=True)
class Handshakes:
    """TLS handshakes: at most so many `seconds` each, and as many at once as `open` takes; the
    oldest one makes room for a new one."""

    context: ssl.SSLContext
    seconds: float
    open: Connections


class _Handshake:
    """One that has not come to its end."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def give_way(self) -> None:
        """`connections.Closable`."""
        self._task.cancel()


class Acceptor:
    """Takes connections at listening sockets, which it closes. `make_room` is asked for a file
    when there is none. `at_once`: connections taken in one turn of the loop."""

    def __init__(
        self,
        sockets: list[socket.socket],
        make_protocol: Callable[[], asyncio.BaseProtocol],
        files: OpenFiles,
        make_room: Callable[[], object],
        what: str,
        *,
        tls: Handshakes | None = None,
        at_once: int = AT_ONCE,
    ) -> None:
        self._sockets = sockets
        self._make = make_protocol
        self._files = files
        self._make_room = make_room
        self._what = what
        self._tls = tls
        self._at_once = at_once
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}
        for sock in sockets:
            self._listen(sock)

    def close(self) -> None:
        """Take no more."""
        for pause in self._pauses.values():
            pause.cancel()
        for sock in self._sockets:
            self._loop.remove_reader(sock.fileno())
            sock.close()
        self._sockets = []
        for task in self._tasks:
            task.cancel()

    def _listen(self, sock: socket.socket) -> None:
        self._pauses.pop(sock, None)
        self._loop.add_reader(sock.fileno(), self._readable, sock)

    def _readable(self, sock: socket.socket) -> None:
        for _ in range(self._at_once):
            try:
                taken, peer = sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if self._files.missing(error, self._what):
                    self._make_room()
                self._loop.remove_reader(sock.fileno())
                self._pauses[sock] = self._loop.call_later(PAUSE, self._listen, sock)
                return
            taken.setblocking(False)
            task = self._loop.create_task(self._open(taken))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            if self._tls is not None:
                self._limit(task, self._tls.open, peer[0])

    @staticmethod
    def _limit(task: asyncio.Task[None], handshakes: Connections, address: str) -> None:
        handshake = _Handshake(task)
        handshakes.add(handshake, address)  # all of them are silent: there is always one that goes
        task.add_done_callback(lambda _: handshakes.remove(handshake))

    async def _open(self, taken: socket.socket) -> None:
        tls = self._tls
        try:
            if tls is None:
                await self._loop.connect_accepted_socket(self._make, taken)
            else:
                await self._loop.connect_accepted_socket(
                    self._make, taken, ssl=tls.context, ssl_handshake_timeout=tls.seconds
                )
        except OSError:
            taken.close()  # it has gone again
        except asyncio.CancelledError:
            taken.close()
            raise


def listener(ip: str, port: int, both: bool = True) -> socket.socket:
    """A listening socket; on `::` for both families, if `both`, which asyncio's own are not."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    sock = socket.create_server(
        (ip, port), family=family, backlog=1024, dualstack_ipv6=both and ip == "::"
    )
    sock.setblocking(False)
    return sock
