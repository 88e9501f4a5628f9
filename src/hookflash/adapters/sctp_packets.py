"""Whether an SCTP packet's chunks are what their lengths say (RFC 9260 §3, RFC 3758, RFC 6525).

aiortc trusts some lengths: a parameter of length 0 is read for ever, a SACK with wide gaps fills
the memory. The checksum is its business.
"""

from __future__ import annotations

from struct import unpack_from
from typing import Final

_DATA, _INIT, _INIT_ACK, _SACK, _SHUTDOWN, _FORWARD_TSN = 0, 1, 2, 3, 7, 192
_WITH_PARAMETERS: Final = frozenset({4, 5, 6, 9, 130})
"""HEARTBEAT and its answer, ABORT, ERROR, RE-CONFIG."""

_HEADER, _CHUNK = 12, 4
_MOST: Final = 16_384
_CONTROLS: Final = 16
"""Chunks besides DATA of one packet. Most kinds are answered, each in a packet of its own, so that
one of a few kilobytes would bring hundreds."""


def well_formed(data: bytes, streams: int) -> bool:
    """Whether every chunk that is known is whole, and is for one of the first `streams` streams,
    and there are no more of them than somebody would send."""
    at, end = _HEADER, len(data)
    if not _HEADER + _CHUNK <= end <= _MOST:
        return False
    alone, controls = True, 0
    while at + _CHUNK <= end:
        kind, _flags, length = unpack_from("!BBH", data, at)
        after = at + length
        if length < _CHUNK or after > end or not _chunk(kind, data[at + _CHUNK : after], streams):
            return False
        controls += kind != _DATA
        if controls > _CONTROLS:
            return False
        at = after + -length % 4
        if kind == _INIT and not (alone and at >= end):
            return False
        alone = False
    return True


def _chunk(kind: int, body: bytes, streams: int) -> bool:
    if kind == _DATA:
        return len(body) > 12 and int.from_bytes(body[4:6]) < streams
    if kind in (_INIT, _INIT_ACK):
        return len(body) >= 16 and _parameters(body[16:])
    if kind == _SACK:
        return _sack(body)
    if kind == _SHUTDOWN:
        return len(body) == 4
    if kind == _FORWARD_TSN:
        size = len(body)
        return (
            size >= 4
            and size % 4 == 0
            and all(int.from_bytes(body[at : at + 2]) < streams for at in range(4, size, 4))
        )
    return kind not in _WITH_PARAMETERS or _parameters(body)


def _parameters(body: bytes) -> bool:
    at, end = 0, len(body)
    while at + _CHUNK <= end:
        length = int.from_bytes(body[at + 2 : at + 4])
        if length < _CHUNK or at + length > end:
            return False
        at += length + -length % 4
    return at >= end


def _sack(body: bytes) -> bool:
    """Its counts fit, and its gap blocks ascend without touching (RFC 9260 §3.3.4)."""
    if len(body) < 12:
        return False
    gaps, duplicates = unpack_from("!HH", body, 8)
    if len(body) != 12 + 4 * (gaps + duplicates):
        return False
    last = 0
    for at in range(12, 12 + 4 * gaps, 4):
        first, after = unpack_from("!HH", body, at)
        if not last < first <= after:
            return False
        last = after
    return True
