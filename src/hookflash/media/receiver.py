"""One RTP stream that comes in: the path of every packet.

The plain next packet of a known sender takes the short way at the top of `Receiver.packet`; all
else (the first packets, gaps, digits, another SSRC, strangers) takes `_irregular`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from ..base.errors import RtpError
from ..rtp.jitter import JitterBuffer
from ..rtp.packet import HEADER, HEADER_SIZE, VERSION_2, RtpPacket, parse
from ..sdp.plan import Codec
from .forward import Forward
from .sender import Sender
from .telephone_events import EndedDigit, TelephoneEvents

_unpack = HEADER.unpack_from
_MASK: Final = 0xFFFFFFFF
_SANE: Final = 65536.0
_MAX_GAP: Final = 3000
_MAX_BEHIND: Final = 100


class ReceiverOwner(Protocol):
    """What the receiver asks and tells its port."""

    def admits(self, source: Any, ssrc: int, now: float) -> bool:
        """Whether a packet from there is the peer's."""
        ...

    def packet_refused(self) -> None: ...
    def packet_first(self) -> None: ...
    def digit_ended(self, digit: str, duration_ms: int, *, relayed: bool, inband: bool) -> None: ...
    def event_started(self) -> None: ...
    def codec_changed(self) -> None: ...


class _Nobody:
    """The owner of a receiver whose port is closed."""

    def admits(self, source: Any, ssrc: int, now: float) -> bool:
        return False

    def packet_refused(self) -> None: ...
    def packet_first(self) -> None: ...
    def digit_ended(self, digit: str, duration_ms: int, *, relayed: bool, inband: bool) -> None: ...
    def event_started(self) -> None: ...
    def codec_changed(self) -> None: ...


_NOBODY = _Nobody()


