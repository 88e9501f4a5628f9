"""Who hears whom, and how (calls.md §3, *mixing*).

A room of sound has sources and sinks. `hears` says whom a sink hears; `_route` how it comes by it:
nothing at all (`NONE`), its own tone or recording (`OWN_SOUND`), the packets of one source as they
come (`FORWARD`), or a mix that the clock makes every 20 ms (`MIX`). Both are asked anew for the
whole room whenever something in it changes, and for that room alone.
"""

from __future__ import annotations

from ..audio import g711
from ..sdp.plan import Codec
from .sender import Sender
from .sink import Route, Sink
from .source import Source
from .subscriptions import TakenTracks
from .voice import NARROW_RATE, WIDE_RATE


def hears(sink: Sink, source: Source) -> bool:
    """Whether this source is among those that the sink hears, where both are in one room."""
    if source is sink.own or sink.hears_nobody:
        return False
    return sink.hears is None or source.track_sid in sink.hears


def _route(sink: Sink, sources: list[Source]) -> tuple[Route, Source | None]:
    """How the sink comes by what it hears; the source is the one to be forwarded."""
    if sink.codec is None or not sink.sends:
        return Route.NONE, None
    if sink.player.sound is not None:
        return Route.OWN_SOUND, None
    others = [source for source in sources if source is not sink.own]
    if len(others) == 1 and _takes_packets_of(sink, others[0]):
        return Route.FORWARD, others[0]
    return Route.MIX, None


def _takes_packets_of(sink: Sink, source: Source) -> bool:
    """Whether the only other source of the room can be forwarded: the same codec in packets of the
    same length, and nothing that the clock has to do."""
    if sink.player.pressing or sink.hears_nobody or sink.hears is not None:
        return False
    theirs, ours = source.codec, sink.codec
    if not source.audible or source.spoken is not None or theirs is None or ours is None:
        return False
    if source.no_keys:
        return False
    same = (theirs.name, theirs.clock) == (ours.name, ours.clock)
    return same and source.ptime == sink.ptime


def _rate(sources: list[Source], sinks: list[Sink]) -> int:
    """Hz at which a room is mixed: 16,000 where somebody whose codec has more than 3.4 kHz is there
    to hear another, else 8,000."""
    wide = [source for source in sources if _is_wideband(source.codec)]
    if not wide:
        return NARROW_RATE
    ears = [sink for sink in sinks if _is_wideband(sink.codec)]
    heard = any(hears(sink, source) for sink in ears for source in wide)
    return WIDE_RATE if heard else NARROW_RATE


def _is_wideband(codec: Codec | None) -> bool:
    return codec is not None and codec.name not in g711.SILENCE


class Bridge:
    """A room of sound. A phone that is in no room has one to itself, without a name."""

    def __init__(self, name: str = "", *, lone_tone: bool = False) -> None:
        self.name = name
        self.sources: list[Source] = []
        self.sinks: list[Sink] = []
        self.rate = NARROW_RATE
        """Hz at which it is mixed."""
        self.clocked = False
        """The clock makes what somebody hears."""
        self.lone_tone = lone_tone
        """Who is alone here hears a soft beep every 5 s (`--dev`)."""
        self.subscriptions: TakenTracks | None = None
        """Who takes tracks instead of the mix; None while nobody has."""
        self._coded: list[Sink] = []
        """Those of `sinks` by which telephones' sound is coded for them."""

    @property
    def empty(self) -> bool:
        """Nobody speaks or hears here."""
        return not self.sources and not self.sinks and not self._taken

    @property
    def _taken(self) -> bool:
        return self.subscriptions is not None and bool(self.subscriptions.taken)

    def add(self, source: Source, sink: Sink) -> None:
        """A phone comes; `route` is to follow, unless nothing is agreed with it and it is alone."""
        self.sources.append(source)
        self.sinks.append(sink)

    @property
    def chooses(self) -> bool:
        """Somebody hears or takes some tracks only, by their SIDs."""
        return self._taken or any(sink.hears is not None for sink in self.sinks)

    def remove(self, source: Source, sink: Sink) -> None:
        """It goes; `route` is to follow."""
        self.sources.remove(source)
        self.sinks.remove(sink)

    def route(self, now: float) -> None:
        """Decide for every sink, then give every source its forwards and its jitter buffer."""
        forwards: dict[Source, list[Sender]] = {}
        if self.subscriptions is not None:
            self._route_tracks(self.subscriptions, forwards)
        sources = self.sources
        self.rate = _rate(sources, self.sinks)
        takers: list[Source | None] = []
        """The own source, if it has one, of each sink that is mixed all others."""
        chosen: frozenset[str] = frozenset()
        self.clocked = False
        for sink in self.sinks:
            alone = self.lone_tone and all(source is sink.own for source in sources)
            sink.player.set_lone(alone=alone)
            clocked = sink.clocked
            sink.route, sink.forwarded = _route(sink, sources)
            if sink.clocked:
                self.clocked = True
                if not clocked:
                    sink.resume(now)
            if sink.forwarded is not None:
                forwards.setdefault(sink.forwarded, []).append(sink.sender)
            elif sink.route is Route.MIX and not sink.hears_nobody:
                if sink.hears is None:
                    takers.append(sink.own)
                else:
                    chosen |= sink.hears
        for source in sources:
            source.receiver.forward_to(forwards.get(source, []))
            heard = source.track_sid in chosen or takers.count(source) < len(takers)
            source.buffer(wanted=heard and source.audible, rate=self.rate)

    def _route_tracks(
        self, subscriptions: TakenTracks, forwards: dict[Source, list[Sender]]
    ) -> None:
        """Tracks to those who take them; what the clock has to code for it is among the sinks."""
        subscriptions.route(self.sources, forwards)
        coded = subscriptions.coded_sinks()
        if coded != self._coded:
            self.sinks = [sink for sink in self.sinks if sink not in self._coded] + coded
            self._coded = coded
