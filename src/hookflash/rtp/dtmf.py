"""Digits as telephone-events (RFC 4733), in and out."""

from __future__ import annotations

from struct import Struct
from typing import Final

from ..base.errors import RtpError
from ..base.light import light_dataclass

DIGITS: Final = "0123456789*#abcd"
"""By event code (RFC 4733 §3.2); letters in LiveKit's lower case."""

_EVENT: Final = Struct("!BBH")
_END: Final = 0x80
_LONGEST: Final = 0xFFFF
_TICK_MS: Final = 20
_SHORTEST_MS: Final = 100
_SHORTEST_PAUSE_MS: Final = 50
_VOLUME: Final = 10
QUEUE_LENGTH: Final = 64
END_PACKETS: Final = 3
_APART: Final = 0.03
"""Seconds between two presses of one key that may be two, give or take the network's delay."""
LOST_END: Final = 0.12
"""Seconds without a packet after which an event counts as over (its end packets were lost)."""


@light_dataclass(frozen=True, slots=True)
class EventPayload:
    """One telephone-event payload; `duration` in ticks of the RTP clock."""

    event: int
    end: bool
    duration: int
    volume: int = _VOLUME

    def encode(self) -> bytes:
        """The four octets on the wire."""
        return _EVENT.pack(self.event, (_END if self.end else 0) | self.volume, self.duration)


def parse_event(payload: bytes) -> EventPayload:
    """The first event of a payload; RtpError if it is cut off."""
    if len(payload) < _EVENT.size:
        raise RtpError("a telephone-event has four octets")
    event, flags, duration = _EVENT.unpack_from(payload)
    return EventPayload(event, bool(flags & _END), duration, flags & 63)


