"""A network that loses packets: a UDP port that passes on to another one, and back."""

from __future__ import annotations

import asyncio
import random
from types import TracebackType
from typing import Any, Self

Address = tuple[str, int]


class _Port(asyncio.DatagramProtocol):
    def __init__(self, received: Any) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._received(data, addr)


class UdpRelay:
    """`async with UdpRelay(target, loss=0.05) as relay`: clients send to `relay.port`.

    Of RTP and RTCP that part is lost, in each direction; everything else gets through.
    """

    def __init__(self, target: Address, *, loss: float, seed: int = 1) -> None:
        self._target = target
        self._loss = loss
        self._random = random.Random(seed)
        self._clients: dict[Address, asyncio.DatagramTransport] = {}
        self._early: dict[Address, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.lost = self.passed = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        self._front = await self._open(self._from_client, ("127.0.0.1", 0), None)
        self.port = self._front.get_extra_info("sockname")[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._front.close()
        for task in self._tasks:
            task.cancel()
        for transport in self._clients.values():
            transport.close()

    @staticmethod
    async def _open(
        received: Any, local: Address | None, remote: Address | None
    ) -> asyncio.DatagramTransport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Port(received), local_addr=local, remote_addr=remote
        )
        return transport

    def _loses(self, data: bytes) -> bool:
        lost = 128 <= data[0] <= 191 and self._random.random() < self._loss
        self.lost += lost
        self.passed += not lost
        return lost

    def _from_client(self, data: bytes, client: Address) -> None:
        if self._loses(data):
            return
        transport = self._clients.get(client)
        if transport is not None:
            transport.sendto(data)
        elif client in self._early:
            self._early[client].append(data)
        else:
            self._early[client] = [data]
            task = asyncio.create_task(self._meet(client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _meet(self, client: Address) -> None:
        def back(data: bytes, _: Address) -> None:
            if not self._loses(data):
                self._front.sendto(data, client)

        transport = self._clients[client] = await self._open(back, None, self._target)
        for data in self._early.pop(client):
            transport.sendto(data)
