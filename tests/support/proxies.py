"""What stands between a client and the server, and does harm: a TCP proxy and a UDP relay."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

Address = tuple[str, int]


class TcpProxy:
    """`async with TcpProxy(port) as proxy`: `proxy.port` leads to that port of this machine."""

    def __init__(self, target: int) -> None:
        self.target = target
        """Where new connections go."""
        self.port = 0
        self.waiting = 0
        """Connections that came while it was cut, in all."""
        self._whole = asyncio.Event()
        self._whole.set()
        self._server: asyncio.Server
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Abort what is open, and let new connections wait."""
        self._whole.clear()
        for writer in self._open:
            writer.transport.abort()

    def mend(self) -> None:
        """Those that wait go on, and new ones."""
        self._whole.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.waiting += not self._whole.is_set()
        try:
            await self._whole.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            self._open |= {writer, back}
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
            self._open -= {writer, back}
        finally:
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


QUEUE = 0.3
"""Seconds of packets that wait at most for a slow line; more are lost."""


class UdpRelay(asyncio.DatagramProtocol):
    """`async with UdpRelay(port) as relay`: what comes at `relay.port` goes on to that port, by a
    socket of its own for each client."""

    def __init__(self, target: int) -> None:
        self._target = ("127.0.0.1", target)
        self.port = 0
        self.loss = 0.0
        """The part of packets that is lost, either way."""
        self.only_media = False
        """Only RTP and RTCP are lost; everything else gets through."""
        self.lost = 0
        self.jitter = 0.0
        """Seconds that a packet is held back at most; so some overtake others."""
        self.rate = 0.0
        """Bits per second that each client gets at most, of what the server sends; 0: all."""
        self.largest = 65_535
        """Octets of a packet that gets through."""
        self.too_long = 0
        """Packets that did not."""
        self.came = 0
        self._free_at: dict[Address, float] = {}
        """When the slow line to a client has sent what it was given."""
        self._random = random.Random(1)
        self._loop = asyncio.get_running_loop()
        self._near: asyncio.DatagramTransport
        self._far: dict[Address, asyncio.DatagramTransport] = {}
        self._opening: dict[Address, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._near, _ = await self._loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self.port = self._near.get_extra_info("sockname")[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.gather(*self._tasks)
        self._near.close()
        self.change_source()

    def change_source(self) -> None:
        """The server sees other addresses from now on, as behind a NAT that forgot."""
        for transport in self._far.values():
            transport.close()
        self._far.clear()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """From a client."""
        self.came += 1
        far = self._far.get(addr)
        if far is not None:
            self._pass(far, data, None)
        elif addr in self._opening:
            self._opening[addr].append(data)
        else:
            self._opening[addr] = [data]
            task = self._loop.create_task(self._open(addr))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open(self, client: Address) -> None:
        far, _ = await self._loop.create_datagram_endpoint(
            lambda: _Far(self, client), remote_addr=self._target
        )
        self._far[client] = far
        for data in self._opening.pop(client):
            self._pass(far, data, None)

    def answered(self, client: Address, data: bytes) -> None:
        """From the server."""
        if not self.rate:
            self._pass(self._near, data, client)
            return
        now = self._loop.time()
        free_at = max(now, self._free_at.get(client, 0.0))
        if free_at - now > QUEUE:
            self.lost += 1
            return
        self._free_at[client] = free_at = free_at + len(data) * 8 / self.rate
        self._loop.call_at(free_at, self._pass, self._near, data, client)

    def _pass(self, to: asyncio.DatagramTransport, data: bytes, address: Address | None) -> None:
        if len(data) > self.largest:
            self.too_long += 1
            return
        may_lose = not self.only_media or 128 <= data[0] <= 191
        if may_lose and self._random.random() < self.loss:
            self.lost += 1
            return

        def send() -> None:
            if not to.is_closing():
                to.sendto(data, address)

        if self.jitter:
            self._loop.call_later(self._random.random() * self.jitter, send)
        else:
            send()


class _Far(asyncio.DatagramProtocol):
    def __init__(self, relay: UdpRelay, client: Address) -> None:
        self._relay = relay
        self._client = client

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._relay.answered(self._client, data)


@contextlib.asynccontextmanager
async def black_hole() -> AsyncIterator[int]:
    """A UDP port at which everything is lost."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    )
    yield transport.get_extra_info("sockname")[1]
    transport.close()
