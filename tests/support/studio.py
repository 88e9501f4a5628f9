"""The media engine without sockets and without waiting: phones on a table."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hookflash.adapters.udp import arrival
from hookflash.audio.codecs import make_codec
from hookflash.base.ids import Ids
from hookflash.media.events import MediaEvent
from hookflash.media.phone_port import PhonePort
from hookflash.media.sink import Route
from hookflash.rtp.packet import RtpPacket, parse
from hookflash.runtime.media.engine import MediaEngine, MediaEngineSettings
from hookflash.sdp.plan import Codec, CodecName, MediaPlan
from hookflash.sip.flow import Address

from .manual_clock import ManualClock

__all__ = ["CODECS", "EVENT_TYPE", "Studio", "TablePair", "TablePhone"]

CODECS: dict[CodecName, Codec] = {
    "PCMU": Codec("PCMU", 0, 8000),
    "PCMA": Codec("PCMA", 8, 8000),
    "G722": Codec("G722", 9, 8000),
    "opus": Codec("opus", 96, 48000, 2),
}
EVENT_TYPE = 101


class TablePair:
    """Stands in for `adapters.udp.UdpPair`: what is sent is kept, what comes is delivered."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sent: list[tuple[bytes, Address]] = []
        self.reports: list[tuple[bytes, Address]] = []
        self.closed = False
        self.polls = self.polled = False
        """Whether it can be polled, and is."""
        self.stamped: deque[tuple[bytes, Any, float]] = deque()
        """What waits for `receive_stamped`."""
        self._incoming: deque[tuple[bytes, Any]] = deque()
        self._on_rtp: Callable[[], object] = lambda: None
        self._on_rtcp: Callable[[], object] = lambda: None

    def watch(self, on_rtp: Callable[[], object], on_rtcp: Callable[[], object]) -> None:
        """As `UdpPair.watch`."""
        self._on_rtp, self._on_rtcp = on_rtp, on_rtcp

    def poll(
        self,
        polled: object,
        reader: Callable[[float, float], object],
        flooded: Callable[[], object],
    ) -> bool:
        """As `UdpPair.poll`: what is `stamped` is for the reader, the rest is delivered."""
        self.polled = self.polls
        return self.polls

    def unpoll(self) -> None:
        """As `UdpPair.unpoll`."""
        self.polled = False

    def receive_stamped(
        self, buffer: bytearray, now: float, shift: float
    ) -> tuple[int, Any, float]:
        """As `UdpPair.receive_stamped`."""
        if not self.stamped:
            raise BlockingIOError
        data, source, came = self.stamped.popleft()
        buffer[: len(data)] = data
        return len(data), source, arrival(came, now, shift)

    def receive(self, buffer: bytearray) -> tuple[int, Any]:
        """As a socket's `recvfrom_into`."""
        if not self._incoming:
            raise BlockingIOError
        data, source = self._incoming.popleft()
        buffer[: len(data)] = data
        return len(data), source

    def send(self, data: bytes | memoryview, address: Address) -> int:
        """As a socket's `sendto`."""
        self.sent.append((bytes(data), address))
        return len(data)

    def receive_rtcp(self) -> tuple[bytes, Any]:
        """As `UdpPair.receive_rtcp`."""
        if not self._incoming:
            raise BlockingIOError
        return self._incoming.popleft()

    def send_rtcp(self, data: bytes, address: Address) -> None:
        """As `UdpPair.send_rtcp`."""
        self.reports.append((data, address))

    def wait(self, datagrams: list[tuple[bytes, Any]]) -> None:
        """Datagrams have come, and the loop has not looked yet."""
        self._incoming.extend(datagrams)

    def deliver(self, data: bytes, source: Any, *, rtcp: bool = False) -> None:
        """A datagram has come."""
        self._incoming.append((data, source))
        (self._on_rtcp if rtcp else self._on_rtp)()

    def close(self) -> None:
        """As `UdpPair.close`: nobody watches it any more."""
        self.closed = True
        self.watch(lambda: None, lambda: None)


