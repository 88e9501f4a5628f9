"""The media engine: opens legs, owns the rooms of sound, and does the work of each tick."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ...adapters.udp import UdpPair
from ...audio.opus import COMPLEXITY
from ...audio.tones import ToneBook
from ...base.ids import Ids
from ...base.light import light_dataclass
from ...ports import Clock
from ...rtp.latch import Symmetric
from ...sdp.plan import MediaPlan
from .bridge import Bridge, route
from .clock import Lateness, MediaClock
from .events import MediaEvent
from .mixing import NarrowMix, WideMix, is_narrow
from .ports import NoPorts, PortPool
from .receiver import BUFFER_SIZE
from .stream import MediaStream, Output, SocketPair
from .voice import silence_payload

REPORT_TICKS: Final = 250
"""5 s between the RTCP reports of a leg."""
_SWEEP: Final = 5
FILL_AFTER: Final = 0.16
"""Seconds without a relayed packet after which silence is sent instead."""


@light_dataclass(frozen=True, slots=True)
class MediaEngineSettings:
    """`rtp_port`: first and last port of the range (`sip.rtp_port`); `opus_complexity`: 0 to 10."""

    rtp_port: tuple[int, int] = (10000, 20000)
    symmetric_rtp: Symmetric = "auto"
    opus_complexity: int = COMPLEXITY
    lone_tone: bool = False
    """`--dev`: a phone alone in a room hears a soft beep every 5 s."""


class MediaEngine:
    """All media of the process. Everything runs on the loop's thread."""

    def __init__(
        self,
        *,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        settings: MediaEngineSettings,
        ids: Ids,
        open_pair: Callable[[str, int], SocketPair] | None = None,
        between: Callable[[], None] | None = None,
    ) -> None:
        """`open_pair(ip, port)` makes the sockets of a leg, and raises OSError where it cannot.
        `between` is called after each tick, for what is best done then."""
        self.now = clock.now
        self.tones = ToneBook()
        self.streams: list[MediaStream] = []
        self.bridges: dict[str, Bridge] = {}
        self._settings = settings
        self._ids = ids
        self._ports = PortPool(*settings.rtp_port)
        self._open_pair = open_pair or (lambda ip, port: UdpPair(loop, ip, port))
        self._buffers = (bytearray(BUFFER_SIZE), bytearray(BUFFER_SIZE))
        self._clock = MediaClock(loop, clock.now, self.tick, between, self.catch_up)
        self._ticks = 0
        self._stale = True
        self._occupied: dict[str, Bridge] = {}
        """Rooms of sound with somebody in them: an empty one lives on as long as its room."""
        self._narrow: NarrowMix | None = None
        self._wide: list[WideMix] = []
        self._filling: list[MediaStream] = []
        self._unsettled: list[MediaStream] = []
        self._in_event: list[MediaStream] = []
        self._silences: dict[tuple[str, int], bytes] = {}

    async def start(self) -> None:
        """Nothing to wait for: the clock runs while a leg is open."""

    async def stop(self) -> None:
        """Close every leg."""
        for stream in list(self.streams):
            stream.close()
        self._clock.stop()

    # --- legs and rooms -------------------------------------------------------------------------

    def open(
        self,
        leg_id: str,
        local_ip: str,
        advertised_ip: str,
        on_event: Callable[[MediaEvent], None],
    ) -> MediaStream:
        """Take a port pair for a leg. Raises NoPorts."""
        pair = self._take_pair(local_ip)
        stream = MediaStream(
            self,
            leg_id,
            pair,
            advertised_ip,
            on_event,
            ids=self._ids,
            buffers=self._buffers,
            symmetric=self._settings.symmetric_rtp,
        )
        self.streams.append(stream)
        self._clock.start()
        return stream

    def _take_pair(self, ip: str) -> SocketPair:
        now = self.now()
        for _ in range(self._ports.free):
            port = self._ports.take(now)
            try:
                return self._open_pair(ip, port)
            except OSError:
                self._ports.give_back(port, now)  # another process has it
        raise NoPorts("no RTP port could be opened")

    @property
    def lateness(self) -> Lateness:
        """How late the ticks came."""
        return self._clock.lateness

    @property
    def free_ports(self) -> int:
        """Port pairs that are not in use."""
        return self._ports.free

    def bridge(self, name: str) -> Bridge:
        """The room of sound of that name, made on demand."""
        found = self.bridges.get(name)
        if found is None:
            found = Bridge(name, self._bridge_changed, lone_tone=self._settings.lone_tone)
            self.bridges[name] = found
        return found

    def drop_bridge(self, name: str) -> None:
        """Forget a room; streams still in it are alone from then on."""
        found = self.bridges.pop(name, None)
        if found is not None:
            for stream in list(found.streams):
                found.remove(stream)

    def _bridge_changed(self, bridge: Bridge) -> None:
        self._stale = True
        if bridge.streams:
            self._occupied[bridge.name] = bridge
        else:
            self._occupied.pop(bridge.name, None)
        route(bridge.streams, self.now(), lone_tone=bridge.lone_tone)

    # --- what streams ask for -------------------------------------------------------------------

    def reroute(self, stream: MediaStream) -> None:
        """Something about `stream` changed: who hears whom is decided anew."""
        self._stale = True
        if stream.bridge is not None:
            self._bridge_changed(stream.bridge)
        elif not stream.closed:
            route([stream], self.now(), lone_tone=False)

    def settle_later(self, stream: MediaStream) -> None:
        """Its target may change when the SDP address has been silent long enough."""
        if stream not in self._unsettled:
            self._unsettled.append(stream)

    def event_started(self, stream: MediaStream) -> None:
        """A telephone-event whose end may get lost."""
        self._in_event.append(stream)

    def stream_closed(self, stream: MediaStream) -> None:
        """Its ports may rest now."""
        self._stale = True
        self.streams.remove(stream)
        self._ports.give_back(stream.local.port, self.now())
        for waiting in (self._filling, self._unsettled, self._in_event):
            while stream in waiting:
                waiting.remove(stream)
        if not self.streams:
            self._clock.stop()
            self._compile()  # no tick will come that lets go of the last rooms

    # --- the tick -------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Read what waits at every port: the process was stopped, or is too slow at the moment.

        In a turn of the loop each port gives one packet. Turns in which two ticks are done would
        leave one of two packets, until the ports run over, seconds late.
        """
        for stream in list(self.streams):
            stream.receiver.drain()

    def tick(self) -> None:
        """20 ms have passed."""
        now = self.now()
        self._ticks += 1
        if self._stale:
            self._compile()
        if self._narrow is not None:
            self._after(self._narrow.tick(now))
        for room in self._wide:
            self._after(room.tick(now))
        self._fill_silence(now)
        if self._in_event:
            self._in_event = [s for s in self._in_event if s.receiver.expire_event(now)]
        if self._unsettled and self._ticks % _SWEEP == 0:
            self._unsettled = [s for s in self._unsettled if not s.settle(now)]
        for stream in self.streams[self._ticks % REPORT_TICKS :: REPORT_TICKS]:
            stream.send_report(now)

    def _compile(self) -> None:
        """Decide which rooms the clock works for."""
        self._stale = False
        rooms = [bridge.streams for bridge in self._occupied.values()]
        rooms += [[stream] for stream in self.streams if stream.bridge is None]
        busy = [room for room in rooms if any(s.output is Output.CLOCK for s in room)]
        narrow = [room for room in busy if is_narrow(room)]
        complexity = self._settings.opus_complexity
        self._wide = [WideMix(room, complexity) for room in busy if not is_narrow(room)]
        self._narrow = NarrowMix(narrow) if narrow else None

    def _after(self, special: list[MediaStream]) -> None:
        """Prompts and digits that are over give the room back."""
        for stream in special:
            stream.finish_prompt()
            events = stream.events
            if events is not None and not events.active:
                stream.events = None
                self.reroute(stream)

    def _fill_silence(self, now: float) -> None:
        """A relayed phone says nothing: its listener gets silence, so that NAT stays open."""
        for stream in self.streams[self._ticks % _SWEEP :: _SWEEP]:
            sender = stream.sender
            if (
                stream.output is Output.RELAY
                and not sender.filling
                and now - sender.sent_at > FILL_AFTER
            ):
                sender.filling = True
                sender.resume(now)
                self._filling.append(stream)
                self._source_of(stream).receiver.resync()
        if not self._filling:
            return
        going_on = []
        for stream in self._filling:
            if stream.output is Output.RELAY and stream.sender.filling and stream.plan is not None:
                stream.sender.fill(self._silence(stream.plan), now)
                going_on.append(stream)
            else:
                stream.sender.filling = False
        self._filling = going_on

    def _silence(self, plan: MediaPlan) -> bytes:
        key = (plan.codec.name, plan.ptime)
        found = self._silences.get(key)
        if found is None:
            found = self._silences[key] = silence_payload(*key)
        return found

    @staticmethod
    def _source_of(stream: MediaStream) -> MediaStream:
        """The other phone of a relayed pair."""
        pair = stream.bridge.streams if stream.bridge is not None else [stream, stream]
        return pair[0] if pair[1] is stream else pair[1]