class Receiver:
    """The packets of one stream, to `forwards` (as they come) or into `jitter`."""

    __slots__ = (
        "_bad_sequence",
        "_base",
        "_clock",
        "_codecs",
        "_expected",
        "_extended",
        "_head",
        "_jitter",
        "_lost",
        "_noise",
        "_owner",
        "_past_lost",
        "_past_received",
        "_ssrc",
        "_timestamp",
        "codec",
        "events",
        "forwards",
        "jitter",
        "known_source",
        "last_at",
        "listen",
        "refused",
        "unreadable",
    )

    def __init__(self, owner: ReceiverOwner) -> None:
        self._owner: ReceiverOwner = owner
        self.forwards: tuple[Forward, ...] = ()
        self.jitter: JitterBuffer | None = None
        self.listen: Callable[[bytes], list[tuple[str, int]]] | None = None
        """In-band digits: takes each payload, gives digits that ended."""
        self.codec: Codec | None = None
        """What the peer speaks at the moment, by our own numbers."""
        self.events = TelephoneEvents()
        self.known_source: Any = None
        """Packets from there need no question; None: the owner is asked for each. It sets this."""
        self.last_at = 0.0
        self.refused = 0
        self.unreadable = 0
        self._codecs: Mapping[int, Codec] = {}
        self._noise: frozenset[int] = frozenset()
        self._clock = 8000
        self._head = -1
        """The first word of a plain next packet; -1: the next one is to be looked at closely."""
        self._ssrc = -1
        self._expected = -1
        self._extended = self._base = 0
        self._timestamp = 0
        self._jitter = 0.0
        self._lost = self._past_lost = self._past_received = 0
        self._bad_sequence = -1

    def release(self) -> None:
        """The port is closed and hears no more of us: nothing shall keep it."""
        self._owner = _NOBODY

    # --- set-up ---------------------------------------------------------------------------------

    def configure(
        self,
        codecs: Mapping[int, Codec],
        preferred: str,
        *,
        events: frozenset[int] = frozenset(),
        event_clock: int = 8000,
        noise: frozenset[int] = frozenset(),
    ) -> None:
        """Take these payload types: of sound (`preferred`: the codec that the peer most likely
        speaks), of telephone-event, and of silence. Counters stay."""
        self._codecs = codecs
        self._noise = noise
        self.events.configure(events, event_clock)
        codec = self.codec
        if codec is None or codec not in codecs.values():
            choices = list(codecs.values())
            same = [choice for choice in choices if choice.name == preferred]
            codec = self.codec = (same or choices)[0]
        self._clock = codec.clock
        self._head = -1

    def forward_to(self, senders: list[Sender]) -> None:
        """To whom packets go as they come, from the next one on. Who stays goes on as he was."""
        if len(senders) == len(self.forwards) and senders == [f.sender for f in self.forwards]:
            return
        known = {forward.sender: forward for forward in self.forwards}
        self.forwards = tuple(known.get(sender) or Forward(sender) for sender in senders)
        self._head = -1

    def resync(self, sender: Sender) -> None:
        """It sent something else meanwhile: the next packet forwarded to it follows that."""
        for forward in self.forwards:
            if forward.sender is sender:
                forward.synced = False
                self._head = -1

    @property
    def only_buffers(self) -> bool:
        """Packets go nowhere but into the jitter buffer."""
        return self.jitter is not None and not self.forwards

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

    def packet(self, view: memoryview, size: int, source: Any, now: float) -> None:
        """One packet, decrypted: the first `size` octets of `view`, which has room for a header
        at least and may be written over. `source`: where it came from, as the owner knows it."""
        head, sequence, timestamp, ssrc = _unpack(view)
        if (
            sequence != self._expected
            or head != self._head
            or ssrc != self._ssrc
            or source != self.known_source
            or size <= HEADER_SIZE
        ):
            self._irregular(view[:size], source, now)
            return
        drift = (now - self.last_at) * self._clock - (timestamp - self._timestamp)
        if -_SANE < drift < _SANE:
            self._jitter += ((drift if drift >= 0 else -drift) - self._jitter) * 0.0625
        self.last_at = now
        self._timestamp = timestamp
        self._extended += 1
        self._expected = (sequence + 1) & 0xFFFF
        for forward in self.forwards:
            forward.send(
                view,
                size,
                (sequence + forward.sequence_shift) & 0xFFFF,
                (timestamp + forward.timestamp_shift) & _MASK,
                now,
            )
        if self.jitter is not None:
            self.jitter.put(timestamp, bytes(view[HEADER_SIZE:size]), now)
        if self.listen is not None:
            self._heard(self.listen(bytes(view[HEADER_SIZE:size])))

    def _irregular(self, data: memoryview, source: Any, now: float) -> None:
        try:
            packet = parse(data)
        except RtpError:
            self.unreadable += 1
            return
        kind = packet.payload_type
        codec = self._codecs.get(kind)
        if codec is None and kind not in self.events.types and kind not in self._noise:
            self.refused += 1
            self._owner.packet_refused()
            return
        if not self._owner.admits(source, packet.ssrc, now):
            self.refused += 1
            return
        beside = codec is None and packet.ssrc != self._ssrc and self._expected >= 0
        late = self.events.late(packet) if beside else self._account(packet, now)
        if late is None:
            return
        first = self.last_at == 0.0
        self.last_at = now
        if first:
            self._owner.packet_first()
        if codec is not None:
            self._sound(packet, codec, now, late=late)
        elif kind in self.events.types:
            self._event(packet, now, late=late, beside=beside)

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
            self.events.restart(packet.ssrc)
        self._ssrc = packet.ssrc
        self._base = self._extended = packet.sequence
        self._expected = (packet.sequence + 1) & 0xFFFF
        self._timestamp = packet.timestamp
        self._bad_sequence = -1
        self._head = -1
        for forward in self.forwards:
            forward.synced = False

    def _sound(self, packet: RtpPacket, codec: Codec, now: float, *, late: bool) -> None:
        if codec != self.codec:
            self.codec = codec
            self._clock = codec.clock
            self._owner.codec_changed()
        self._head = -1
        if not packet.payload:
            return
        for forward in self.forwards:
            forward.sound(packet, self._extended, now, late=late)
        if all(forward.synced for forward in self.forwards):
            self._head = VERSION_2 | packet.payload_type
        if self.jitter is not None:
            self.jitter.put(packet.timestamp, packet.payload, now)
        if self.listen is not None and not late:
            self._heard(self.listen(packet.payload))

    def _event(self, packet: RtpPacket, now: float, *, late: bool, beside: bool) -> None:
        """`beside`: in a stream of its own (RFC 4733 §2.1 wants that of the sound, and carriers
        send it so), as comfort noise may be: only sound may change the stream of sound."""
        was_active = self.events.active
        try:
            ended = self.events.received(
                packet,
                self.forwards,
                self._extended,
                self._clock,
                now,
                late=late,
                beside=beside,
            )
        except RtpError:
            self.unreadable += 1
            return
        self._tell(ended)
        if self.events.active and not was_active:
            self._owner.event_started()

    def expire_event(self, now: float) -> bool:
        """Ends an event whose end packets were lost; False when none goes on any more."""
        self._tell(self.events.expire(now))
        return self.events.active

    def _tell(self, digits: list[EndedDigit]) -> None:
        for digit, duration, relayed in digits:
            self._owner.digit_ended(digit, duration, relayed=relayed, inband=False)

    def _heard(self, digits: list[tuple[str, int]]) -> None:
        """Digits in the sound."""
        for digit, duration in digits:
            self._owner.digit_ended(digit, duration, relayed=bool(self.forwards), inband=True)