class EventReceiver:
    """Reports each event once, when it is over, whatever was lost or repeated."""

    __slots__ = (
        "_before",
        "_clock",
        "_duration",
        "_event",
        "_finished",
        "_heard_at",
        "_over",
        "_start",
    )

    def __init__(self, clock: int = 8000) -> None:
        self._clock = clock
        self._start: int | None = None
        """Timestamp of the event that goes on."""
        self._finished: int | None = None
        """Timestamp of the last event that is over."""
        self._over: set[int] = set()
        """Events with that timestamp that are over."""
        self._event = 0
        self._duration = 0
        self._before = 0
        """Ticks of the earlier segments of a very long event."""
        self._heard_at = 0.0

    @property
    def active(self) -> bool:
        """True while an event goes on: `expire` wants to be called."""
        return self._start is not None

    def packet_received(self, now: float, timestamp: int, payload: bytes) -> list[tuple[str, int]]:
        """Digits that are over now, each with its length in ms. RtpError: unreadable."""
        return self.event_received(now, timestamp, parse_event(payload))

    def event_received(
        self, now: float, timestamp: int, event: EventPayload
    ) -> list[tuple[str, int]]:
        """The same for a payload that has been read."""
        if timestamp == self._finished and event.event in self._over:
            return []
        done: list[tuple[str, int]] = []
        if self._start is not None and (timestamp, event.event) != (self._start, self._event):
            if 0 < (self._start - timestamp) & 0xFFFFFFFF < 0x80000000:
                return []  # a straggler of an event before this one
            if event.event == self._event and self._continues(timestamp):
                self._start = timestamp
                self._before += _LONGEST
                self._duration = 0
            elif self._restamped(now, self._start, timestamp, event):
                self._start = timestamp
            else:
                done += self._finish()
        if self._start is None:
            if event.end and self._restamped(now, self._finished, timestamp, event):
                self._finished, self._heard_at = timestamp, now
                self._over = {event.event}
                return []
            if self._finished is not None and self._is_old(timestamp):
                return []
            self._start = timestamp
            self._event = event.event
            self._duration = self._before = 0
        self._heard_at = now
        self._duration = max(self._duration, event.duration)
        if event.end:
            done += self._finish()
        return done

    def expire(self, now: float) -> list[tuple[str, int]]:
        """Ends an event whose end packets were all lost."""
        if self._start is None or now - self._heard_at < LOST_END:
            return []
        return self._finish()

    def reset(self) -> None:
        """The stream changed: timestamps seen so far mean nothing."""
        self._start = self._finished = None

    def _continues(self, timestamp: int) -> bool:
        """A long event goes on in a new segment (RFC 4733 §2.5.1.3), which begins just where the
        first one had to end, whether or not its last packets came."""
        start = self._start or 0
        return (timestamp - start) & 0xFFFFFFFF == _LONGEST

    def _restamped(self, now: float, last: int | None, timestamp: int, event: EventPayload) -> bool:
        """One more packet of the last event, which a sender has given the timestamp of its own
        moment (against RFC 4733 §2.5.1.2): a press of the same key that had lasted as long as it
        says would have begun while that event was still heard."""
        if last is None or event.event != self._event:
            return False
        behind = (timestamp - last) & 0xFFFFFFFF
        if behind > event.duration:  # it is no further on than the event has lasted
            return False
        lasted = self._duration / self._clock
        began = now - event.duration / self._clock
        return began < self._heard_at - min(lasted - _APART, _APART)

    def _is_old(self, timestamp: int) -> bool:
        """Before the last event; where the sender's clock stood still, another key is a new one."""
        finished = self._finished or 0
        behind = (finished - timestamp) & 0xFFFFFFFF
        return 0 < behind < 10 * self._clock

    def _finish(self) -> list[tuple[str, int]]:
        if self._start != self._finished:
            self._over = set()
        self._over.add(self._event)
        self._finished, self._start = self._start, None
        if self._event >= len(DIGITS):
            return []
        return [(DIGITS[self._event], (self._before + self._duration) * 1000 // self._clock)]


@light_dataclass(frozen=True, slots=True)
class _Order:
    digit: str
    on_ms: int
    off_ms: int


@light_dataclass(frozen=True, slots=True)
class EventStep:
    """What goes out in this 20 ms instead of audio."""

    payload: bytes
    first: bool
    """Begins an event: marker bit, and a new timestamp that all its packets bear."""
    length_ms: int
    """How much of the event has passed with this packet."""
    over: bool
    """An end packet: audio follows in the same tick once the event's time has passed."""


class EventSender:
    """Waiting digits, played out in steps of 20 ms."""

    __slots__ = (
        "_clock",
        "_current",
        "_ends",
        "_last",
        "_passed",
        "_pause",
        "_waiting",
        "dropped",
    )

    def __init__(self, clock: int = 8000) -> None:
        self._clock = clock
        self._waiting: list[_Order] = []
        self._current: _Order | None = None
        self._passed = 0
        self._ends = 0
        self._pause = 0
        self._last: EventStep | None = None
        self.dropped = 0

    @property
    def active(self) -> bool:
        """True while `tick` has something to do."""
        return bool(self._waiting or self._current or self._pause or self._ends)

    def add(self, digits: str, on_ms: int = 250, off_ms: int = 250) -> None:
        """Queue digits; `w` is a pause of 500 ms. Over 64 waiting: the oldest is dropped.

        A digit is at least 100 ms long with 50 ms after it, and at most what its duration field
        holds (8 s at 8000 Hz). Characters that are none of `DIGITS`, in either case, are ignored.
        """
        on_ms = min(on_ms, _LONGEST * 1000 // self._clock)
        for digit in digits.lower():
            if digit == "w":
                self._queue(_Order("", 0, 500))
            elif digit in DIGITS:
                self._queue(
                    _Order(digit, max(on_ms, _SHORTEST_MS), max(off_ms, _SHORTEST_PAUSE_MS))
                )

    def _queue(self, order: _Order) -> None:
        if len(self._waiting) >= QUEUE_LENGTH:
            self._waiting.pop(0)
            self.dropped += 1
        self._waiting.append(order)

    def next_digit(self) -> tuple[str, int, int] | None:
        """The next order for a peer without telephone-event: digit ("" = pause), on, off in ms."""
        if not self._waiting:
            return None
        order = self._waiting.pop(0)
        return order.digit, order.on_ms, order.off_ms

    def tick(self) -> EventStep | None:
        """20 ms pass: the packet to send, or None where audio goes out as ever."""
        if self._current is None and self._pause <= 0 and not self._ends and self._waiting:
            order = self._waiting.pop(0)
            if order.digit:
                self._current, self._passed = order, 0
            else:
                self._pause = order.off_ms
        if self._current is not None:
            return self._event_step(self._current)
        self._pause = max(0, self._pause - _TICK_MS)
        if self._ends:
            self._ends -= 1
            return self._last
        return None

    def _event_step(self, order: _Order) -> EventStep:
        first = self._passed == 0
        self._passed += _TICK_MS
        over = self._passed >= order.on_ms
        length = min(self._passed, order.on_ms)
        event = EventPayload(DIGITS.index(order.digit), over, length * self._clock // 1000)
        step = EventStep(event.encode(), first, self._passed, over)
        if over:
            self._current = None
            # The end is heard at a tick, so the pause pays back what that came too late.
            self._pause = max(order.on_ms + order.off_ms - self._passed, _SHORTEST_PAUSE_MS)
            self._ends = END_PACKETS - 1
            self._last = step
        return step
