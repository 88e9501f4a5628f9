"""A room of sound: who hears whom, by relay or by the clock (calls.md §3, *mixing*)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .sender import Sender
from .stream import MediaStream, Output
from .voice import make_jitter

if TYPE_CHECKING:
    from collections.abc import Callable


class Bridge:
    """The streams of one room. Two phones with one codec and nothing special are relayed."""

    def __init__(self, name: str, changed: Callable[[Bridge], None], *, lone_tone: bool) -> None:
        """`changed`: called after every change of the streams, to route anew."""
        self.name = name
        self.streams: list[MediaStream] = []
        self.lone_tone = lone_tone
        """A phone alone hears a soft beep every 5 s (`--dev`)."""
        self._changed = changed

    def add(self, stream: MediaStream) -> None:
        """Let `stream` speak and hear here; it leaves the bridge it was in."""
        if stream.bridge is self or stream.closed:
            return
        if stream.bridge is not None:
            stream.bridge.remove(stream)
        stream.bridge = self
        self.streams.append(stream)
        self._changed(self)

    def remove(self, stream: MediaStream) -> None:
        """`stream` is alone again: it hears silence, a tone or a prompt."""
        if stream.bridge is not self:
            return
        stream.bridge = None
        self.streams.remove(stream)
        self._changed(self)
        route([stream], stream.now(), lone_tone=False)


def route(streams: list[MediaStream], now: float, *, lone_tone: bool) -> None:
    """Set output, relay and jitter buffer of every stream of one room."""
    for stream in streams:
        stream.set_lone(lone_tone and len(streams) == 1)
    outputs = [_output(stream, streams) for stream in streams]
    for stream, output in zip(streams, outputs, strict=True):
        if output is Output.CLOCK and stream.output is not Output.CLOCK:
            stream.resume(now)
        stream.output = output
    listeners = [stream for stream in streams if _listens(stream)]
    chosen = [stream.hears for stream in listeners if stream.hears is not None]
    everything = [stream for stream in listeners if stream.hears is None]
    for stream in streams:
        wanted = len(everything) > (stream in everything)
        wanted = wanted or any(stream.leg_id in ids for ids in chosen)
        _connect(stream, streams, wanted=wanted and stream.audible)


def _output(stream: MediaStream, streams: list[MediaStream]) -> Output:
    plan = stream.plan
    if plan is None or not plan.send or stream.closed:
        return Output.NONE
    busy = stream.events is not None and stream.events.active
    if len(streams) != 2 or busy or stream.own_sound or stream.silence_to_peer:
        return Output.CLOCK
    if stream.hears is not None:
        return Output.CLOCK
    other = streams[0] if streams[1] is stream else streams[1]
    codec = other.codec
    if not other.audible or other.closed or codec is None or other.spoken is not None:
        return Output.CLOCK
    same = (codec.name, codec.clock) == (plan.codec.name, plan.codec.clock)
    if not same or (other.plan is not None and other.plan.ptime != plan.ptime):
        return Output.CLOCK
    return Output.RELAY


def _listens(stream: MediaStream) -> bool:
    """True when the clock mixes the room for this stream."""
    return stream.output is Output.CLOCK and stream.own_sound is None and not stream.silence_to_peer


def _connect(stream: MediaStream, streams: list[MediaStream], *, wanted: bool) -> None:
    relay: Sender | None = None
    for other in streams:
        if other is not stream and other.output is Output.RELAY:
            relay = other.sender
    jitter = None
    if wanted and stream.codec is not None:
        jitter = stream.receiver.jitter
        if jitter is None or stream.jitter_codec != stream.codec:
            jitter = make_jitter(stream.codec)
            stream.jitter_codec = stream.codec
    stream.receiver.route(relay, jitter)
