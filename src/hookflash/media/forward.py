"""One source to one sink, packet by packet, as they come: the sink's own sequence numbers and
timestamps, which go on without a seam where the forwarding begins."""

from __future__ import annotations

from typing import Final

from ..rtp.packet import MARKER, VERSION_2, RtpPacket
from .sender import Sender

_MASK: Final = 0xFFFFFFFF
_EVENT_BEGINS: Final = 3
"""Frames of 20 ms that an event has lasted at most in its first packet, loss allowed for."""


class Forward:
    """The numbers of one pair. They are fitted to the sink's at the first packet that is forwarded
    (`synced`), so that is never a plain next one: the receiver sees to it."""

    __slots__ = (
        "_epoch",
        "_event_at",
        "carries_event",
        "send",
        "sender",
        "sequence_shift",
        "synced",
        "timestamp_shift",
    )

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.send = sender.forward
        """For a plain next packet of sound, whose numbers are to be shifted: a method of ours in
        between would be one more call for each packet."""
        self.synced = False
        self.carries_event = False
        """The telephone-event that comes at present goes on to this sink as it is."""
        self._epoch = 0
        """The source's extended sequence number at which the forwarding began."""
        self._event_at = 0
        """Timestamp of the event that comes at present, in the sink's numbers."""
        self.sequence_shift = self.timestamp_shift = 0

    def sound(self, packet: RtpPacket, extended: int, now: float, *, late: bool) -> None:
        """A packet of sound that is no plain next one. `extended`: the source's highest sequence
        number; `late`: the packet came after one that follows it."""
        sender = self.sender
        head = self._head(packet, sender.head, extended, now, late=late)
        if head:
            sequence, timestamp = self._shifted(packet)
            sender.forward_odd(head, sequence, timestamp, packet.payload, now, late)

    def begin_event(self, lasted: int, clock: int, now: float, *, beside: bool) -> bool:
        """An event begins that has lasted `lasted` ticks of the sound: whether it goes to this
        sink as it is. One that is heard of in its middle where the forwarding begins does not: its
        time has been filled with sound. `clock`: of telephone-event, in Hz; `beside`: see
        `event_beside`."""
        sender = self.sender
        begins = not beside and lasted <= _EVENT_BEGINS * sender.ticks
        self.carries_event = (
            sender.event_type is not None
            and sender.event_clock == clock
            and (self.synced or begins)
        )
        if beside:
            self._event_at = sender.next_timestamp(now)
        return self.carries_event

    def event(
        self, packet: RtpPacket, lasted: int, extended: int, now: float, *, late: bool
    ) -> None:
        """A packet of that event."""
        sender = self.sender
        if sender.event_type is None:
            return
        head = self._head(packet, VERSION_2 | sender.event_type, extended, now, late=late)
        if not head:
            return
        sequence, timestamp = self._shifted(packet)
        self._event_at = timestamp
        if late:
            sender.forward_odd(head, sequence, timestamp, packet.payload, now, late)
        else:
            sender.forward_event(head, sequence, timestamp, packet.payload, now, lasted)

    def event_beside(self, packet: RtpPacket, extended: int, now: float) -> None:
        """A packet of an event that comes in a stream of its own, while the sound goes on: it is
        put in between, so the sound's numbers are one further from here on, and stragglers of the
        sound from before it have no place any more. `extended`: the sound's highest number."""
        if not self.synced or self.sender.event_type is None:
            return
        self._epoch = extended
        self.sequence_shift += 1
        head = VERSION_2 | self.sender.event_type | (MARKER if packet.marker else 0)
        self.sender.insert(head, self._event_at, packet.payload, now)

    def _head(self, packet: RtpPacket, head: int, extended: int, now: float, *, late: bool) -> int:
        """The first word of the packet as it goes on, after the numbers were fitted where the
        forwarding begins; 0: it belongs to the time before that."""
        if not self.synced:
            if late:
                return 0
            self.synced = True
            self._epoch = extended
            self.sequence_shift = self.sender.sequence + 1 - packet.sequence
            self.timestamp_shift = self.sender.next_timestamp(now) - packet.timestamp
            self.sender.filling = False
            head |= MARKER
        elif late and extended - ((extended - packet.sequence) & 0xFFFF) < self._epoch:
            return 0
        return head | MARKER if packet.marker else head

    def _shifted(self, packet: RtpPacket) -> tuple[int, int]:
        """Sequence and timestamp in the sink's numbers."""
        return (
            (packet.sequence + self.sequence_shift) & 0xFFFF,
            (packet.timestamp + self.timestamp_shift) & _MASK,
        )
