"""A network between two hosts that loses, doubles, delays and reorders: in virtual time, by seed.

Datagrams suffer all of it, a stream only delay. Everything that was sent is kept with what became
of it, for reading afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from hookflash.base.light import light_dataclass
from hookflash.sip.flow import Flow

from .virtual_timeline import VirtualTimeline

Receive = Callable[[bytes, Flow], None]
Failed = Callable[[Flow], None]


@light_dataclass(frozen=True, slots=True)
class Conditions:
    """One direction of the way. Shares are 0 to 1, times in seconds."""

    loss: float = 0.0
    duplication: float = 0.0
    delay: tuple[float, float] = (0.005, 0.02)
    straggling: float = 0.0
    """Share of datagrams that take `straggle` seconds more, so that others overtake them."""
    straggle: tuple[float, float] = (0.05, 0.4)


@dataclass(slots=True)
class SentDatagram:
    """Something that was sent, and when each copy arrives; none: it was lost."""

    at: float
    source: str
    """IP of the sender."""
    data: bytes
    arrivals: list[float] = field(default_factory=list)


@light_dataclass(frozen=True, slots=True)
class Delivery:
    """One arrival."""

    at: float
    to: str
    """IP of the receiver."""
    data: bytes


class Host:
    """What the network calls at one end."""

    def __init__(self, receive: Receive, failed: Failed) -> None:
        self.receive = receive
        self.failed = failed


class Network:
    """`hosts` and the `conditions` of the way to them, both by IP address."""

    def __init__(
        self, timeline: VirtualTimeline, random: Random, conditions: dict[str, Conditions]
    ) -> None:
        self._timeline = timeline
        self._random = random
        self._conditions = conditions
        self._hosts: dict[str, Host] = {}
        self._last: dict[tuple[str, int], float] = {}
        self._connections = 0
        self._open: dict[int, Flow] = {}
        self.refusing: set[str] = set()
        """Hosts that take no connection any more."""
        self.sent: list[SentDatagram] = []
        self.delivered: list[Delivery] = []

    def attach(self, ip: str, host: Host) -> None:
        """Deliver to `host` what is sent to `ip`."""
        self._hosts[ip] = host

    def connect(self, flow: Flow) -> Flow:
        """`flow` with the number of a new connection; streams are sent by one."""
        self._connections += 1
        numbered = replace(flow, connection=self._connections)
        self._open[self._connections] = numbered
        return numbered

    def is_open(self, flow: Flow) -> bool:
        """True for datagrams, and for a connection that was not cut."""
        return not flow.reliable or flow.connection in self._open

    def cut(self, ip: str) -> None:
        """Every connection dies, which both ends are told, and `ip` takes no new one."""
        self.refusing.add(ip)
        dead = list(self._open.values())
        self._open.clear()
        for flow in dead:
            for end in (flow, Flow(flow.transport, flow.remote, flow.local, flow.connection)):
                self._hosts[end.local[0]].failed(end)

    def send(self, data: bytes, flow: Flow) -> None:
        """Send by `flow`, as the sender sees it."""
        now = self._timeline.now()
        entry = SentDatagram(now, flow.local[0], data)
        self.sent.append(entry)
        to = flow.remote[0]
        way = self._conditions[to]
        if flow.reliable:
            self._stream(now, entry, flow, way)
            return
        random = self._random
        copies = 1 if random.random() >= way.loss else 0
        if copies and random.random() < way.duplication:
            copies = 2
        for _ in range(copies):
            delay = random.uniform(*way.delay)
            if random.random() < way.straggling:
                delay += random.uniform(*way.straggle)
            self._arrive(now + delay, entry, Flow(flow.transport, flow.remote, flow.local))

    def _stream(self, now: float, entry: SentDatagram, flow: Flow, way: Conditions) -> None:
        to, connection = flow.remote[0], flow.connection
        delay = self._random.uniform(*way.delay)
        if connection == 0 and to not in self.refusing:
            connection = self.connect(flow).connection
        if connection not in self._open:
            self._timeline.at(now + delay, lambda: self._hosts[flow.local[0]].failed(flow))
            return
        arrival = max(now + delay, self._last.get((to, connection), 0.0))
        self._last[to, connection] = arrival
        self._arrive(arrival, entry, Flow(flow.transport, flow.remote, flow.local, connection))

    def _arrive(self, when: float, entry: SentDatagram, flow: Flow) -> None:
        entry.arrivals.append(when)

        def arrive() -> None:
            to = flow.local[0]
            self.delivered.append(Delivery(self._timeline.now(), to, entry.data))
            self._hosts[to].receive(entry.data, flow)

        self._timeline.at(when, arrive)
