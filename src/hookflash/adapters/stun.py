"""Asking a STUN server for our public address (RFC 8489 §5, §14.2), for `sip.use_external_ip`."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

from ..base.errors import StunError
from ..webrtc.stun import BINDING, parse, request

_RETRIES = 4


class _Client(asyncio.DatagramProtocol):
    def __init__(self, transaction: bytes) -> None:
        self._transaction = transaction
        self.address: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        address = read_answer(data, self._transaction)
        if address is not None and not self.address.done():
            self.address.set_result(address)


def read_answer(data: bytes, transaction: bytes) -> str | None:
    """The IPv4 address of XOR-MAPPED-ADDRESS in the answer to this transaction, else None."""
    try:
        message = parse(data)
    except StunError:
        return None
    if (message.kind, message.method, message.transaction) != ("success", BINDING, transaction):
        return None
    mapped = message.mapped_address()
    return mapped[0] if mapped is not None and ":" not in mapped[0] else None


async def external_ip(servers: Sequence[str], *, wait: float = 0.5) -> str | None:
    """Our address as the first answering server (`host:port`) sees it; None when none answers."""
    loop = asyncio.get_running_loop()
    for server in servers:
        host, _, port = server.rpartition(":")
        transaction = secrets.token_bytes(12)
        try:
            transport, client = await loop.create_datagram_endpoint(
                lambda transaction=transaction: _Client(transaction),  # type: ignore[misc]
                remote_addr=(host or server, int(port) if host else 3478),
            )
        except (OSError, ValueError):
            continue
        try:
            for _ in range(_RETRIES):
                transport.sendto(request(transaction))
                done, _pending = await asyncio.wait([client.address], timeout=wait)
                if done:
                    return client.address.result()
        finally:
            transport.close()
    return None
