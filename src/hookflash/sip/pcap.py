"""SIP messages as a capture file that Wireshark and tshark read (pcap, link type RAW).

The frames are made up: IPv4 or IPv6 with UDP, or with TCP from its handshake on, so that each
message stands in them whole. What went by TLS is written as TCP without encryption, at port 5060
where it was 5061: there readers expect TLS, and see nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import pack, unpack
from typing import Final

from ..base.light import light_dataclass
from .flow import Address

_MAGIC: Final = 0xA1B2C3D4
_RAW: Final = 101
_LARGEST: Final = 262_144
_SEGMENT: Final = 1400
"""Octets of a message in one TCP segment."""
_DATAGRAM: Final = 65_000
_UDP: Final = 17
_TCP: Final = 6
_SYN, _ACK, _PSH = 0x02, 0x10, 0x08
_TLS_PORT, _PLAIN_PORT = 5061, 5060

_Ip = IPv4Address | IPv6Address
_End = tuple[_Ip, int]


@light_dataclass(frozen=True, slots=True)
class CapturedMessage:
    """One message between two addresses; `at` is seconds since the epoch."""

    at: float
    transport: str
    """`udp`, `tcp` or `tls`."""
    sender: Address
    receiver: Address
    data: bytes


HEAD: Final = pack("<IHHiIII", _MAGIC, 2, 4, 0, 0, _LARGEST, _RAW)
"""What a file begins with."""


class Frames:
    """The messages of one file as frames, which knows the connections that it has begun."""

    def __init__(self) -> None:
        self._streams: dict[tuple[_End, _End], int] = {}

    def of(self, message: CapturedMessage) -> bytes:
        """One more message, to be written behind the others."""
        sender, receiver = _ends(message)
        stream = message.transport != "udp"
        made = (
            _segments(sender, receiver, message.data, self._streams)
            if stream
            else [_datagram(sender, receiver, message.data)]
        )
        out = []
        for frame in made:
            microseconds = round(message.at * 1e6)
            seconds, rest = divmod(microseconds, 1_000_000)
            out.append(pack("<IIII", seconds, rest, len(frame), len(frame)))
            out.append(frame)
        return b"".join(out)


def pcap(messages: Iterable[CapturedMessage]) -> bytes:
    """The whole file."""
    frames = Frames()
    return b"".join((HEAD, *map(frames.of, messages)))


def _ends(message: CapturedMessage) -> tuple[_End, _End]:
    """Both of one family: an IPv4 address beside one of IPv6 is written as IPv4-mapped."""
    ends = [(_ip(ip), _port(message.transport, port)) for ip, port in _both(message)]
    if ends[0][0].version != ends[1][0].version:
        ends = [(_mapped(ip), port) for ip, port in ends]
    return ends[0], ends[1]


def _both(message: CapturedMessage) -> tuple[Address, Address]:
    return message.sender, message.receiver


def _ip(text: str) -> _Ip:
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return IPv4Address(0)


def _mapped(ip: _Ip) -> IPv6Address:
    return ip if isinstance(ip, IPv6Address) else IPv6Address(f"::ffff:{ip}")


def _port(transport: str, port: int) -> int:
    return _PLAIN_PORT if transport == "tls" and port == _TLS_PORT else port


def _datagram(sender: _End, receiver: _End, data: bytes) -> bytes:
    data = data[:_DATAGRAM]
    size = 8 + len(data)
    head = pack("!HHHH", sender[1], receiver[1], size, 0)
    check = _checksum(_pseudo(sender[0], receiver[0], _UDP, size) + head + data) or 0xFFFF
    return _packet(sender[0], receiver[0], _UDP, head[:6] + pack("!H", check) + data)


def _segments(
    sender: _End, receiver: _End, data: bytes, streams: dict[tuple[_End, _End], int]
) -> Iterator[bytes]:
    """Of one message; before the first of two ends, their handshake."""
    if (sender, receiver) not in streams:
        streams[sender, receiver] = streams[receiver, sender] = 1
        yield _segment(sender, receiver, 0, 0, _SYN)
        yield _segment(receiver, sender, 0, 1, _SYN | _ACK)
        yield _segment(sender, receiver, 1, 1, _ACK)
    for start in range(0, len(data), _SEGMENT):
        part = data[start : start + _SEGMENT]
        sequence = streams[sender, receiver]
        yield _segment(sender, receiver, sequence, streams[receiver, sender], _PSH | _ACK, part)
        streams[sender, receiver] = sequence + len(part) & 0xFFFFFFFF


def _segment(
    sender: _End, receiver: _End, sequence: int, answered: int, flags: int, data: bytes = b""
) -> bytes:
    head = pack(
        "!HHIIBBHHH", sender[1], receiver[1], sequence, answered, 5 << 4, flags, 65535, 0, 0
    )
    size = len(head) + len(data)
    check = _checksum(_pseudo(sender[0], receiver[0], _TCP, size) + head + data)
    return _packet(sender[0], receiver[0], _TCP, head[:16] + pack("!H", check) + head[18:] + data)


def _packet(sender: _Ip, receiver: _Ip, protocol: int, payload: bytes) -> bytes:
    if isinstance(sender, IPv6Address):
        head = pack("!IHBB", 6 << 28, len(payload), protocol, 64)
        return head + sender.packed + receiver.packed + payload
    size = 20 + len(payload)
    head = pack("!BBHHHBBH", 0x45, 0, size, 0, 0, 64, protocol, 0)
    ends = sender.packed + receiver.packed
    return head[:10] + pack("!H", _checksum(head + ends)) + ends + payload


def _pseudo(sender: _Ip, receiver: _Ip, protocol: int, size: int) -> bytes:
    """What the checksum counts beside the payload (RFC 768, RFC 8200 §8.1)."""
    ends = sender.packed + receiver.packed
    if isinstance(sender, IPv6Address):
        return ends + pack("!IHBB", size, 0, 0, protocol)
    return ends + pack("!BBH", 0, protocol, size)


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
