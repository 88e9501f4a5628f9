"""Silence where a source that is forwarded says nothing: NAT and the peer's media timeout stay
open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..sdp.plan import Codec
from .sink import Route, Sink
from .voice import silence_payload

FILL_AFTER: Final = 0.16
"""Seconds without a forwarded packet after which silence is sent instead."""


class Filling:
    """The sinks that get silence at present."""

    def __init__(self) -> None:
        self._sinks: list[Sink] = []
        self._silences: dict[tuple[str, int], bytes] = {}

    def check(self, sinks: Iterable[Sink], now: float) -> None:
        """See whether some of them have heard nothing for too long."""
        for sink in sinks:
            sender = sink.sender
            if (
                sink.route is Route.FORWARD
                and not sender.filling
                and now - sender.sent_at > FILL_AFTER
            ):
                sender.filling = True
                sender.resume(now)
                self._sinks.append(sink)
                if sink.forwarded is not None:
                    sink.forwarded.receiver.resync(sender)

    def tick(self, now: float) -> None:
        """20 ms have passed."""
        if not self._sinks:
            return
        going_on = []
        for sink in self._sinks:
            if sink.route is Route.FORWARD and sink.sender.filling and sink.codec is not None:
                sink.sender.fill(self._silence(sink.codec, sink.ptime), now)
                going_on.append(sink)
            else:
                sink.sender.filling = False
        self._sinks = going_on

    def forget(self, sink: Sink) -> None:
        """It is closed."""
        if sink in self._sinks:
            self._sinks.remove(sink)

    def _silence(self, codec: Codec, ptime: int) -> bytes:
        key = (codec.name, ptime)
        found = self._silences.get(key)
        if found is None:
            found = self._silences[key] = silence_payload(*key)
        return found
