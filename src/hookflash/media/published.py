"""An audio track that a WebRTC client publishes: its packets to who takes it and to the mix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..sdp.plan import Codec
from .receiver import Receiver
from .source import Source


class PublishedAudio:
    """`source` is what the room hears of it. The client is known by its DTLS: every packet that
    decrypts is its own, so nothing is asked of where it comes from."""

    __slots__ = ("_begun", "_dropped", "_now_changed", "source")

    def __init__(
        self,
        codecs: Mapping[int, Codec],
        begun: Callable[[], None],
        changed: Callable[[], None],
        dropped: dict[str, int],
    ) -> None:
        """`codecs`: by payload type, as the client's description has them; `begun` is called at the
        first packet, `changed` when it speaks another codec; `dropped` counts by reason."""
        receiver = Receiver(self)
        receiver.configure(codecs, "opus")
        self.source = Source(receiver)
        self.source.receives = True
        self._begun = begun
        self._now_changed = changed
        self._dropped = dropped

    def packet(self, plain: bytearray, now: float) -> None:
        """One packet without header extensions."""
        self.source.receiver.packet(memoryview(plain), len(plain), self, now)

    def release(self) -> None:
        """It is over."""
        self.source.receiver.forward_to([])
        self.source.receiver.release()

    # --- what the receiver asks and tells -------------------------------------------------------

    def admits(self, source: Any, ssrc: int, now: float) -> bool:
        """Always."""
        self.source.receiver.known_source = source
        return True

    def packet_refused(self) -> None:
        """Its payload type was not agreed on."""
        self._dropped["unknown_payload"] += 1

    def packet_first(self) -> None:
        """The track has sound: the others may be told of it."""
        self._begun()

    def digit_ended(self, digit: str, duration_ms: int, *, relayed: bool, inband: bool) -> None:
        """Never: no telephone-events were agreed on."""

    def event_started(self) -> None:
        """Never either."""

    def codec_changed(self) -> None:
        """Another of the agreed payload types."""
        self._now_changed()
