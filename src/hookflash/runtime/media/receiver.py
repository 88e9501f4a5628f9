"""What comes in on one leg's port: the path of every packet.

The plain next packet of a latched source takes the short way at the top of `_packet`; all else
(the first packets, gaps, digits, another SSRC, strangers) takes `_irregular`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from ...base.errors import RtpError
from ...rtp.dtmf import EventReceiver, parse_event
from ...rtp.jitter import JitterBuffer
from ...rtp.latch import Latch
from ...rtp.packet import HEADER, HEADER_SIZE, MARKER, VERSION_2, RtpPacket, is_rtcp, parse
from ...sdp.plan import Codec, MediaPlan
from .sender import Sender

ReceiveInto = Callable[[bytearray], tuple[int, Any]]

_unpack = HEADER.unpack_from
_MASK: Final = 0xFFFFFFFF
_SANE: Final = 65536.0
_MAX_GAP: Final = 3000
_MAX_BEHIND: Final = 100
_EVENT_BEGINS: Final = 3
"""Frames of 20 ms that an event has lasted at most in its first packet, loss allowed for."""
_WAITING: Final = 50
BUFFER_SIZE: Final = 2048


class ReceiverOwner(Protocol):
    """What the receiver tells its stream."""

    def packet_first(self) -> None: ...
    def source_latched(self, now: float) -> None: ...
    def digit_ended(self, digit: str, duration_ms: int, *, relayed: bool, inband: bool) -> None: ...
    def event_started(self) -> None: ...
    def codec_changed(self) -> None: ...
    def rtcp_received(self, data: bytes, now: float) -> None: ...


class _Nobody:
    """Who a stream's receiver tells when the stream is closed."""

    def packet_first(self) -> None: ...
    def source_latched(self, now: float) -> None: ...
    def digit_ended(self, digit: str, duration_ms: int, *, relayed: bool, inband: bool) -> None: ...
    def event_started(self) -> None: ...
    def codec_changed(self) -> None: ...
    def rtcp_received(self, data: bytes, now: float) -> None: ...


_NOBODY = _Nobody()


