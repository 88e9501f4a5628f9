"""The sound of the carrier's phones: each says its own tone, and names the tones that it hears.

One 20 ms clock for all of them. The codecs (`coding.py`), digits and packets are the exchange's own
modules; there is no jitter buffer: on a loopback nothing comes out of turn.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from ..adapters.srtp import SrtpSession
from ..adapters.udp import UdpPair
from ..audio.tone_bank import Pcm
from ..base.errors import RtpError
from ..base.ids import Ids
from ..media.schedule import LATE, TICK
from ..rtp import packet as rtp
from ..rtp.dtmf import EventReceiver, EventSender, EventStep
from ..runtime.media.clock import MediaClock
from ..sdp.plan import Codec, LocalMedia, MediaPlan
from ..sip.flow import Address
from .agent import CarrierError
from .coding import Coding
from .deaf_pair import DeafPair
from .departures import ON_TIME, Copies, Departures
from .ear import Ear
from .packets import Packets
from .person import Person
from .recording import Recording
from .speech import FRAME, RATE, Mouth, Speech

EVENTS: Final = 101
"""Payload type of keys between two phones of one carrier."""
FIRST_PORT: Final = 22000
LAST_PORT: Final = 31998
_TRIES: Final = 200
_BUFFER: Final = bytearray(2048)
"""Of all sounds: a packet is parsed before the next one is read."""


_Pair = TypeVar("_Pair", bound=UdpPair)
Line = Callable[[], Copies]
"""What becomes of the next packet."""


def all_is_well() -> Copies:
    """Each packet goes out once, and at once."""
    return ON_TIME


@dataclass(slots=True)
class _Waiter:
    ready: Callable[[], bool]
    future: asyncio.Future[None]


class Sound:
    """The two directions of one call's audio. Made by `Sounds.open`; `apply` starts it."""

    def __init__(
        self, pair: UdpPair, ip: str, ids: Ids, loop: asyncio.AbstractEventLoop, tone: float
    ) -> None:
        self.local = LocalMedia(ip, pair.port, pair.port + 1)
        self._mouth = Mouth(tone)
        self.digits = ""
        """What the other side pressed so far."""
        self.packets = Packets()
        self._loop = loop
        self._pair = pair
        self._plan: MediaPlan | None = None
        self._ear = Ear(loop.time())
        self._coding = Coding()
        self._dtmf_clock = RATE
        self._events = EventSender()
        self._presses = EventReceiver()
        self._ssrc = ids.number(32)
        self._sequence = ids.number(16)
        self._timestamp = ids.number(32)
        self._event_timestamp = 0
        self._packet = b""
        """Of the next packet, what there is."""
        self._packet_timestamp = 0
        self._mark = True
        self._waiters: list[_Waiter] = []
        self._relay: Sound | None = None
        self._srtp: SrtpSession | None = None
        self.on_digit: Callable[[str], None] | None = None
        """Called with each key of the other side."""
        self.recording: Recording | None = None
        """What comes in goes in there too."""
        self.person: Person | None = None
        """Who speaks instead, and hears what comes in (`attend`)."""
        self.line: Line = all_is_well
        self._departures = Departures(loop.call_later)
        self.closed = False
        pair.watch(self._read, self._drain_reports)

    @property
    def plan(self) -> MediaPlan | None:
        """What was agreed; None before that."""
        return self._plan

    def apply(self, plan: MediaPlan) -> None:
        """Send and understand this from now on."""
        if self._coding.use(plan.codec, plan.ptime):
            self._packet = b""
        self._mouth.use(self._coding.form)
        if plan.dtmf_clock != self._dtmf_clock:
            self._dtmf_clock = plan.dtmf_clock
            self._events = EventSender(plan.dtmf_clock)
            self._presses = EventReceiver(plan.dtmf_clock)
        self._plan = plan
        self._mark = True
        self._secure(plan)

    def _secure(self, plan: MediaPlan) -> None:
        """Encrypt and decrypt by the keys that were agreed on, if any were."""
        if plan.crypto_send is None or plan.crypto_receive is None:
            self._srtp = None
        elif self._srtp is not None:
            self._srtp.rekey(plan.crypto_send, plan.crypto_receive)
        else:
            self._srtp = SrtpSession(plan.crypto_send, plan.crypto_receive)

    def say(self, tone: float, speech: Speech | None = None, since: float = 0.0) -> None:
        """Say another tone (Hz) from now on, 0 for silence; or a speech, of which so many seconds
        have gone by."""
        self._mouth.say(tone, speech, since)

    def attend(self, person: Person | None) -> None:
        """A person speaks instead, and hears what comes in; None: nobody any more."""
        self.person = self._mouth.person = person

    def talk_to(self, other: Sound) -> None:
        """Send to another one of this carrier, with nothing to agree on."""
        address = other.local.address
        codec = Codec("PCMU", 0, RATE)
        self.apply(
            MediaPlan(
                (address, other.local.port),
                (address, other.local.rtcp_port),
                codec,
                {codec.payload_type: codec},
                dtmf_send=EVENTS,
                dtmf_receive=frozenset({EVENTS}),
            )
        )

    def relay_to(self, other: Sound | None) -> None:
        """Pass on what comes in from now on, keys excepted; None: no more."""
        self._relay = other
        self._packet = b""

    def pass_on(self, codec: Codec, payload: bytes, samples: Pcm) -> None:
        """Say what came in elsewhere, instead of a tone: the `payload` as it is where the codec is
        ours, else its samples (8 kHz)."""
        plan = self._plan
        if plan is None or not plan.send or self._relay is None or not len(samples):
            return
        if plan.codec.name == codec.name:
            self._pass(plan, payload, len(samples))
            return
        self._packet += self._coding.written(samples)
        whole, self._packet = self._coding.cut(self._packet)
        for said in whole:
            self._pass(plan, self._coding.encode(said), self._coding.length(said))

    def _pass(self, plan: MediaPlan, payload: bytes, samples: int) -> None:
        self._advance(plan, samples)
        self._emit(plan, plan.codec.payload_type, self._timestamp, payload, self._mark)
        self._mark = False

    def _advance(self, plan: MediaPlan, samples: int) -> None:
        """So many samples (8 kHz) have gone by, in the clock of what we send."""
        self._timestamp = (self._timestamp + samples * plan.codec.clock // RATE) & 0xFFFFFFFF

    def close(self) -> None:
        """Free the ports; who waits for something to be heard hears of it."""
        if self.closed:
            return
        self.closed = True
        self._pair.close()
        self._plan = None
        for waiter in self._waiters:
            if not waiter.future.done():
                waiter.future.set_exception(CarrierError("the call is over"))
        self._waiters.clear()

    # --- what a test or a demo asks -------------------------------------------------------------

    def hears_now(self, frequency: float) -> bool:
        """Whether the tone is in what came in the last tenth of a second."""
        return self._ear.hears(self._loop.time(), frequency)

    def audible_now(self) -> bool:
        """Whether anything but silence is in what came in the last tenth of a second."""
        return self._ear.audible(self._loop.time())

    def audible_lately(self) -> bool:
        """Whether anything but silence came in within the last second."""
        return self._ear.audible_lately(self._loop.time())

    def level(self, frequency: float) -> float:
        """How loud the tone is in the last tenth of a second: its amplitude (int16)."""
        return self._ear.level(self._loop.time(), frequency)

    async def hears(self, frequency: float, within: float) -> float:
        """Wait for a tone; seconds that it took. Raises CarrierError."""
        return await self._until(
            lambda: self.hears_now(frequency), within, f"did not hear {frequency:g} Hz"
        )

    async def hears_anything(self, within: float) -> float:
        """Wait for anything but silence; seconds that it took. Raises CarrierError."""
        return await self._until(self.audible_now, within, "heard nothing")

    async def misses(self, frequency: float, within: float) -> float:
        """Wait until a tone was not there for 0.3 s from now on; raises CarrierError."""
        self._ear.forget(self._loop.time())
        return await self._until(
            lambda: self._ear.misses(self._loop.time(), frequency),
            within,
            f"went on hearing {frequency:g} Hz",
        )

    def dial(self, digits: str) -> None:
        """Press keys and wait for nothing; without telephone-events nobody hears of them."""
        if self._plan is not None and self._plan.dtmf_send is not None:
            self._events.add(digits, 120, 80)

    async def press(self, digits: str, on_ms: int = 120, off_ms: int = 80) -> None:
        """Send digits as telephone-events (RFC 4733), and wait until they are out."""
        if self._plan is None or self._plan.dtmf_send is None:
            raise CarrierError("no telephone-event was agreed")
        self._events.add(digits, on_ms, off_ms)
        within = 1.0 + len(digits) * (on_ms + off_ms + 500) / 1000
        await self._until(lambda: not self._events.active, within, f"could not press {digits}")

    async def pressed(self, digits: str, within: float) -> float:
        """Wait until the other side has pressed `digits`, in this order; raises CarrierError."""
        try:
            return await self._until(
                lambda: digits in self.digits, within, f"did not get the digits {digits}"
            )
        except CarrierError as error:
            came = f"those that came: {self.digits}" if self.digits else "none came"
            raise CarrierError(f"{error}; {came}") from None

    async def _until(self, ready: Callable[[], bool], within: float, failure: str) -> float:
        """Wait for `ready`, which the clock asks every 20 ms."""
        if self.closed:
            raise CarrierError(f"{failure}: the call is over")
        started = self._loop.time()
        waiter = _Waiter(ready, self._loop.create_future())
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(within):
                await waiter.future
        except TimeoutError:
            raise CarrierError(f"{failure} within {within:g} s") from None
        except CarrierError as error:
            raise CarrierError(f"{failure}: {error}") from None
        finally:
            with contextlib.suppress(ValueError):  # `close` has forgotten them all
                self._waiters.remove(waiter)
        return self._loop.time() - started

    # --- the clock ------------------------------------------------------------------------------

    def tick(self) -> None:
        """20 ms have passed."""
        plan = self._plan
        if plan is not None and self._relay is None:
            self._advance(plan, FRAME)
            step = self._events.tick() if self._events.active else None
            if plan.send:
                self._speak(plan, step)
        for digit, _ in self._presses.expire(self._loop.time()):
            self._pressed(digit)
        for waiter in self._waiters:
            if not waiter.future.done() and waiter.ready():
                waiter.future.set_result(None)

    def _speak(self, plan: MediaPlan, step: EventStep | None) -> None:
        said = self._mouth.next()
        if step is not None and plan.dtmf_send is not None:
            if step.first:
                self._event_timestamp = self._timestamp
            self._emit(plan, plan.dtmf_send, self._event_timestamp, step.payload, step.first)
            self._packet = b""
            self._mark = step.over
            if not step.over:
                return
        if not self._packet:
            self._packet_timestamp = self._timestamp
        self._packet += said
        if self._coding.length(self._packet) * 1000 < plan.ptime * RATE:
            return  # a packet of more than 20 ms
        payload, self._packet = self._coding.encode(self._packet), b""
        self._emit(plan, plan.codec.payload_type, self._packet_timestamp, payload, self._mark)
        self._mark = False

    def _emit(
        self, plan: MediaPlan, payload_type: int, timestamp: int, payload: bytes, mark: bool
    ) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        packet = rtp.RtpPacket(
            payload_type, self._sequence, timestamp, self._ssrc, payload, marker=mark
        )
        self.packets.sent += 1
        data = packet.encode() if self._srtp is None else self._srtp.protect(packet.encode())
        if data is None:
            return  # its number was used with this key
        self._departures.send("", self.line(), partial(self._put, data, plan.remote))

    def _put(self, data: bytes, remote: Address) -> None:
        with contextlib.suppress(OSError):  # nobody listens there any more, or not yet
            if not self.closed:
                self._pair.send(data, remote)

    # --- what comes in --------------------------------------------------------------------------

    def _read(self) -> None:
        """One packet; where more wait, the loop calls again."""
        try:
            size, _ = self._pair.receive(_BUFFER)
            data = memoryview(_BUFFER)[:size]
            if self._srtp is not None:
                data = memoryview(self._srtp.unprotect(bytes(data)) or b"")
            packet = rtp.parse(data)
        except (OSError, RtpError):
            return
        self._packet_received(packet)

    def _packet_received(self, packet: rtp.RtpPacket) -> None:
        plan = self._plan
        if plan is None:
            return
        self.packets.came(packet.ssrc, packet.sequence)
        if packet.payload_type in plan.dtmf_receive:
            now = self._loop.time()
            for digit, _ in self._presses.packet_received(now, packet.timestamp, packet.payload):
                self._pressed(digit)
            return
        codec = plan.receive.get(packet.payload_type)
        if codec is None:
            return
        now, samples = self._loop.time(), self._coding.decode(codec, packet.payload)
        if self._relay is not None:
            self._relay.pass_on(codec, packet.payload, samples)
        self._ear.feed(now, samples)
        if self.recording is not None:
            self.recording.heard(now, packet.ssrc, packet.timestamp, samples, codec.clock)
        if self.person is not None:
            self.person.hears(samples)

    def _pressed(self, digit: str) -> None:
        self.digits += digit
        if self.on_digit is not None:
            self.on_digit(digit)

    def _drain_reports(self) -> None:
        """RTCP is read and ignored."""
        with contextlib.suppress(OSError):
            while True:
                self._pair.receive_rtcp()


class Sounds:
    """All sound of a carrier: its RTP ports and its clock, which runs while a call is up."""

    def __init__(self, ids: Ids, ip: str = "127.0.0.1", *, muted: bool = False) -> None:
        """`muted`: nothing is sent and nothing is heard, and all calls have one pair of ports."""
        self._ids = ids
        self._ip = ip
        self._muted = muted
        self._deaf: dict[str, DeafPair] = {}
        """The ports of the calls of a carrier that is muted, by our address."""
        self._loop = asyncio.get_running_loop()
        self._open: list[Sound] = []
        self._clock = MediaClock(self._loop, self._loop.time, self._tick)

    @property
    def running(self) -> bool:
        """Whether the clock ticks."""
        return self._clock.running

    def now(self) -> float:
        """The time by the clock of what is said and recorded, in seconds."""
        return self._loop.time()

    @property
    def ticks(self) -> tuple[int, int]:
        """All ticks so far, and those that came later than the next was due."""
        counts = self._clock.lateness.counts
        return sum(counts), sum(counts[LATE.index(TICK) + 1 :])

    def open(self, tone: float, ip: str = "") -> Sound:
        """Sound for a call of a phone with this tone (Hz, 0 for silence), at that address of ours.
        Raises CarrierError."""
        ip = ip or self._ip
        if self._muted:
            return Sound(self._deaf_pair(ip), ip, self._ids, self._loop, tone)
        sound = Sound(self._pair(ip, UdpPair), ip, self._ids, self._loop, tone)
        self._open.append(sound)
        self._clock.start()
        return sound

    def stop(self) -> None:
        """Close everything."""
        self._clock.stop()
        for sound in self._open:
            sound.close()
        self._open.clear()
        for pair in self._deaf.values():
            pair.free()
        self._deaf.clear()

    def _deaf_pair(self, ip: str) -> DeafPair:
        if ip not in self._deaf:
            self._deaf[ip] = self._pair(ip, DeafPair)
        return self._deaf[ip]

    def _pair(self, ip: str, kind: type[_Pair]) -> _Pair:
        """Two free ports, wherever other carriers of the machine left some."""
        size = (LAST_PORT - FIRST_PORT) // 2
        start = self._ids.number(31)
        for number in range(_TRIES):
            port = FIRST_PORT + 2 * ((start + number) % size)
            with contextlib.suppress(OSError):
                return kind(self._loop, ip, port)
        raise CarrierError("no free RTP ports")

    def _tick(self) -> None:
        for sound in self._open:
            sound.tick()
        self._open = [sound for sound in self._open if not sound.closed]
        if not self._open:
            self._clock.stop()
