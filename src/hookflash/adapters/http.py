"""HTTP servers in the process's own loop: the API on uvicorn, and /metrics."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Iterator,
    MutableMapping,
    Sequence,
)
from typing import Any

import uvicorn

from .accepting import Acceptor
from .connections import Connections
from .http_guard import GuardedHttp, HttpGuard, HttpLimits
from .open_files import OpenFiles

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

BACKLOG = 2048
MAX_MESSAGE = 640 * 1024
"""Octets of one message of a WebSocket, unpacked; one that is longer closes it (1009). Room for
metadata and attributes at their limits."""
PING_EVERY = 10.0
PING_TIMEOUT = 20.0
"""Seconds until a WebSocket without a pong is closed: a client whose loop stands still for some is
no lost one."""
METRICS_CONNECTIONS = 64
"""Most at once to the port of /metrics."""


class _Quiet(uvicorn.Server):
    """uvicorn without its signal handlers, which the process has, and with limits on clients."""

    def __init__(self, config: uvicorn.Config, guard: HttpGuard, files: OpenFiles) -> None:
        super().__init__(config)
        self._guard = guard
        self._files = files
        self._acceptor: Acceptor
        self.ready = asyncio.Event()
        self._over = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: SIGTERM drains the calls first (`cli/serve.py`)."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await self.lifespan.startup()
        self.servers = []
        self._acceptor = Acceptor(
            sockets or [], self._connection, self._files, self._guard.connections.make_room, "HTTP"
        )
        self.started = True
        self.ready.set()

    def _connection(self) -> GuardedHttp:
        return GuardedHttp(self.config, self.server_state, self.lifespan.state, self._guard)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more; finish open requests."""
        self._acceptor.close()
        await super().shutdown([])
        self._guard.stop()

    async def main_loop(self) -> None:
        """Until it is told to stop. uvicorn's own wakes ten times a second to see whether it is,
        and for a Date header, which is off: most of what an exchange without calls would do."""
        await self._over.wait()

    def finish(self) -> None:
        """Take no more, and end when the open requests have."""
        self.should_exit = True
        self._over.set()


class HttpServers:
    """The API's and the metrics' listeners."""

    def __init__(self, limits: HttpLimits | None = None, files: OpenFiles | None = None) -> None:
        self._limits = limits or HttpLimits()
        self._files = files or OpenFiles(time.monotonic)
        self._servers: list[tuple[_Quiet, asyncio.Task[None]]] = []
        self.port = 0
        """The API's real port."""
        self.metrics_port = 0

    async def start(
        self,
        app: AsgiApp,
        addresses: Sequence[str],
        port: int,
        connections: Connections | None = None,
        websockets: Collection[str] = (),
    ) -> None:
        """Serve `app` on each address; `port` 0 takes any free one; `connections` None: without a
        limit on their number; `websockets`: the paths that a client may open as one. Raises
        OSError."""
        sockets = []
        for address in addresses:
            sock = _listen(address, port)
            port = sock.getsockname()[1]
            sockets.append(sock)
        self.port = port
        if connections is None:
            connections = Connections()
        await self._serve(app, sockets, HttpGuard(self._limits, connections, websockets))

    async def start_metrics(self, page: Callable[[], bytes], bind: str) -> None:
        """Serve `page()` at /metrics on `bind` (`address:port`; "" for nowhere)."""
        if not bind:
            return
        host, _, port = bind.rpartition(":")
        sock = _listen(host.strip("[]"), int(port))
        self.metrics_port = sock.getsockname()[1]
        guard = HttpGuard(self._limits, Connections(METRICS_CONNECTIONS))
        await self._serve(_metrics_app(page), [sock], guard)

    async def _serve(self, app: AsgiApp, sockets: list[socket.socket], guard: HttpGuard) -> None:
        # What strangers send is answered; a line for each of their mistakes would fill the log.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",  # the guard's, when a client asks for one (`http_guard.py`)
            ws_max_size=MAX_MESSAGE,
            ws_ping_interval=PING_EVERY,
            ws_ping_timeout=PING_TIMEOUT,
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,  # nothing here asks who the client is
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
        )
        server = _Quiet(config, guard, self._files)
        loop = asyncio.get_running_loop()
        task = loop.create_task(server.serve(sockets=sockets))
        ready = loop.create_task(server.ready.wait())
        self._servers.append((server, task))
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if task.done():
            task.result()

    async def stop(self) -> None:
        """Finish open requests, at most two seconds."""
        for server, _ in self._servers:
            server.finish()
        await asyncio.gather(*(task for _, task in self._servers), return_exceptions=True)


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    sock.listen(BACKLOG)
    sock.setblocking(False)
    return sock


def _metrics_app(page: Callable[[], bytes]) -> AsgiApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found = scope["type"] == "http" and scope["path"] == "/metrics"
        body = page() if found else b"404 page not found\n"
        kind = b"text/plain; version=0.0.4; charset=utf-8" if found else b"text/plain"
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        await send(
            {"type": "http.response.start", "status": 200 if found else 404, "headers": headers}
        )
        await send({"type": "http.response.body", "body": body})

    return app
