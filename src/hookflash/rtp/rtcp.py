"""RTCP: sender and receiver reports with SDES CNAME (RFC 3550 §6)."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

from ..base.errors import RtpError
from ..base.light import light_dataclass

SR: Final = 200
RR: Final = 201
SDES: Final = 202
BYE: Final = 203

_NTP_EPOCH: Final = 2208988800
_HEAD: Final = Struct("!BBHI")
_SENDER: Final = Struct("!IIIII")
_BLOCK: Final = Struct("!IIIIII")


@light_dataclass(frozen=True, slots=True)
class ReportBlock:
    """How one source is received (RFC 3550 §6.4.1)."""

    ssrc: int
    fraction_lost: int
    """256ths of the packets expected since the last report."""
    lost: int
    """In all, may be negative where packets came twice; 24 bits."""
    highest: int
    """Extended highest sequence number."""
    jitter: int
    """Ticks of the RTP clock."""
    last_sr: int = 0
    delay: int = 0
    """Since that report, in 65536ths of a second."""

    def encode(self) -> bytes:
        """24 octets."""
        lost = max(-0x800000, min(0x7FFFFF, self.lost)) & 0xFFFFFF
        return _BLOCK.pack(
            self.ssrc,
            self.fraction_lost << 24 | lost,
            self.highest & 0xFFFFFFFF,
            self.jitter & 0xFFFFFFFF,
            self.last_sr,
            self.delay & 0xFFFFFFFF,
        )


@light_dataclass(frozen=True, slots=True)
class SenderInfo:
    """What the sender says of its stream; `ntp`: 64 bits of NTP time."""

    ntp: int
    timestamp: int
    packets: int
    octets: int


@light_dataclass(frozen=True, slots=True)
class Report:
    """One SR (`sender` set) or RR."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()
    sender: SenderInfo | None = None


@light_dataclass(frozen=True, slots=True)
class Bye:
    """A source has left."""

    ssrc: int


def ntp_time(now: float) -> int:
    """`now` (seconds since 1970) as 64-bit NTP time."""
    return int((now + _NTP_EPOCH) * 4294967296) & 0xFFFFFFFFFFFFFFFF


def encode_report(report: Report, cname: str) -> bytes:
    """A compound packet: the report, then SDES with `cname` (at most 255 octets)."""
    blocks = b"".join(block.encode() for block in report.blocks)
    body = blocks
    kind = RR
    sender = report.sender
    if sender is not None:
        kind = SR
        body = (
            _SENDER.pack(
                sender.ntp >> 32,
                sender.ntp & 0xFFFFFFFF,
                sender.timestamp & 0xFFFFFFFF,
                sender.packets & 0xFFFFFFFF,
                sender.octets & 0xFFFFFFFF,
            )
            + blocks
        )
    head = _HEAD.pack(0x80 | len(report.blocks), kind, 1 + len(body) // 4, report.ssrc)
    name = cname.encode()[:255]
    item = bytes([1, len(name)]) + name
    item += bytes(4 - len(item) % 4)
    return head + body + _HEAD.pack(0x81, SDES, 1 + len(item) // 4, report.ssrc) + item


def parse_compound(data: bytes) -> list[Report | Bye]:
    """Reports and farewells of a compound packet; other kinds are passed over. RtpError."""
    found: list[Report | Bye] = []
    for kind, count, body in packets_of(data):
        if kind in {SR, RR}:
            found.append(_parse_report(kind, count, body))
        elif kind == BYE:
            found += [Bye(ssrc) for ssrc in _words(body[: 4 * count])]
    return found


def packets_of(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, count (of feedback: the form) and what follows the first four octets, of each packet
    of a compound one (RFC 3550 §6.1). RtpError."""
    at = 0
    while at < len(data):
        if len(data) - at < 4:
            raise RtpError("an RTCP packet is cut off")
        first, kind = data[at], data[at + 1]
        size = 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
        if first >> 6 != 2:
            raise RtpError("not RTCP version 2")
        body = data[at + 4 : at + size]
        if len(body) != size - 4:
            raise RtpError("an RTCP packet is longer than the datagram")
        yield kind, first & 31, body
        at += size


def _words(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data) - 3, 4)]


def _parse_report(kind: int, count: int, body: bytes) -> Report:
    start = 24 if kind == SR else 4
    if len(body) < start + count * _BLOCK.size:
        raise RtpError("an RTCP report is shorter than it says")
    sender = None
    if kind == SR:
        high, low, timestamp, packets, octets = _SENDER.unpack_from(body, 4)
        sender = SenderInfo(high << 32 | low, timestamp, packets, octets)
    blocks = []
    for index in range(count):
        ssrc, loss, highest, jitter, last, delay = _BLOCK.unpack_from(body, start + 24 * index)
        lost = (loss & 0xFFFFFF ^ 0x800000) - 0x800000
        blocks.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, last, delay))
    return Report(int.from_bytes(body[:4], "big"), tuple(blocks), sender)
