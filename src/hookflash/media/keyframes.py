"""What a relay needs to know of a video payload without decoding it: where a keyframe begins, and
the numbers of pictures that go on beyond a switch from one stream to another.

VP8: RFC 7741. VP9: RFC 9628. H.264: RFC 6184. AV1: the RTP payload format of AOMedia, §4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ..base.light import light_dataclass
from ..rtp.packet import Buffer

_IDR, _SPS = 5, 7
_STAP_A, _FU_A = 24, 28


@light_dataclass(frozen=True, slots=True)
class PictureNumbers:
    """Those of one packet, and the octets of its payload in which they stand."""

    picture: int
    picture_at: int
    wide: bool
    """15 bits instead of 7."""
    layer0: int = 0
    """TL0PICIDX: the number of the last picture of the lowest temporal layer."""
    layer0_at: int = 0
    """0: it says none."""


def begins_keyframe(codec: str, payload: Buffer) -> bool:
    """True for the first packet of a frame that needs no other. `codec` as in `RtpCodec.name`;
    False for one that cannot be read."""
    look = _KEYFRAMES.get(codec)
    return look is not None and len(payload) > 0 and look(payload)


def picture_numbers(codec: str, payload: Buffer) -> PictureNumbers | None:
    """None where the payload has none, or cannot be read."""
    look = _NUMBERS.get(codec)
    return look(payload) if look is not None else None


def renumbered(payload: Buffer, numbers: PictureNumbers, picture: int, layer0: int) -> bytearray:
    """The payload with other numbers in the same octets."""
    out = bytearray(payload)
    at = numbers.picture_at
    if numbers.wide:
        out[at] = 0x80 | picture >> 8 & 0x7F
        out[at + 1] = picture & 0xFF
    else:
        out[at] = picture & 0x7F
    if numbers.layer0_at:
        out[numbers.layer0_at] = layer0 & 0xFF
    return out


def _vp8_keyframe(payload: Buffer) -> bool:
    """§4.2, §4.3: the first partition begins, and P of its header is 0."""
    size, first = len(payload), payload[0]
    if not first & 0x10 or first & 0x07:
        return False
    at = 1
    if first & 0x80:
        if size < 2:
            return False
        more = payload[1]
        at = 2
        if more & 0x80:
            at += 2 if size > at and payload[at] & 0x80 else 1
        at += (1 if more & 0x40 else 0) + (1 if more & 0x30 else 0)
    return size > at and not payload[at] & 1


def _vp8_numbers(payload: Buffer) -> PictureNumbers | None:
    if len(payload) < 6 or not payload[0] & 0x80 or not payload[1] & 0x80:
        return None
    wide = bool(payload[2] & 0x80)
    picture = (payload[2] & 0x7F) << 8 | payload[3] if wide else payload[2]
    at = 4 if wide else 3
    if payload[1] & 0x40:
        return PictureNumbers(picture, 2, wide, payload[at], at)
    return PictureNumbers(picture, 2, wide)


def _vp9_keyframe(payload: Buffer) -> bool:
    """§4.2: the begin of a frame that is not predicted from another picture, and of its lowest
    spatial layer."""
    first = payload[0]
    if first & 0x48 != 0x08:  # P, B
        return False
    if not first & 0x20:  # L
        return True
    at = 1
    if first & 0x80:
        at += 2 if len(payload) > 1 and payload[1] & 0x80 else 1
    return len(payload) > at and not payload[at] & 0x0E


def _vp9_numbers(payload: Buffer) -> PictureNumbers | None:
    if len(payload) < 5 or not payload[0] & 0x80:
        return None
    wide = bool(payload[1] & 0x80)
    picture = (payload[1] & 0x7F) << 8 | payload[2] if wide else payload[1]
    at = 3 if wide else 2
    if payload[0] & 0x30 == 0x20:  # layers, and no flexible mode
        return PictureNumbers(picture, 1, wide, payload[at + 1], at + 1)
    return PictureNumbers(picture, 1, wide)


def _h264_keyframe(payload: Buffer) -> bool:
    """§5: parameters of a sequence, or a slice of an IDR picture, alone, first of several, or at
    the begin of its fragments."""
    kind = payload[0] & 31
    if kind == _STAP_A:
        return len(payload) > 3 and payload[3] & 31 in (_SPS, _IDR)
    if kind == _FU_A:
        return len(payload) > 1 and bool(payload[1] & 0x80) and payload[1] & 31 in (_SPS, _IDR)
    return kind in (_SPS, _IDR)


def _av1_keyframe(payload: Buffer) -> bool:
    """§4.4: N, the first packet of a coded video sequence."""
    return payload[0] & 0x88 == 0x08


_KEYFRAMES: Final[Mapping[str, Callable[[Buffer], bool]]] = {
    "VP8": _vp8_keyframe,
    "VP9": _vp9_keyframe,
    "H264": _h264_keyframe,
    "AV1": _av1_keyframe,
}
_NUMBERS: Final[Mapping[str, Callable[[Buffer], PictureNumbers | None]]] = {
    "VP8": _vp8_numbers,
    "VP9": _vp9_numbers,
}
