"""Tracks as WebRTC participants are sent them: each by a stream of its own, as it comes.

What a client says is Opus already: its packets go on to all who take it. What a telephone says in
another codec is coded once every 20 ms, in the mix of its room (`OpusTrack`), and that one payload
goes to all. Nothing is coded while nobody takes it (webrtc.md §6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from ..audio.tones import ToneBook
from ..base.ids import Ids
from ..rtp.packet import Buffer
from ..sdp.plan import Codec
from .receiver import Receiver
from .sender import Sender
from .sink import Sink
from .source import Source

OPUS: Final = Codec("opus", 111, 48000, 2)
"""What WebRTC clients speak and hear; each has a payload type of its own for it."""
_NOWHERE: Final = ("", 0)
_BUFFER_SIZE: Final = 2048

Forwards = dict[Source, list[Sender]]


class Subscription:
    """One track, as one participant takes it."""

    __slots__ = ("paused", "sender", "track_sid")

    def __init__(self, track_sid: str, sender: Sender) -> None:
        """`sender`: its stream; configured for the payload type that the participant wants."""
        self.track_sid = track_sid
        self.sender = sender
        self.paused = False
        """The participant does not want it at the moment."""


class OpusTrack:
    """What one telephone says, in Opus: a sink of its room that hears it alone, and whose packets
    are forwarded."""

    __slots__ = ("_stream", "sink")

    def __init__(
        self,
        source: Source,
        tones: ToneBook,
        ids: Ids,
        told: Callable[[str, int], None] = lambda track_sid, level: None,
    ) -> None:
        """`told`: the SID of the track and how loud it is (-dBov), every 20 ms."""
        self._stream = Receiver(self)
        self._stream.configure({OPUS.payload_type: OPUS}, OPUS.name)
        sender = Sender(self._coded, bytearray(_BUFFER_SIZE), ids)
        sender.remote = _NOWHERE
        self.sink = Sink(sender, tones)
        self.sink.hears = frozenset((source.track_sid,))
        self.sink.measured = lambda level: told(source.track_sid, level)
        self.sink.configure(OPUS, 20, sends=True)

    def forward_to(self, senders: list[Sender]) -> None:
        """To whom it goes."""
        self._stream.forward_to(senders)

    def _coded(self, packet: Buffer, _: Any) -> int:
        size = len(packet)
        view = packet if isinstance(packet, memoryview) else memoryview(bytearray(packet))
        self._stream.packet(view, size, None, self.sink.sender.sent_at)
        return size

    # --- what the receiver asks and tells: all its packets are ours ------------------------------

    def admits(self, source: Any, ssrc: int, now: float) -> bool:
        """Always."""
        return True

    def packet_refused(self) -> None: ...
    def packet_first(self) -> None: ...
    def digit_ended(self, digit: str, duration_ms: int, *, relayed: bool, inband: bool) -> None: ...
    def event_started(self) -> None: ...
    def codec_changed(self) -> None: ...


class TakenTracks:
    """Those of one room of sound."""

    __slots__ = ("_coded", "_make", "taken")

    def __init__(self, make: Callable[[Source], OpusTrack]) -> None:
        """`make`: what codes a telephone's sound."""
        self._make = make
        self._coded: dict[str, OpusTrack] = {}
        """By the SID of the track."""
        self.taken: list[Subscription] = []

    def coded_sinks(self) -> list[Sink]:
        """What the room's clock codes for them."""
        return [track.sink for track in self._coded.values()]

    def route(self, sources: Iterable[Source], forwards: Forwards) -> None:
        """Put who takes a source's packets as they come into `forwards`, and see to it that the
        rest are coded."""
        by_sid = {source.track_sid: source for source in sources if source.track_sid}
        coded: Forwards = {}
        for subscription in self.taken:
            source = by_sid.get(subscription.track_sid)
            if source is None or subscription.paused:
                continue
            if not _is_opus(source):
                coded.setdefault(source, []).append(subscription.sender)
            elif source.audible:
                forwards.setdefault(source, []).append(subscription.sender)
        wanted = {source.track_sid for source in coded}
        for sid in [sid for sid in self._coded if sid not in wanted]:
            del self._coded[sid]
        for source, senders in coded.items():
            track = self._coded.get(source.track_sid)
            if track is None:
                track = self._coded[source.track_sid] = self._make(source)
            track.sink.sends = source.audible or source.spoken is not None
            track.forward_to(senders)


def _is_opus(source: Source) -> bool:
    """Whether its packets can go on as they come."""
    return source.codec is not None and source.codec.name == "opus" and source.spoken is None