class TablePhone:
    """A peer: speaks frames of a tone or of bytes, and keeps what it hears."""

    def __init__(self, studio: Studio, pair: TablePair, address: Address, codec: Codec) -> None:
        self._studio = studio
        self.pair = pair
        self.address = address
        self.codec = codec
        self.events: list[MediaEvent] = []
        self.stream: PhonePort
        self.ssrc = address[1]
        self.sequence = 100
        self.timestamp = 1000
        self._voice = make_codec(codec.name)
        self._spoken = 0

    def say(self, payload: bytes = b"\x55" * 160, *, marker: bool = False) -> None:
        """One packet of 20 ms from the phone's own address."""
        self.speak(
            RtpPacket(
                self.codec.payload_type, self.sequence, self.timestamp, self.ssrc, payload, marker
            )
        )
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + self.codec.clock // 50) & 0xFFFFFFFF

    def hum(self, frequency: float, peak: float = 8000) -> None:
        """The next 20 ms of a tone."""
        rate = self._voice.rate
        time = (np.arange(rate // 50) + self._spoken) / rate
        self._spoken += rate // 50
        wave = (peak * np.sin(2 * np.pi * frequency * time)).astype(np.int16)
        payload = self._voice.encode(wave)
        if payload:
            self.say(payload)

    def speak(self, packet: RtpPacket, source: Address | None = None) -> None:
        """Any packet, from any address."""
        self.pair.deliver(packet.encode(), source or self.address)

    def route(self) -> Route:
        """How it comes by what it hears."""
        return self.stream.sink.route

    @property
    def heard(self) -> list[RtpPacket]:
        """Everything that was sent towards the phone."""
        return [parse(data) for data, _ in self.pair.sent]

    def sound(self, last: int = 0) -> NDArray[np.int16]:
        """What the phone's user heard, of the `last` packets (0: of all)."""
        voice = make_codec(self.codec.name)
        packets = [p for p in self.heard if p.payload_type == self.codec.payload_type]
        parts = [voice.decode(packet.payload) for packet in packets]
        return np.concatenate(parts[-last:]) if parts else np.zeros(0, np.int16)

    def clear(self) -> None:
        """Forget what was heard."""
        self.pair.sent.clear()


class Studio:
    """A media engine on a table: its clock and its ticks are driven by hand."""

    def __init__(self, settings: MediaEngineSettings | None = None) -> None:
        self.clock = ManualClock()
        self._loop = asyncio.new_event_loop()  # never run: the ticks are ours
        self.pairs: dict[int, TablePair] = {}
        self.busy_ports: set[int] = set()
        self.polls = False
        """Whether ports that are opened from now on can be polled."""
        self.engine = MediaEngine(
            clock=self.clock,
            loop=self._loop,
            settings=settings or MediaEngineSettings(),
            ids=Ids(random.Random(7)),
            open_pair=self._open_pair,
        )

    def _open_pair(self, watch: object, ip: str, port: int) -> TablePair:
        if port in self.busy_ports:
            raise OSError("address already in use")
        pair = self.pairs[port] = TablePair(port)
        pair.polls = self.polls
        return pair

    def phone(
        self, codec: CodecName = "PCMU", room: str | None = "room", **plan: Any
    ) -> TablePhone:
        """A leg with its plan applied, in `room`; `plan` replaces fields of the plan."""
        number = len(self.pairs) + 1
        opened: list[MediaEvent] = []
        stream = self.engine.open(f"leg{number}", "0.0.0.0", "192.0.2.1", opened.append)
        address = (f"198.51.100.{number}", 4000)
        phone = TablePhone(self, self.pairs[stream.local.port], address, CODECS[codec])
        phone.stream = stream
        phone.events = opened
        stream.track_sid = f"TR_phone{number}"
        stream.apply(self.plan(phone, **plan))
        if room is not None:
            self.engine.join(room, stream)
        return phone

    def plan(self, phone: TablePhone, **changes: Any) -> MediaPlan:
        """The phone's plan with changes."""
        ip, port = phone.address
        codec = phone.codec
        plan = MediaPlan(
            remote=(ip, port),
            remote_rtcp=(ip, port + 1),
            codec=codec,
            receive={codec.payload_type: codec},
            dtmf_send=EVENT_TYPE,
            dtmf_receive=frozenset({EVENT_TYPE}),
        )
        return replace(plan, **changes)

    def tick(self, count: int = 1) -> None:
        """20 ms pass, `count` times."""
        for _ in range(count):
            self.clock.advance(0.02)
            self.engine.tick()

    def close(self) -> None:
        """End of the session."""
        for stream in list(self.engine.ports):
            stream.close()
        self._loop.close()
