"""When the packets of a transport came, for who paces them: transport-wide feedback
(draft-holmer-rmcat-transport-wide-cc-extensions-01).

Each packet of video bears a number of its transport, whatever its stream. Several times in a second
the sender is told which came and when; by that it knows how much the way carries.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from .feedback import RTPFB

TRANSPORT_WIDE: Final = 15
"""The form of RTPFB."""
MAX_SPAN: Final = 1000
"""Numbers that one feedback covers; a sender that leaps further has begun anew."""

_TICK: Final = 0.00025
"""Seconds: the unit of the times between two packets (§3.1.5)."""
_REFERENCE: Final = 256
"""Ticks in a unit of the reference time, 64 ms."""
_HEAD: Final = Struct("!BBHIIHHI")
_NOT_RECEIVED, _SMALL, _LARGE = 0, 1, 2
_RUN: Final = 14
"""Alike in a row from which on they are counted instead of listed."""


class Arrivals:
    """Those of one transport since the last feedback."""

    __slots__ = ("_came", "_count", "_highest", "_told", "ssrc")

    def __init__(self) -> None:
        self._came: dict[int, float] = {}
        """By number, counted beyond 16 bits."""
        self._highest: int | None = None
        self._told: int | None = None
        """The highest number that feedback covered."""
        self._count = 0
        self.ssrc = 0
        """Of the last packet: a stream by which the feedback is found."""

    def arrived(self, number: int, ssrc: int, now: float) -> None:
        """One packet; `number`: 16 bits."""
        self.ssrc = ssrc
        highest = self._highest
        if highest is None:
            # One round is in reserve for packets that are late.
            extended = self._highest = 0x10000 + number
        else:
            step = (number - highest) & 0xFFFF
            extended = highest + (step if step < 0x8000 else step - 0x10000)
            if extended > highest:
                self._highest = extended
        self._came.setdefault(extended, now)

    def feedback(self, sender: int) -> list[bytes]:
        """RTCP packets that tell of all that came since the last call; empty where none did."""
        came, self._came = sorted(self._came.items()), {}
        packets: list[bytes] = []
        start = 0
        while start < len(came):
            first, at = came[start]
            if self._told is not None and 0 <= first - self._told - 1 < MAX_SPAN:
                first = self._told + 1  # what was lost between the two
            body, start = _times(first, came, start)
            last = came[start - 1][0]
            self._told = last if self._told is None else max(last, self._told)
            packets.append(self._packet(sender, first, last - first + 1, at, body))
        return packets

    def _packet(self, sender: int, first: int, span: int, at: float, body: bytes) -> bytes:
        reference = int(at / _TICK) // _REFERENCE & 0xFFFFFF
        padding = -len(body) % 4
        if padding:
            body += bytes(padding - 1) + bytes([padding])
        head = 0xA0 if padding else 0x80
        count, self._count = self._count, (self._count + 1) & 0xFF
        return (
            _HEAD.pack(
                head | TRANSPORT_WIDE,
                RTPFB,
                4 + len(body) // 4,
                sender,
                self.ssrc,
                first & 0xFFFF,
                span,
                reference << 8 | count,
            )
            + body
        )


def _times(first: int, came: list[tuple[int, float]], start: int) -> tuple[bytes, int]:
    """Chunks and deltas from `start` on, and where the next feedback begins: at a number too far
    away, or one that came too long after the one before it."""
    symbols: list[int] = []
    deltas = bytearray()
    ticks = int(came[start][1] / _TICK) // _REFERENCE * _REFERENCE
    index = start
    while index < len(came):
        number, at = came[index]
        delta = int(at / _TICK) - ticks
        if number - first >= MAX_SPAN or not -0x8000 <= delta <= 0x7FFF:
            break
        symbols += [_NOT_RECEIVED] * (number - first - len(symbols))
        if 0 <= delta <= 255:
            symbols.append(_SMALL)
            deltas.append(delta)
        else:
            symbols.append(_LARGE)
            deltas += (delta & 0xFFFF).to_bytes(2, "big")
        ticks += delta
        index += 1
    return _chunks(symbols) + bytes(deltas), index


def _chunks(symbols: list[int]) -> bytes:
    """§3.1.2 to §3.1.4: runs of one symbol, else vectors of one or two bits a symbol."""
    out = bytearray()
    at, end = 0, len(symbols)
    while at < end:
        symbol = symbols[at]
        run = 1
        while at + run < end and symbols[at + run] == symbol and run < 0x1FFF:
            run += 1
        if run >= _RUN or at + run == end:
            chunk = symbol << 13 | run
            at += run
        elif _LARGE in symbols[at : at + 14]:
            chunk = 0xC000 | _vector(symbols[at : at + 7], 2, 7)
            at += 7
        else:
            chunk = 0x8000 | _vector(symbols[at : at + 14], 1, 14)
            at += 14
        out += chunk.to_bytes(2, "big")
    return bytes(out)


def _vector(symbols: list[int], bits: int, size: int) -> int:
    value = 0
    for symbol in symbols:
        value = value << bits | symbol
    return value << bits * (size - len(symbols))
