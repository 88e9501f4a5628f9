"""One RTP stream that goes out: SSRC, sequence and timestamps, whoever the sound comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..base.ids import Ids
from ..rtp.dtmf import EventStep
from ..rtp.packet import HEADER, HEADER_SIZE, MARKER, VERSION_2, Buffer
from ..sip.flow import Address

SendTo = Callable[[Buffer, Any], int]

_pack_into = HEADER.pack_into
_MASK: Final = 0xFFFFFFFF


class Sender:
    """The packets of one stream.

    `sequence` is that of the packet sent last; `timestamp` one packet (`span`) before where the
    stream goes on, which after a packet of sound is its own, too. The stream goes on without a
    seam whether packets are forwarded (`forward`) or made by the clock (`send`).
    """

    __slots__ = (
        "_buffer",
        "_event",
        "_line",
        "_line_octets",
        "_send_to",
        "_view",
        "_waited",
        "clock",
        "event_clock",
        "event_type",
        "failed",
        "filling",
        "head",
        "mark",
        "octets",
        "packets",
        "protect",
        "remote",
        "sent_at",
        "sequence",
        "span",
        "ssrc",
        "ticks",
        "timestamp",
    )

    def __init__(self, send_to: SendTo, buffer: bytearray, ids: Ids) -> None:
        """`buffer`: scratch space, may be shared by all senders of a thread."""
        self._send_to = send_to
        self._buffer = buffer
        self._view = memoryview(buffer)
        self.ssrc = ids.number(32)
        self.sequence = ids.number(15)
        self.timestamp = ids.number(31)
        self.remote: Address | None = None
        self.head = VERSION_2
        self.event_type: int | None = None
        self.event_clock = 8000
        self.clock = 8000
        self.ticks = 160
        """Of 20 ms."""
        self.span = 160
        """Of one packet."""
        self.protect: Callable[[Buffer], bytes | None] | None = None
        """Encrypts a packet; None: it may not be sent."""
        self.sent_at = 0.0
        self.packets = 0
        self.octets = 0
        self.failed = 0
        self.mark = True
        """The next packet begins a talkspurt."""
        self.filling = False
        """Silence is sent because the source that is forwarded says nothing."""
        self._event = (0, 0)
        """The event that goes out: its timestamp, and its longest duration so far."""
        self._line = b""
        self._line_octets = 0
        self._waited = 0

    def configure(self, payload_type: int, clock: int, frame_octets: int, ptime: int) -> None:
        """Speak this payload type from now on, `ptime` ms in a packet. `frame_octets`: octets of
        20 ms, 0 where a frame cannot be cut (Opus): its payloads are whole packets."""
        self.head = VERSION_2 | payload_type
        self.clock = clock
        self.ticks = clock // 50
        span = clock * ptime // 1000
        self.timestamp = (self.timestamp + self.span - span) & _MASK
        self.span = span
        self._line_octets = 0 if ptime == 20 else frame_octets * ptime // 20
        self._line = b""
        self.mark = True

    def resume(self, now: float) -> None:
        """The clock takes over: let the timestamp pass the time in which nothing was sent."""
        self.timestamp = (self.next_timestamp(now) - self.span) & _MASK
        self.sent_at = now - self.span / self.clock  # as if there had been no pause
        self.mark = True
        self._line = b""
        self._waited = 0

    def next_timestamp(self, now: float) -> int:
        """That of a packet sent now: right after the last, or by the time that has passed."""
        following = self.timestamp + self.span
        if self.sent_at:
            late = (now - self.sent_at) * self.clock - self.span
            following += max(0, round(late / self.ticks)) * self.ticks
        return following & _MASK

    def forward(
        self, view: memoryview, size: int, sequence: int, timestamp: int, now: float
    ) -> None:
        """Forward a packet: `view` holds it, with room for our header in its first 12 octets."""
        remote = self.remote
        if remote is None:
            return
        _pack_into(view, 0, self.head, sequence, timestamp, self.ssrc)
        self.sequence = sequence
        self.timestamp = timestamp
        self.sent_at = now
        self.packets += 1
        self.octets += size - HEADER_SIZE
        if self.protect is not None:
            self._put(view[:size], remote)
            return
        try:
            self._send_to(view[:size], remote)
        except OSError:
            self.failed += 1

    def forward_odd(
        self, head: int, sequence: int, timestamp: int, payload: bytes, now: float, late: bool
    ) -> None:
        """Forward a packet that is no plain next one: another type, a marker, or out of turn."""
        last = (self.sequence, self.timestamp, self.sent_at)
        self._emit(head, sequence, timestamp, payload, now)
        if late:
            self.sequence, self.timestamp, self.sent_at = last

    def forward_event(
        self, head: int, sequence: int, timestamp: int, payload: bytes, now: float, lasted: int
    ) -> None:
        """Forward a telephone-event. All its packets bear the timestamp of its beginning, so what
        comes after it goes on `lasted` ticks later; an end said again does not prolong it."""
        before = (self.timestamp, self.sent_at)
        self._emit(head, sequence, timestamp, payload, now)
        if self._event[0] == timestamp and lasted <= self._event[1]:
            self.timestamp, self.sent_at = before
            return
        self._event = (timestamp, lasted)
        self.timestamp = (timestamp + lasted - self.span) & _MASK

    def insert(self, head: int, timestamp: int, payload: bytes, now: float) -> None:
        """One packet beside the sound, whose timestamps go on as if it had not been."""
        last = (self.timestamp, self.sent_at)
        self._emit(head, (self.sequence + 1) & 0xFFFF, timestamp, payload, now)
        self.timestamp, self.sent_at = last

    def send(self, payload: Buffer, now: float) -> None:
        """20 ms made by the clock, or a packet of a codec that cannot be cut."""
        if self._line_octets:
            self._send_cut(payload, now)
            return
        self._next(payload, now)

    def fill(self, silence: bytes, now: float) -> None:
        """20 ms of silence, where nobody speaks: `silence` is a packet of a codec that cannot be
        cut, or 20 ms of one that can."""
        if self._line_octets:
            self._send_cut(silence, now)
            return
        self._waited += self.ticks
        while self._waited >= self.span:
            self._waited -= self.span
            self._next(silence, now)

    def send_row(
        self, buffer: bytearray, view: memoryview, start: int, end: int, now: float
    ) -> None:
        """20 ms of the mixer's matrix: at `start` room for the header, then the payload."""
        remote = self.remote
        if self.mark or self._line_octets or self.protect is not None or remote is None:
            self.send(view[start + HEADER_SIZE : end], now)
            return
        sequence = self.sequence = (self.sequence + 1) & 0xFFFF
        timestamp = self.timestamp = (self.timestamp + self.ticks) & _MASK
        _pack_into(buffer, start, self.head, sequence, timestamp, self.ssrc)
        self.sent_at = now
        self.packets += 1
        self.octets += end - start - HEADER_SIZE
        try:
            self._send_to(view[start:end], remote)
        except OSError:
            self.failed += 1

    def _send_cut(self, payload: Buffer, now: float) -> None:
        """The peer asked for packets of another length: gather or cut."""
        size = self._line_octets
        line = self._line + bytes(payload)
        while len(line) >= size:
            self._next(line[:size], now)
            line = line[size:]
        self._line = line

    def _next(self, payload: Buffer, now: float) -> None:
        head = self.head
        if self.mark:
            head |= MARKER
            self.mark = False
        sequence = (self.sequence + 1) & 0xFFFF
        self._emit(head, sequence, (self.timestamp + self.span) & _MASK, payload, now)

    def send_event(self, step: EventStep, now: float) -> None:
        """20 ms of a telephone-event instead of sound; the sound's time goes on beneath it."""
        if self.event_type is None:
            return
        head = VERSION_2 | self.event_type
        if step.first:
            self._flush(now)
            head |= MARKER
            self._event = ((self.timestamp + self.span) & _MASK, 0)
        going_on = (self.timestamp + self.ticks) & _MASK
        self._emit(head, (self.sequence + 1) & 0xFFFF, self._event[0], step.payload, now)
        self.timestamp = going_on
        self.mark = step.over

    def _flush(self, now: float) -> None:
        """Gathered sound goes out as a short packet before an event."""
        line, self._line = self._line, b""
        if line:
            ticks = len(line) * self.span // self._line_octets
            self._next(line, now)
            self.timestamp = (self.timestamp + ticks - self.span) & _MASK

    def pass_time(self, frames: int) -> None:
        """Frames of 20 ms were due that are not sent."""
        self.timestamp = (self.timestamp + frames * self.ticks) & _MASK

    def _emit(self, head: int, sequence: int, timestamp: int, payload: Buffer, now: float) -> None:
        self.sequence = sequence
        self.timestamp = timestamp
        remote = self.remote
        if remote is None:
            return
        size = HEADER_SIZE + len(payload)
        _pack_into(self._buffer, 0, head, sequence, timestamp, self.ssrc)
        self._buffer[HEADER_SIZE:size] = payload
        self.sent_at = now
        self.packets += 1
        self.octets += len(payload)
        self._put(self._view[:size], remote)

    def _put(self, data: memoryview, remote: Address) -> None:
        """On the wire, encrypted where that was agreed."""
        sealed: Buffer | None = data
        if self.protect is not None:
            sealed = self.protect(data)
        try:
            if sealed is None:
                self.failed += 1
            else:
                self._send_to(sealed, remote)
        except OSError:
            self.failed += 1