class Receiver:
    """The incoming RTP stream of a leg, to `relay` (as it comes) or into `jitter`."""

    __slots__ = (
        "_bad_sequence",
        "_base",
        "_buffer",
        "_clock",
        "_codecs",
        "_epoch",
        "_event_clock",
        "_event_relayed",
        "_event_timestamp",
        "_events",
        "_expected",
        "_extended",
        "_head",
        "_jitter",
        "_lost",
        "_mux",
        "_noise",
        "_now",
        "_owner",
        "_past_lost",
        "_past_received",
        "_receive",
        "_sequence_shift",
        "_source",
        "_ssrc",
        "_synced",
        "_timestamp",
        "_timestamp_shift",
        "_view",
        "codec",
        "event_types",
        "jitter",
        "last_at",
        "latch",
        "listen",
        "refused",
        "relay",
        "unprotect",
        "unreadable",
    )

    def __init__(
        self,
        owner: ReceiverOwner,
        receive: ReceiveInto,
        buffer: bytearray,
        now: Callable[[], float],
        latch: Latch,
    ) -> None:
        self._owner: ReceiverOwner = owner
        self._receive = receive
        self._buffer = buffer
        self._view = memoryview(buffer)
        self._now = now
        self.latch = latch
        self.relay: Sender | None = None
        self.jitter: JitterBuffer | None = None
        self.listen: Callable[[bytes], list[tuple[str, int]]] | None = None
        """In-band digits: takes each payload, gives digits that ended."""
        self.unprotect: Callable[[bytes], bytes | None] | None = None
        self.codec: Codec | None = None
        """What the peer speaks at the moment, by our own numbers."""
        self.last_at = 0.0
        self.refused = 0
        self.unreadable = 0
        self._codecs: dict[int, Codec] = {}
        self.event_types: frozenset[int] = frozenset()
        self._noise: frozenset[int] = frozenset()
        self._mux = False
        self._events: EventReceiver | None = None
        self._event_relayed = False
        self._event_timestamp = -1
        self._event_clock = 8000
        self._clock = 8000
        self._head = -1
        self._ssrc = -1
        self._source: Any = None
        self._expected = -1
        self._extended = self._base = 0
        self._timestamp = 0
        self._jitter = 0.0
        self._lost = self._past_lost = self._past_received = 0
        self._bad_sequence = -1
        self._synced = False
        self._epoch = 0
        self._sequence_shift = self._timestamp_shift = 0

    def release(self) -> None:
        """The stream is closed and hears no more of us: nothing shall keep it."""
        self._owner = _NOBODY

    # --- set-up ---------------------------------------------------------------------------------

    def configure(self, plan: MediaPlan) -> None:
        """Take the payload types of `plan`; counters and latch stay."""
        self._codecs = plan.receive or {plan.codec.payload_type: plan.codec}
        self.event_types = plan.dtmf_receive
        self._event_clock = plan.dtmf_clock
        self._noise = plan.comfort_noise
        self._mux = plan.rtcp_mux
        codec = self.codec
        if codec is None or codec not in self._codecs.values():
            choices = list(self._codecs.values())
            same = [choice for choice in choices if choice.name == plan.codec.name]
            codec = self.codec = (same or choices)[0]
        self._clock = codec.clock
        self._head = -1
        if self._events is not None and not self._events.active:
            self._events = None

    def route(self, relay: Sender | None, jitter: JitterBuffer | None) -> None:
        """Where sound goes from the next packet on."""
        if relay is not self.relay:
            self.relay = relay
            self._synced = False
            self._head = -1
        self.jitter = jitter

    def unlatch(self) -> None:
        """Any source may speak again (a re-INVITE named a new address)."""
        self._source = None

    def resync(self) -> None:
        """Something else was sent meanwhile: the next relayed packet follows that."""
        self._synced = False
        self._head = -1

    # --- figures --------------------------------------------------------------------------------

    @property
    def received(self) -> int:
        """Packets of all SSRCs, without those dropped at the door."""
        if self._expected < 0:
            return self._past_received
        return self._past_received + self._extended - self._base + 1 - self._lost

    @property
    def lost(self) -> int:
        """Packets that never came."""
        return max(0, self._past_lost + self._lost)

    @property
    def jitter_ticks(self) -> float:
        """Interarrival jitter (RFC 3550 A.8)."""
        return self._jitter

    @property
    def jitter_ms(self) -> float:
        """The same in milliseconds."""
        return self._jitter * 1000 / self._clock

    @property
    def ssrc(self) -> int | None:
        """The peer's SSRC; None before the first packet."""
        return self._ssrc if self._expected >= 0 else None

    @property
    def highest(self) -> int:
        """Extended highest sequence number of the present SSRC."""
        return self._extended

    @property
    def expected_packets(self) -> int:
        """Packets of the present SSRC that should have come."""
        return self._extended - self._base + 1 if self._expected >= 0 else 0

    @property
    def lost_of_ssrc(self) -> int:
        """Packets of the present SSRC that did not come."""
        return self._lost

    # --- packets --------------------------------------------------------------------------------

    def readable(self) -> None:
        """The socket has a packet."""
        self._read()

    def drain(self) -> None:
        """Take what waits, at most a second of it."""
        for _ in range(_WAITING):
            if not self._read():
                return

    def _read(self) -> bool:
        """Take one datagram; False where there is none."""
        try:
            size, source = self._receive(self._buffer)
        except OSError:
            return False
        if self.unprotect is not None and not (self._mux and is_rtcp(self._view[:size])):
            plain = self.unprotect(bytes(self._view[:size]))
            if plain is None:
                self.unreadable += 1
                return True
            size = len(plain)
            self._buffer[:size] = plain
        self._packet(size, source)
        return True

    def _packet(self, size: int, source: Any) -> None:
        head, sequence, timestamp, ssrc = _unpack(self._buffer)
        if (
            sequence != self._expected
            or head != self._head
            or ssrc != self._ssrc
            or source != self._source
            or size <= HEADER_SIZE
        ):
            self._irregular(size, source, self._now())
            return
        now = self._now()
        drift = (now - self.last_at) * self._clock - (timestamp - self._timestamp)
        if -_SANE < drift < _SANE:
            self._jitter += ((drift if drift >= 0 else -drift) - self._jitter) * 0.0625
        self.last_at = now
        self._timestamp = timestamp
        self._extended += 1
        self._expected = (sequence + 1) & 0xFFFF
        relay = self.relay
        if relay is not None:
            relay.forward(
                self._view,
                size,
                (sequence + self._sequence_shift) & 0xFFFF,
                (timestamp + self._timestamp_shift) & _MASK,
                now,
            )
        elif self.jitter is not None:
            self.jitter.put(timestamp, bytes(self._view[HEADER_SIZE:size]), now)
        if self.listen is not None:
            self._listen(bytes(self._view[HEADER_SIZE:size]))

    def _irregular(self, size: int, source: Any, now: float) -> None:
        data = self._view[:size]
        if self._mux and is_rtcp(data):
            self._owner.rtcp_received(bytes(data), now)
            return
        try:
            packet = parse(data)
        except RtpError:
            self.unreadable += 1
            return
        kind = packet.payload_type
        codec = self._codecs.get(kind)
        if codec is None and kind not in self.event_types and kind not in self._noise:
            self.refused += 1
            return
        if not self._from_peer(packet, source, now):
            self.refused += 1
            return
        late = self._account(packet, now)
        if late is None:
            return
        first = self.last_at == 0.0
        self.last_at = now
        if first:
            self._owner.packet_first()
        if codec is not None:
            self._sound(packet, codec, now, late)
        elif kind in self.event_types:
            self._event(packet, now, late)

    def _from_peer(self, packet: RtpPacket, source: Any, now: float) -> bool:
        """calls.md §3, *receiving*."""
        latch = self.latch
        if not latch.packet_received(now, source[:2], packet.ssrc, self.last_at):
            return False
        if latch.source is None:
            self._source = None
        elif self._source is None:
            self._source = source
            self._owner.source_latched(now)
        return True

    def _account(self, packet: RtpPacket, now: float) -> bool | None:
        """Sequence bookkeeping (RFC 3550 A.1): False in order, True late, None to be dropped."""
        if packet.ssrc != self._ssrc or self._expected < 0:
            self._begin(packet)
            return False
        ahead = (packet.sequence - self._expected) & 0xFFFF
        if ahead < _MAX_GAP:
            self._lost += ahead
            self._extended += ahead + 1
            self._expected = (packet.sequence + 1) & 0xFFFF
            drift = (now - self.last_at) * self._clock - (packet.timestamp - self._timestamp)
            if -_SANE < drift < _SANE and packet.payload_type in self._codecs:
                self._jitter += (abs(drift) - self._jitter) * 0.0625
            self._timestamp = packet.timestamp
            self._bad_sequence = -1
            return False
        behind = 0x10000 - ahead
        if behind <= _MAX_BEHIND:
            if behind == 1 or self._extended + 1 - behind < self._base:
                return None
            self._lost -= 1
            return True
        if packet.sequence == self._bad_sequence:
            self._begin(packet)
            return False
        self._bad_sequence = (packet.sequence + 1) & 0xFFFF
        return None

    def _begin(self, packet: RtpPacket) -> None:
        """Another SSRC, or the sequence began anew."""
        if self._expected >= 0:
            self._past_received = self.received
            self._past_lost += self._lost
            self._lost = 0
            if self.jitter is not None:
                self.jitter.restart()
            if self._events is not None:
                self._events.reset()
            self._event_timestamp = -1
        self._ssrc = packet.ssrc
        self._base = self._extended = packet.sequence
        self._expected = (packet.sequence + 1) & 0xFFFF
        self._timestamp = packet.timestamp
        self._bad_sequence = -1
        self._synced = False

    def _sound(self, packet: RtpPacket, codec: Codec, now: float, late: bool) -> None:
        if codec != self.codec:
            self.codec = codec
            self._clock = codec.clock
            self._owner.codec_changed()
        self._head = VERSION_2 | packet.payload_type
        if not packet.payload:
            return
        relay = self.relay
        if relay is not None:
            head = self._relayed_head(relay, packet, relay.head, now, late)
            if head:
                relay.forward_odd(head, *self._shifted(packet), packet.payload, now, late)
        elif self.jitter is not None:
            self.jitter.put(packet.timestamp, packet.payload, now)
        if self.listen is not None and not late:
            self._listen(packet.payload)

    def _relayed_head(
        self, relay: Sender, packet: RtpPacket, head: int, now: float, late: bool
    ) -> int:
        """The first word of a packet that is no plain next one as it goes on, after the relay's
        numbers were fitted to ours where it begins; 0: it belongs to the time before that."""
        if not self._synced:
            if late:
                return 0
            self._synced = True
            self._epoch = self._extended
            self._sequence_shift = relay.sequence + 1 - packet.sequence
            self._timestamp_shift = relay.next_timestamp(now) - packet.timestamp
            relay.filling = False
            head |= MARKER
        elif late and self._extended - ((self._extended - packet.sequence) & 0xFFFF) < self._epoch:
            return 0
        return head | MARKER if packet.marker else head

    def _shifted(self, packet: RtpPacket) -> tuple[int, int]:
        """Sequence and timestamp in the relay's numbers."""
        return (
            (packet.sequence + self._sequence_shift) & 0xFFFF,
            (packet.timestamp + self._timestamp_shift) & _MASK,
        )

    def _event(self, packet: RtpPacket, now: float, late: bool) -> None:
        """A telephone-event: to the other phone as it is, and told to the room when it is over."""
        events = self._events
        if events is None:
            events = self._events = EventReceiver(self._event_clock)
        try:
            event = parse_event(packet.payload)
        except RtpError:
            self.unreadable += 1
            return
        was_active, was_relayed = events.active, self._event_relayed
        lasted = event.duration * self._clock // self._event_clock
        begins = packet.timestamp != self._event_timestamp and not late
        if begins:
            self._event_timestamp = packet.timestamp
            self._event_relayed = self._may_relay_event(lasted)
        if self._event_relayed and (begins or self._synced):
            self._relay_event(packet, lasted, now, late)
        ended = events.event_received(now, packet.timestamp, event)
        if begins and was_active:
            self._tell(ended[:1], relayed=was_relayed)
            del ended[:1]
        self._tell(ended, relayed=self._event_relayed)
        if events.active and not was_active:
            self._owner.event_started()

    def _may_relay_event(self, lasted: int) -> bool:
        """Whether the event that begins can go to the other phone as it is. One that is heard of
        in its middle where the relay begins cannot: its time has been filled with sound."""
        relay = self.relay
        if relay is None or relay.event_type is None or relay.event_clock != self._event_clock:
            return False
        return self._synced or lasted <= _EVENT_BEGINS * relay.ticks

    def _relay_event(self, packet: RtpPacket, lasted: int, now: float, late: bool) -> None:
        relay = self.relay
        if relay is None or relay.event_type is None:
            return
        head = self._relayed_head(relay, packet, VERSION_2 | relay.event_type, now, late)
        if not head:
            return
        sequence, timestamp = self._shifted(packet)
        if late:
            relay.forward_odd(head, sequence, timestamp, packet.payload, now, late)
        else:
            relay.forward_event(head, sequence, timestamp, packet.payload, now, lasted)

    def expire_event(self, now: float) -> bool:
        """Ends an event whose end packets were lost; False when none goes on any more."""
        events = self._events
        if events is None:
            return False
        self._tell(events.expire(now), relayed=self._event_relayed)
        return events.active

    def _tell(self, digits: list[tuple[str, int]], *, relayed: bool) -> None:
        for digit, duration in digits:
            self._owner.digit_ended(digit, duration, relayed=relayed, inband=False)

    def _listen(self, payload: bytes) -> None:
        if self.listen is None:
            return
        for digit, duration in self.listen(payload):
            self._owner.digit_ended(digit, duration, relayed=self.relay is not None, inband=True)
