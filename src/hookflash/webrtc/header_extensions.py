"""RTP header extensions (RFC 8285): what a WebRTC client says beside its sound or picture.

`take_off` gives the packet as it would be without them, which is what the rest of the process
works with, and what is of use in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..base.errors import RtpError
from ..base.light import light_dataclass
from ..rtp.packet import HEADER, HEADER_SIZE
from .writing import AUDIO_LEVEL, MID, REPAIRED_RID, RID, TRANSPORT_CC

_ONE_BYTE: Final = 0xBEDE
_TWO_BYTE: Final = 0x1000
_EXTENSION: Final = 0x1000
_PADDING: Final = 0x2000
_KEPT: Final = 0xC0FF
"""Version, marker and payload type of a header's first word."""


@light_dataclass(frozen=True, slots=True)
class ExtensionIds:
    """The numbers that a session description gives the extensions; 0: none."""

    audio_level: int = 0
    mid: int = 0
    rid: int = 0
    transport_cc: int = 0
    repaired_rid: int = 0

    @classmethod
    def of(cls, uris: Mapping[int, str]) -> ExtensionIds:
        """From a section's extmap, id to URI."""
        ids = {uri: number for number, uri in uris.items()}
        return cls(
            ids.get(AUDIO_LEVEL, 0),
            ids.get(MID, 0),
            ids.get(RID, 0),
            ids.get(TRANSPORT_CC, 0),
            ids.get(REPAIRED_RID, 0),
        )


def take_off(packet: bytes) -> tuple[bytearray, bytes, int]:
    """The packet with a header of 12 octets, without CSRCs, extensions and padding; the extensions'
    octets; and their profile (0 where there are none). RtpError where it is no RTP packet."""
    size = len(packet)
    if size < HEADER_SIZE:
        raise RtpError(f"an RTP packet has at least 12 octets, not {size}")
    head, sequence, timestamp, ssrc = HEADER.unpack_from(packet)
    if head >> 14 != 2:
        raise RtpError("not RTP version 2")
    start = HEADER_SIZE + (head >> 8 & 15) * 4
    extensions, profile = b"", 0
    if head & _EXTENSION:
        if start + 4 > size:
            raise RtpError("the header extension is cut off")
        profile = packet[start] << 8 | packet[start + 1]
        end = start + 4 + 4 * (packet[start + 2] << 8 | packet[start + 3])
        extensions = packet[start + 4 : end]
        start = end
    if head & _PADDING:
        padding = packet[-1]
        if padding == 0 or start + padding > size:
            raise RtpError("the padding is longer than the payload")
        size -= padding
    if start > size:
        raise RtpError("the header is longer than the packet")
    plain = bytearray(packet[start - HEADER_SIZE : size])
    HEADER.pack_into(plain, 0, head & _KEPT, sequence, timestamp, ssrc)
    return plain, extensions, profile


def find(extensions: bytes, profile: int, number: int) -> bytes | None:
    """What the extension of that number says; None where it is not there."""
    if profile != _ONE_BYTE:
        two = profile & 0xFFF0 == _TWO_BYTE
        return _find_two_byte(extensions, number) if two else None
    at, end = 0, len(extensions)
    while at < end:
        first = extensions[at]
        if first == 0:  # padding
            at += 1
            continue
        kind, size = first >> 4, (first & 15) + 1
        if kind == 15:  # RFC 8285 §4.2: nothing behind it is read
            return None
        if kind == number:
            return extensions[at + 1 : at + 1 + size]
        at += 1 + size
    return None


def _find_two_byte(extensions: bytes, number: int) -> bytes | None:
    at, end = 0, len(extensions) - 1
    while at < end:
        kind, size = extensions[at], extensions[at + 1]
        if kind == 0:
            at += 1
            continue
        if kind == number:
            return extensions[at + 2 : at + 2 + size]
        at += 2 + size
    return None
