"""RTCP feedback of video: what is asked of who sends pictures (RFC 4585, RFC 5104, REMB).

Feedback is of reduced size (RFC 5506): it stands alone, without a report before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Final

from ..base.errors import RtpError
from ..base.light import light_dataclass
from .rtcp import packets_of

RTPFB: Final = 205
PSFB: Final = 206
NACK: Final = 1
"""Of RTPFB (RFC 4585 §6.2.1)."""
PLI: Final = 1
"""Of PSFB (RFC 4585 §6.3.1)."""
FIR: Final = 4
"""Of PSFB (RFC 5104 §4.3.1)."""
APPLICATION: Final = 15
"""Of PSFB; REMB is told by its four letters (draft-alvestrand-rmcat-remb-03 §2.2)."""
_REMB: Final = b"REMB"

_HEAD: Final = Struct("!BBHII")
_PAIR: Final = Struct("!HH")
_ENTRY: Final = Struct("!IB3x")


@light_dataclass(frozen=True, slots=True)
class Nack:
    """Packets of a stream that did not come."""

    ssrc: int
    sequences: tuple[int, ...]


@light_dataclass(frozen=True, slots=True)
class PictureLoss:
    """A keyframe of that stream is needed."""

    ssrc: int


@light_dataclass(frozen=True, slots=True)
class FullIntraRequest:
    """A keyframe of that stream is wanted; one that is said again has the same `number`."""

    ssrc: int
    number: int


@light_dataclass(frozen=True, slots=True)
class BitrateEstimate:
    """How much the other side believes it can receive, of these streams together (REMB)."""

    bitrate: int
    """Bits per second."""
    ssrcs: tuple[int, ...]


Feedback = Nack | PictureLoss | FullIntraRequest | BitrateEstimate


def parse_feedback(data: bytes) -> list[Feedback]:
    """The feedback in a compound packet; packets of other kinds are passed over. RtpError."""
    found: list[Feedback] = []
    for kind, form, media, body in _packets(data):
        if kind == RTPFB and form == NACK:
            found.append(Nack(media, tuple(_sequences(body))))
        elif kind == PSFB and form == PLI:
            found.append(PictureLoss(media))
        elif kind == PSFB and form == FIR:
            found += [
                FullIntraRequest(*_ENTRY.unpack_from(body, at)) for at in range(0, len(body) - 7, 8)
            ]
        elif kind == PSFB and form == APPLICATION and body[:4] == _REMB:
            found.append(_estimate(body))
    return found


def _packets(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Kind, form, SSRC of the media and the rest, of each feedback packet."""
    for kind, form, body in packets_of(data):
        if kind in (RTPFB, PSFB):
            if len(body) < 8:
                raise RtpError("RTCP feedback has at least 12 octets")
            yield kind, form, int.from_bytes(body[4:8], "big"), body[8:]


def _sequences(body: bytes) -> Iterator[int]:
    for at in range(0, len(body) - 3, 4):
        first, more = _PAIR.unpack_from(body, at)
        yield first
        for bit in range(16):
            if more >> bit & 1:
                yield (first + 1 + bit) & 0xFFFF


def _estimate(body: bytes) -> BitrateEstimate:
    if len(body) < 8 or len(body) < 8 + 4 * body[4]:
        raise RtpError("a REMB is shorter than it says")
    mantissa = (body[5] & 3) << 16 | body[6] << 8 | body[7]
    ssrcs = tuple(int.from_bytes(body[at : at + 4], "big") for at in range(8, 8 + 4 * body[4], 4))
    return BitrateEstimate(mantissa << (body[5] >> 2), ssrcs)


def _packet(kind: int, form: int, sender: int, media: int, body: bytes = b"") -> bytes:
    return _HEAD.pack(0x80 | form, kind, 2 + len(body) // 4, sender, media) + body


def encode_nack(sender: int, ssrc: int, sequences: Iterable[int]) -> bytes:
    """`sequences`: each 16 bits, at least one, in the order in which they were sent."""
    body = bytearray()
    first, more = -1, 0
    for sequence in sequences:
        bit = (sequence - first - 1) & 0xFFFF
        if first >= 0 and bit < 16:
            more |= 1 << bit
            continue
        if first >= 0:
            body += _PAIR.pack(first, more)
        first, more = sequence, 0
    body += _PAIR.pack(first, more)
    return _packet(RTPFB, NACK, sender, ssrc, bytes(body))


def encode_pli(sender: int, ssrc: int) -> bytes:
    """Ask for a keyframe of that stream."""
    return _packet(PSFB, PLI, sender, ssrc)


def encode_fir(sender: int, ssrc: int, number: int) -> bytes:
    """The same by a full intra request; `number`: 8 bits, one more with each new request."""
    return _packet(PSFB, FIR, sender, 0, _ENTRY.pack(ssrc, number & 0xFF))


def encode_estimate(sender: int, estimate: BitrateEstimate) -> bytes:
    """REMB; the bitrate is rounded down to 18 bits."""
    exponent = max(0, estimate.bitrate.bit_length() - 18)
    mantissa = estimate.bitrate >> exponent
    body = _REMB + bytes(
        [len(estimate.ssrcs), exponent << 2 | mantissa >> 16, mantissa >> 8 & 255, mantissa & 255]
    )
    body += b"".join(ssrc.to_bytes(4, "big") for ssrc in estimate.ssrcs)
    return _packet(PSFB, APPLICATION, sender, 0, body)
