"""A client's video track as another client gets it: one RTP stream, whatever layers it is made of.

Its sequence numbers, timestamps and picture numbers go on without a seam where another layer, or
another SSRC of the publisher, takes over: always with a keyframe.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from ..base.ids import Ids
from ..base.light import light_dataclass
from ..rtp.packet import HEADER, HEADER_SIZE, MARKER, VERSION_2
from ..rtp.rtcp import Report, ReportBlock, SenderInfo, encode_report, ntp_time
from ..webrtc.sections import OutgoingSection
from .downlink import BEST
from .keyframes import PictureNumbers, renumbered
from .reception import Reception
from .sent_packets import SentPackets
from .video_layer import CLOCK, VideoLayer

HIGH: Final = 2
"""VideoQuality of LiveKit: 0 low, 1 medium, 2 high."""
OFF: Final = 3
"""Nothing is wanted."""
MAX_AGAIN: Final = 256
"""Packets that are sent again for one NACK."""
_MASK: Final = 0xFFFFFFFF


@light_dataclass(frozen=True, slots=True)
class Wish:
    """What a subscriber wants of a track."""

    quality: int = HIGH
    width: int = 0
    height: int = 0
    """Pixels in which it is shown; 0: not known, `quality` says what is wanted."""
    paused: bool = False
    """It is not wanted at the moment."""


ANYTHING: Final = Wish()
"""Of who has said nothing: the best that there is."""


class VideoWay(Protocol):
    """Where packets go (`runtime.rtc.transport.Transport`)."""

    def protect(self, packet: bytes) -> bytes | None: ...
    def send(self, packet: bytes) -> object: ...
    def send_rtcp(self, packet: bytes) -> None: ...


@dataclass(slots=True, eq=False)
class VideoPacket:
    """One packet of a publisher, read once for all who get it."""

    layer: VideoLayer
    extended: int
    """Sequence number, counted beyond 16 bits."""
    timestamp: int
    payload_type: int
    marker: bool
    payload: bytes
    is_keyframe: bool
    """A keyframe begins with it."""
    is_late: bool
    """It came after one that follows it."""
    numbers: PictureNumbers | None


class VideoSubscription:
    """Made for a section of the subscriber's; `VideoTrack.subscribe` gives it packets."""

    __slots__ = (
        "_epoch",
        "_first",
        "_last",
        "_last_source",
        "_layer0",
        "_layer0_shift",
        "_picture",
        "_picture_shift",
        "_reception",
        "_rtx_sequence",
        "_rtx_types",
        "_sent",
        "_sent_reported",
        "_sequence_shift",
        "_timestamp_shift",
        "_types",
        "_way",
        "again",
        "cap",
        "failed",
        "last_request",
        "layer",
        "octets",
        "packets",
        "peer_view",
        "round_trip",
        "rtx_ssrc",
        "sent_at",
        "sequence",
        "ssrc",
        "target",
        "timestamp",
        "track_sid",
        "wish",
    )

    def __init__(self, track_sid: str, sent: OutgoingSection, way: VideoWay, ids: Ids) -> None:
        self.track_sid = track_sid
        self._way = way
        self.ssrc = sent.ssrc
        self.rtx_ssrc = sent.rtx_ssrc
        self._types: Mapping[int, int] = sent.payload_types
        self._rtx_types = {
            codec.payload_type: codec.rtx
            for codec in sent.codecs
            if codec.rtx is not None and sent.rtx_ssrc is not None
        }
        self.sequence = ids.number(15)
        self.timestamp = ids.number(31)
        self._rtx_sequence = ids.number(15)
        self.sent_at = 0.0
        self.packets = self.octets = self.failed = 0
        self.again = 0
        """Packets sent again."""
        self.wish = ANYTHING
        self.cap = BEST
        """No better layer than of that rank is sent, for want of bandwidth; -1: none."""
        self._reception = Reception()
        self.layer: VideoLayer | None = None
        """Which goes out."""
        self.target: VideoLayer | None = None
        """Which is to go out from its next keyframe on."""
        self._epoch = self._first = 0
        self._sequence_shift = self._timestamp_shift = 0
        self._picture = self._layer0 = -1
        self._picture_shift = self._layer0_shift = 0
        self._last: VideoLayer | None = None
        self._last_source = 0
        self._sent = SentPackets()
        self._sent_reported = 0
        self.peer_view: ReportBlock | None = None
        """How the subscriber last said to receive it."""
        self.round_trip: float | None = None
        self.last_request: int | None = None
        """The number of the subscriber's last full intra request."""

    # --- what is wanted -------------------------------------------------------------------------

    def wanted(self, sizes: Mapping[int, tuple[int, int]]) -> int:
        """The rank of the layer that fits; -1: none. `sizes`: width and height by rank."""
        wish = self.wish
        if wish.paused or wish.quality == OFF:
            return -1
        if wish.width and wish.height:
            shown = min(wish.width, wish.height)
            fitting = (rank for rank in sorted(sizes) if min(sizes[rank]) >= shown)
            return next(fitting, HIGH)
        return wish.quality

    def aim(self, alive: Collection[VideoLayer], wanted: int) -> None:
        """Choose among the layers that come: the best up to what is wanted, else the smallest.
        Where none comes, what was chosen stays. `wanted` as `wanted` says it."""
        if wanted < 0:
            self.layer = self.target = None
        elif alive:
            fitting = [layer for layer in alive if layer.rank <= wanted]
            if fitting:
                self.target = max(fitting, key=lambda layer: layer.rank)
            else:
                self.target = min(alive, key=lambda layer: layer.rank)

    def stop(self) -> None:
        """The track is muted, or less of it is sent: what comes next begins with a keyframe, and
        what went before is of no use to who missed it."""
        self.layer = None
        self._sent = SentPackets()
        self._reception.restart(self.sequence)

    @property
    def needs_keyframe(self) -> VideoLayer | None:
        """Of which layer, so that it can go on; None where it goes on."""
        target = self.target
        if target is None or (target is self.layer and target.epoch == self._epoch):
            return None
        return target

    # --- packets --------------------------------------------------------------------------------

    def forward(self, packet: VideoPacket, now: float) -> None:
        """A packet of any layer: on to the subscriber, if it is of the one that goes out."""
        layer = packet.layer
        kind = self._types.get(packet.payload_type)
        if kind is None:
            return
        if layer is not self.layer or layer.epoch != self._epoch:
            if layer is not self.target or not packet.is_keyframe or packet.is_late:
                return
            self._begin(packet, now)
        elif packet.extended < self._first:
            return  # of the time before
        sequence = (packet.extended + self._sequence_shift) & 0xFFFF
        timestamp = (packet.timestamp + self._timestamp_shift) & _MASK
        payload: bytes | bytearray = packet.payload
        if packet.numbers is not None:
            payload = self._numbered(packet, packet.numbers)
        head = kind | (MARKER if packet.marker else 0)
        if packet.is_late:
            self._send(head, sequence, timestamp, payload, now)
        elif self._send(head, sequence, timestamp, payload, now):
            self.sequence, self.timestamp, self.sent_at = sequence, timestamp, now
            self._last_source = packet.timestamp
        else:
            self.layer = None  # DTLS does not stand yet: it begins again, with a keyframe

    def _begin(self, packet: VideoPacket, now: float) -> None:
        """Fit the numbers of that packet's layer to what was sent last."""
        layer = packet.layer
        self._sequence_shift = self.sequence + 1 - packet.extended
        timestamp = (self.timestamp + self._passed(packet, now)) & _MASK
        self._timestamp_shift = timestamp - packet.timestamp
        numbers = packet.numbers
        if numbers is not None:
            if self._picture >= 0:
                self._picture_shift = self._picture + 1 - numbers.picture
            if self._layer0 >= 0:
                self._layer0_shift = self._layer0 + 1 - numbers.layer0
        self.layer = self._last = layer
        self._epoch = layer.epoch
        self._first = packet.extended

    def _passed(self, packet: VideoPacket, now: float) -> int:
        """Ticks since the last picture that was sent: by the publisher's clock, which its sender
        reports tell for each layer, else by ours."""
        if not self.packets:
            return 0
        ours = now - self.sent_at
        if self._last is not None and self._last.epoch == self._epoch:
            before = self._last.time_of(self._last_source)
            then = packet.layer.time_of(packet.timestamp)
            if before is not None and then is not None and abs(then - before - ours) < 1.0:
                ours = then - before
        return max(1, round(ours * CLOCK))

    def _numbered(self, packet: VideoPacket, numbers: PictureNumbers) -> bytes | bytearray:
        picture = (numbers.picture + self._picture_shift) & (0x7FFF if numbers.wide else 0x7F)
        layer0 = (numbers.layer0 + self._layer0_shift) & 0xFF
        if not packet.is_late:
            self._picture = picture
            if numbers.layer0_at:
                self._layer0 = layer0
        if picture == numbers.picture and layer0 == numbers.layer0:
            return packet.payload
        return renumbered(packet.payload, numbers, picture, layer0)

    def _send(
        self, head: int, sequence: int, timestamp: int, payload: bytes | bytearray, now: float
    ) -> bool:
        data = HEADER.pack(VERSION_2 | head, sequence, timestamp, self.ssrc) + payload
        sealed = self._way.protect(data)
        if sealed is None:
            self.failed += 1
            return False
        self._way.send(sealed)
        self.packets += 1
        self.octets += len(payload)
        # Without a stream for retransmissions the very same packet goes out again: one number is
        # never encrypted twice.
        self._sent.keep(sequence, data if head & 0x7F in self._rtx_types else sealed, now)
        return True

    def send_again(self, sequences: Iterable[int], now: float) -> None:
        """What a NACK of the subscriber asks for, as far as it is kept (RFC 4588 §4)."""
        for sequence, _ in zip(sequences, range(MAX_AGAIN), strict=False):
            data = self._sent.again(sequence, now)
            if data is None:
                continue
            kind = self._rtx_types.get(data[1] & 0x7F)
            if kind is not None and self.rtx_ssrc is not None:
                self._rtx_sequence = (self._rtx_sequence + 1) & 0xFFFF
                head, original, timestamp, _ = HEADER.unpack_from(data)
                again = HEADER.pack(
                    head & 0xFF80 | kind, self._rtx_sequence, timestamp, self.rtx_ssrc
                )
                again += original.to_bytes(2, "big") + data[HEADER_SIZE:]
                sealed = self._way.protect(again)
                if sealed is None:
                    self.failed += 1
                    continue
                data = sealed
            self.again += 1
            self._way.send(data)

    # --- reports --------------------------------------------------------------------------------

    def report(self, cname: str, now: float) -> bytes | None:
        """An SR; None where nothing was sent since the last."""
        if self.packets == self._sent_reported:
            return None
        self._sent_reported = self.packets
        passed = round((now - self.sent_at) * CLOCK)
        info = SenderInfo(ntp_time(now), self.timestamp + passed, self.packets, self.octets)
        return encode_report(Report(self.ssrc, (), info), cname)

    def seen(self, block: ReportBlock, now: float) -> None:
        """How the subscriber receives it."""
        self.peer_view = block
        if block.last_sr:
            trip = ((ntp_time(now) >> 16) - block.last_sr - block.delay) & _MASK
            if trip < 0x80000000:
                self.round_trip = trip / 65536

    def lost(self) -> tuple[int, int]:
        """Of `downlink.Limited`."""
        return self._reception.since(self.peer_view, self.sequence, self.packets)
