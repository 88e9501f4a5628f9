"""The media engine: opens ports, knows who is in which room, and does the work of each tick."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ...adapters.udp import PolledSockets, UdpPair, Watch, WatchedSockets
from ...audio.opus import COMPLEXITY
from ...audio.tones import ToneBook
from ...base.ids import Ids
from ...base.light import light_dataclass
from ...media.events import MediaEvent
from ...media.filling import Filling
from ...media.mixing import NarrowMix, WideMix
from ...media.phone_port import BUFFER_SIZE, PhonePort, SocketPair, Srtp
from ...media.port_pool import NoPorts, PortPool
from ...media.routes import Bridge
from ...media.schedule import Lateness
from ...media.sink import Sink
from ...media.source import Source
from ...media.subscriptions import OpusTrack, Subscription, TakenTracks
from ...media.voice import NARROW_RATE
from ...ports import WorldClock
from ...rtp.latch import Symmetric
from ...sdp.plan import CryptoKey
from .clock import MediaClock

REPORT_TICKS: Final = 250
"""5 s between the RTCP reports of a phone."""
_SWEEP: Final = 5


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
        clock: WorldClock,
        loop: asyncio.AbstractEventLoop,
        settings: MediaEngineSettings,
        ids: Ids,
        open_pair: Callable[[Watch, str, int], SocketPair] = UdpPair,
        between: Callable[[], None] | None = None,
    ) -> None:
        """`open_pair(watch, ip, port)` makes the sockets of a phone; OSError where it cannot.
        `between` is called after each tick, for what is best done then."""
        self.now = clock.now
        self._world = clock.world
        self.tones = ToneBook()
        self.ports: list[PhonePort] = []
        """Those that are open."""
        self.measured: Callable[[str, int], None] = lambda track_sid, level: None
        """Told how loud telephones are that clients hear: the SID of the track, -dBov."""
        self.before_tick: Callable[[], object] = lambda: None
        """Reads what clients have sent, if that waits."""
        self._settings = settings
        self._ids = ids
        self._pool = PortPool(*settings.rtp_port, ids.random)
        self._open_pair = open_pair
        self._watched = WatchedSockets(loop)
        self._buffers = (bytearray(BUFFER_SIZE), bytearray(BUFFER_SIZE))
        self._clock = MediaClock(loop, clock.now, self.tick, between, self.catch_up)
        self._ticks = 0
        self._bridges: dict[str, Bridge] = {}
        """Rooms of sound with somebody in them, by name."""
        self._bridge_of: dict[Sink, Bridge] = {}
        """Where each open port is: in a room, or in a bridge of its own."""
        self._changed: dict[Bridge, None] = {}
        """Rooms that the mixes have to take note of, in order."""
        self._worked_for: set[Bridge] = set()
        """Rooms that stand in one of the mixes."""
        self._port_of: dict[Source, PhonePort] = {}
        self._polled = PolledSockets()
        """Of phones that are only mixed: they are read at the ticks."""
        self._narrow = NarrowMix(settings.opus_complexity)
        self._wide: dict[Bridge, WideMix] = {}
        self._filling = Filling()
        self._unsettled: list[PhonePort] = []
        self._in_event: list[PhonePort] = []
        self._concealed = 0
        """Frames of those that have ended."""

    async def start(self) -> None:
        """Nothing to wait for: the clock runs while a port is open."""

    async def stop(self) -> None:
        """Close every port."""
        for port in list(self.ports):
            port.close()
        self._clock.stop()
        self._polled.close()
        self._watched.close()

    # --- ports ----------------------------------------------------------------------------------

    def open(
        self,
        leg_id: str,
        local_ip: str,
        advertised_ip: str,
        on_event: Callable[[MediaEvent], None],
    ) -> PhonePort:
        """Take a port pair for a leg. Raises NoPorts."""
        pair = self._take_pair(local_ip)
        port = PhonePort(
            self,
            leg_id,
            pair,
            advertised_ip,
            on_event,
            ids=self._ids,
            buffers=self._buffers,
            symmetric=self._settings.symmetric_rtp,
        )
        self.ports.append(port)
        self._port_of[port.source] = port
        bridge = self._bridge_of[port.sink] = Bridge()
        bridge.add(port.source, port.sink)
        self._clock.start()
        return port

    def _take_pair(self, ip: str) -> SocketPair:
        now = self.now()
        for _ in range(self._pool.free):
            port = self._pool.take(now)
            try:
                return self._open_pair(self._watched, ip, port)
            except OSError:
                self._pool.give_back(port, now)  # another process has it
        raise NoPorts("no RTP port could be opened")

    @property
    def lateness(self) -> Lateness:
        """How late the ticks came."""
        return self._clock.lateness

    @property
    def concealed(self) -> int:
        """Frames so far that were to be mixed and had not come, of telephones and clients."""
        there = {port.source for port in self.ports}
        for bridge in self._bridges.values():
            there.update(bridge.sources)
        return self._concealed + sum(source.concealed for source in there)

    def until_tick(self) -> float:
        """Seconds until the next tick is due, less than 0 where it is late; infinite if none is."""
        return self._clock.until_tick()

    @property
    def free_ports(self) -> int:
        """Port pairs that are not in use."""
        return self._pool.free

    # --- rooms ----------------------------------------------------------------------------------

    def join(self, name: str, port: PhonePort) -> None:
        """Let the phone speak and hear in the room of sound of that name; it leaves the one it was
        in. A closed one joins nothing."""
        if port.closed or self.room_of(port) == name:
            return
        self._move(port, self._room(name))

    def leave(self, port: PhonePort) -> None:
        """The phone is alone again: it hears silence, a tone or a recording."""
        if self.room_of(port) is not None:
            self._move(port, Bridge())

    def room_of(self, port: PhonePort) -> str | None:
        """The name of the room of sound that the phone is in; None where it is in none."""
        bridge = self._bridge_of.get(port.sink)
        return bridge.name or None if bridge is not None else None

    def drop_room(self, name: str) -> None:
        """Nobody is in the room of that name any more."""
        if name in self._bridges:
            for port in [port for port in self.ports if self.room_of(port) == name]:
                self.leave(port)
            self._bridges.pop(name, None)

    def add_source(self, name: str, source: Source) -> None:
        """A track of a participant that is no phone is heard in the room of sound of that name."""
        bridge = self._room(name)
        bridge.sources.append(source)
        self._concealed -= source.concealed  # it may have been in another room before
        self._route(bridge)

    def remove_source(self, name: str, source: Source) -> None:
        """It is heard there no more."""
        bridge = self._bridges.get(name)
        if bridge is not None and source in bridge.sources:
            bridge.sources.remove(source)
            self._concealed += source.concealed
            self._settle(bridge)
        source.receiver.forward_to([])

    def subscribe(self, name: str, subscription: Subscription) -> None:
        """A participant takes a track of that room by itself, beside the mix."""
        bridge = self._room(name)
        if bridge.subscriptions is None:
            bridge.subscriptions = TakenTracks(
                lambda source: OpusTrack(source, self.tones, self._ids, self.measured)
            )
        bridge.subscriptions.taken.append(subscription)
        self._route(bridge)

    def unsubscribe(self, name: str, subscription: Subscription) -> None:
        """It takes it no more."""
        bridge = self._bridges.get(name)
        if bridge is None or bridge.subscriptions is None:
            return
        if subscription in bridge.subscriptions.taken:
            bridge.subscriptions.taken.remove(subscription)
            self._settle(bridge)

    def reroute_room(self, name: str) -> None:
        """Something about one of its tracks changed."""
        bridge = self._bridges.get(name)
        if bridge is not None:
            self._route(bridge)

    def _room(self, name: str) -> Bridge:
        found = self._bridges.get(name)
        if found is None:
            found = self._bridges[name] = Bridge(name, lone_tone=self._settings.lone_tone)
        return found

    def _settle(self, bridge: Bridge) -> None:
        """Somebody left it: what goes on there, if anybody is there."""
        self._route(bridge)
        if bridge.empty:
            self._bridges.pop(bridge.name, None)

    def _move(self, port: PhonePort, to: Bridge | None) -> None:
        former = self._bridge_of.pop(port.sink)
        former.remove(port.source, port.sink)
        if not former.empty:
            self._route(former)
        else:
            self._bridges.pop(former.name, None)
            former.clocked = False
            self._note(former)
        if to is not None:
            self._bridge_of[port.sink] = to
            to.add(port.source, port.sink)
            self._route(to)

    def _route(self, bridge: Bridge) -> None:
        """Something in the room changed: who hears whom is decided anew."""
        bridge.route(self.now())
        for source in bridge.sources:
            port = self._port_of.get(source)
            if port is not None:
                port.poll(self._polled)
        self._note(bridge)

    def _note(self, bridge: Bridge) -> None:
        """The next tick looks at the room, if the clock works for it or is to."""
        if bridge.clocked or bridge in self._worked_for:
            self._changed[bridge] = None

    # --- what ports ask for ---------------------------------------------------------------------

    def reroute(self, port: PhonePort) -> None:
        """Something about the phone changed."""
        bridge = self._bridge_of.get(port.sink)
        if bridge is not None:
            self._route(bridge)

    def track_named(self, port: PhonePort) -> None:
        """What the phone says has another SID, which matters to who chooses by SIDs."""
        bridge = self._bridge_of.get(port.sink)
        if bridge is not None and bridge.chooses:
            self._route(bridge)

    def settle_later(self, port: PhonePort) -> None:
        """Its target may change when the SDP address has been silent long enough."""
        if port not in self._unsettled:
            self._unsettled.append(port)

    def event_started(self, port: PhonePort) -> None:
        """A telephone-event whose end may get lost."""
        self._in_event.append(port)

    def secure(self, send: CryptoKey, receive: CryptoKey) -> Srtp:
        """SRTP of a phone that encrypts; no other needs its library."""
        from ...adapters.srtp import SrtpSession

        return SrtpSession(send, receive)

    def port_closed(self, port: PhonePort) -> None:
        """It leaves its room, and its ports may rest now."""
        self._move(port, None)
        self._concealed += port.source.concealed
        self.ports.remove(port)
        del self._port_of[port.source]
        self._pool.give_back(port.local.port, self.now())
        self._filling.forget(port.sink)
        for waiting in (self._unsettled, self._in_event):
            while port in waiting:
                waiting.remove(port)
        if not self.ports:
            self._clock.stop()
            self._take_note()  # no tick will come that lets go of the last rooms

    # --- the tick -------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Read what waits at every port: the process was stopped, or is too slow at the moment.

        In a turn of the loop each port gives one packet. Turns in which two ticks are done would
        leave one of two packets, until the ports run over, seconds late.
        """
        for port in list(self.ports):
            port.drain()

    def tick(self) -> None:
        """20 ms have passed."""
        now = self.now()
        self._ticks += 1
        if self._changed:
            self._take_note()
        self.before_tick()
        self._polled.read(now, now - self._world())
        self._after(self._narrow.tick(now))
        for room in self._wide.values():
            self._after(room.tick(now))
        sinks = (port.sink for port in self.ports[self._ticks % _SWEEP :: _SWEEP])
        self._filling.check(sinks, now)
        self._filling.tick(now)
        if self._in_event:
            self._in_event = [port for port in self._in_event if port.receiver.expire_event(now)]
        if self._unsettled and self._ticks % _SWEEP == 0:
            self._unsettled = [port for port in self._unsettled if not port.settle(now)]
        for port in self.ports[self._ticks % REPORT_TICKS :: REPORT_TICKS]:
            port.send_report(now)

    def _take_note(self) -> None:
        """Which of the rooms that changed the clock works for, and how."""
        changed, self._changed = self._changed, {}
        for bridge in changed:
            busy = bridge.clocked
            narrow = busy and bridge.rate == NARROW_RATE
            if busy:
                self._worked_for.add(bridge)
            else:
                self._worked_for.discard(bridge)
            if narrow:
                self._narrow.place(bridge)
            else:
                self._narrow.drop(bridge)
            if busy and not narrow:
                self._wide[bridge] = WideMix(bridge, self._settings.opus_complexity)
            else:
                self._wide.pop(bridge, None)

    def _after(self, special: list[Sink]) -> None:
        """Recordings and digits that are over give the room back."""
        for sink in special:
            prompt, pressed = sink.player.finished(), sink.player.pressed()
            bridge = self._bridge_of.get(sink)
            if bridge is not None and (pressed or prompt is not None):
                self._route(bridge)
            if prompt is not None and prompt.on_done is not None:
                prompt.on_done()
