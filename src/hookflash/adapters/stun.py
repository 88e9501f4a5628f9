"""Asking a STUN server for our public address (RFC 8489 §5, §14.2), for `sip.use_external_ip`."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import struct
from collections.abc import Sequence

_COOKIE = 0x2112A442
_BINDING_REQUEST = 0x0001
_BINDING_SUCCESS = 0x0101
_XOR_MAPPED_ADDRESS = 0x0020
_RETRIES = 4


class _Client(asyncio.DatagramProtocol):
    def __init__(self, transaction: bytes) -> None:
        self._transaction = transaction
        self.address: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        address = read_answer(data, self._transaction)
        if address is not None and not self.address.done():
            self.address.set_result(address)


def build_request(transaction: bytes) -> bytes:
    """A Binding request with a 12-byte transaction id."""
    return struct.pack("!HHI", _BINDING_REQUEST, 0, _COOKIE) + transaction


def read_answer(data: bytes, transaction: bytes) -> str | None:
    """The IPv4 address of XOR-MAPPED-ADDRESS in the answer to this transaction, else None."""
    if len(data) < 20 or data[8:20] != transaction:
        return None
    kind, length, cookie = struct.unpack_from("!HHI", data)
    if kind != _BINDING_SUCCESS or cookie != _COOKIE:
        return None
    position, end = 20, min(20 + length, len(data))
    while position + 4 <= end:
        attribute, size = struct.unpack_from("!HH", data, position)
        value = data[position + 4 : position + 4 + size]
        if attribute == _XOR_MAPPED_ADDRESS and len(value) >= 8 and value[1] == 1:
            (packed,) = struct.unpack_from("!I", value, 4)
            return str(ipaddress.IPv4Address(packed ^ _COOKIE))
        position += 4 + (size + 3) // 4 * 4
    return None


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
                transport.sendto(build_request(transaction))
                done, _pending = await asyncio.wait([client.address], timeout=wait)
                if done:
                    return client.address.result()
        finally:
            transport.close()
    return None
