"""The RTP packet (RFC 3550 §5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

from ..base.errors import RtpError

HEADER: Final = Struct("!HHII")
"""Version, flags, marker and payload type as one number; sequence; timestamp; SSRC."""
HEADER_SIZE: Final = 12
VERSION_2: Final = 0x8000
MARKER: Final = 0x0080

Buffer = bytes | bytearray | memoryview


@dataclass(slots=True)
class RtpPacket:
    """One packet, its extension, CSRC list and padding taken off."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False

    def encode(self) -> bytes:
        """The packet on the wire."""
        head = VERSION_2 | (MARKER if self.marker else 0) | self.payload_type
        return HEADER.pack(head, self.sequence, self.timestamp, self.ssrc) + self.payload


def parse(data: Buffer) -> RtpPacket:
    """Read one datagram; raises RtpError for anything that is no RTP version 2 packet."""
    size = len(data)
    if size < HEADER_SIZE:
        raise RtpError(f"an RTP packet has at least 12 octets, not {size}")
    head, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    if head >> 14 != 2:
        raise RtpError("not RTP version 2")
    start = HEADER_SIZE + 4 * (head >> 8 & 15)
    if head & 0x1000:
        if start + 4 > size:
            raise RtpError("the header extension is cut off")
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = size
    if head & 0x2000:
        padding = data[size - 1]
        if padding == 0 or start + padding > size:
            raise RtpError("the padding is longer than the payload")
        end -= padding
    if start > end:
        raise RtpError("the header is longer than the packet")
    payload = bytes(data[start:end])
    return RtpPacket(head & 0x7F, sequence, timestamp, ssrc, payload, bool(head & MARKER))


def is_rtcp(data: Buffer) -> bool:
    """True for an RTCP packet on a port that carries both (RFC 5761 §4)."""
    return len(data) >= 4 and 192 <= data[1] <= 223
