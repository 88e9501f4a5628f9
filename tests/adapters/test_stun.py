"""Our public address from a STUN server (RFC 8489)."""

from __future__ import annotations

import asyncio
import struct
from typing import cast

from hookflash.adapters.stun import external_ip, read_answer
from hookflash.webrtc.stun import parse, success

TRANSACTION = bytes(range(12))


def answer(transaction: bytes, ip: str = "203.0.113.9", *, kind: int = 0x0101) -> bytes:
    packed = int.from_bytes(bytes(int(part) for part in ip.split(".")), "big") ^ 0x2112A442
    software = struct.pack("!HH", 0x8022, 3) + b"abc\0"
    mapped = struct.pack("!HHBBHI", 0x0020, 8, 0, 1, 0, packed)
    body = software + mapped
    return struct.pack("!HHI", kind, len(body), 0x2112A442) + transaction + body


def test_the_mapped_address_is_read_behind_other_attributes() -> None:
    assert read_answer(answer(TRANSACTION), TRANSACTION) == "203.0.113.9"


def test_noise_and_answers_to_others_are_ignored() -> None:
    assert read_answer(b"short", TRANSACTION) is None
    assert read_answer(answer(bytes(12)), TRANSACTION) is None
    assert read_answer(answer(TRANSACTION, kind=0x0111), TRANSACTION) is None
    assert read_answer(answer(TRANSACTION)[:28], TRANSACTION) is None


def test_an_ipv6_address_is_not_what_was_asked_for() -> None:
    request = parse(b"\x00\x01\x00\x00\x21\x12\xa4\x42" + TRANSACTION)
    assert read_answer(success(request, ("2001:db8::1", 5), "password"), TRANSACTION) is None


class _Server(asyncio.DatagramProtocol):
    transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for data_ in (b"noise", answer(data[8:20]), answer(data[8:20], "203.0.113.10")):
            self.transport.sendto(data_, addr)


def test_a_dead_server_is_skipped_and_the_next_one_answers() -> None:
    async def run() -> tuple[str | None, str | None]:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(_Server, local_addr=("127.0.0.1", 0))
        port = transport.get_extra_info("sockname")[1]
        try:
            found = await external_ip(["127.0.0.1:9", f"127.0.0.1:{port}"], wait=0.05)
            nothing = await external_ip(["127.0.0.1:notaport"], wait=0.05)
        finally:
            transport.close()
        return found, nothing

    assert asyncio.run(run()) == ("203.0.113.9", None)
