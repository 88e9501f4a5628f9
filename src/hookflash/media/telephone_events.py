"""The digits that come in as telephone-events (RFC 4733): forwarded as they are where the sink has
them too, and told once, when they are over."""

from __future__ import annotations

from collections.abc import Sequence

from ..rtp.dtmf import EventReceiver, parse_event
from ..rtp.packet import RtpPacket
from .forward import Forward

EndedDigit = tuple[str, int, bool]
"""A digit that is over, its length in ms, and whether it was forwarded as the same event."""


class TelephoneEvents:
    """Those of one source."""

    __slots__ = (
        "_clock",
        "_events",
        "_forwarded",
        "_sequence",
        "_ssrc",
        "_timestamp",
        "types",
    )

    def __init__(self) -> None:
        self.types: frozenset[int] = frozenset()
        """Their payload types."""
        self._clock = 8000
        self._events: EventReceiver | None = None
        self._forwarded = False
        self._ssrc = self._sequence = self._timestamp = -1

    def configure(self, types: frozenset[int], clock: int) -> None:
        """Take these payload types, with that clock rate in Hz; an event that goes on ends as it
        began."""
        self.types = types
        self._clock = clock
        if self._events is not None and not self._events.active:
            self._events = None

    def restart(self, ssrc: int) -> None:
        """The stream `ssrc` began anew: where it is theirs, timestamps seen so far mean nothing."""
        if ssrc == self._ssrc:
            self._ssrc = -1

    def late(self, packet: RtpPacket) -> bool:
        """Of a stream of their own: whether the packet came after one that follows it."""
        if packet.ssrc != self._ssrc:
            return False
        return 0 < (self._sequence - packet.sequence) & 0xFFFF < 0x8000

    @property
    def active(self) -> bool:
        """An event goes on, whose end may get lost: `expire` wants to be called."""
        return self._events is not None and self._events.active

    def received(
        self,
        packet: RtpPacket,
        forwards: Sequence[Forward],
        extended: int,
        clock: int,
        now: float,
        *,
        late: bool,
        beside: bool = False,
    ) -> list[EndedDigit]:
        """Digits that are over with this packet. `extended`: the source's highest sequence number,
        `clock`: that of its sound in Hz; `beside`: it is none of the sound's stream. Raises
        RtpError for a payload that is cut off."""
        events = self._events
        if events is None:
            events = self._events = EventReceiver(self._clock)
        event = parse_event(packet.payload)
        if packet.ssrc != self._ssrc:
            self._ssrc, self._timestamp = packet.ssrc, -1
            events.reset()
        if not late:
            self._sequence = packet.sequence
        was_active, was_forwarded = events.active, self._forwarded
        lasted = event.duration * clock // self._clock
        begins = packet.timestamp != self._timestamp and not late
        if begins:
            self._timestamp = packet.timestamp
            taken = [
                forward.begin_event(lasted, self._clock, now, beside=beside) for forward in forwards
            ]
            self._forwarded = any(taken)
        for forward in forwards:
            if not forward.carries_event:
                continue
            if beside:
                forward.event_beside(packet, extended, now)
            elif begins or forward.synced:
                forward.event(packet, lasted, extended, now, late=late)
        ended = events.event_received(now, packet.timestamp, event)
        first = len(ended[:1]) if begins and was_active else 0
        return [
            (digit, length, was_forwarded if number < first else self._forwarded)
            for number, (digit, length) in enumerate(ended)
        ]

    def expire(self, now: float) -> list[EndedDigit]:
        """The same for an event whose end packets were lost."""
        if self._events is None:
            return []
        return [(digit, length, self._forwarded) for digit, length in self._events.expire(now)]
