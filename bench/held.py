"""Figures of held calls: media CPU, loss and memory, with the whole server and real calls."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .caller import Call, Caller
from .exchange import Exchange
from .media import Phones
from .report import Row, row

SECONDS = 12.0
ENOUGH = 0.98


@dataclass(frozen=True, slots=True)
class Held:
    """What a number of held calls cost."""

    calls: int
    percent: float
    """Of one core, per call."""
    lost: float
    """Percent of the packets that phones should have heard."""
    resident_kb: int
    load: float
    """What the phones sent and heard of what they should; on a busy machine they fall behind."""

    @property
    def note(self) -> str:
        """For the table."""
        behind = f", only {self.load:.0%} of the load" if self.load < ENOUGH else ""
        return f" ({self.lost:.3f} % lost{behind})"

    @property
    def good(self) -> bool:
        """Whether hardly anything was lost, and the load was what it should be."""
        return self.lost <= 0.1 and self.load >= ENOUGH


class Holder:
    """Phones in rooms of `size`; `grow` adds calls, `measure` sends audio through them."""

    def __init__(self, exchange: Exchange, size: int) -> None:
        self._exchange = exchange
        self._size = size
        self._caller = Caller(exchange.sip_port, exchange.http_port)
        self._calls: list[Call] = []
        self._phones = Phones(0)

    def close(self) -> None:
        """Hang up."""
        for call in list(self._calls):
            self._caller.hang_up(call)
        self._caller.wait_gone(*self._calls)
        self._caller.close()

    def measure(self, count: int, seconds: float = SECONDS) -> Held:
        """Set up calls until there are `count`, each phone speaking 50 packets a second."""
        phones = Phones(count - len(self._calls))
        new: list[Call] = []
        for port in phones.ports:
            number = len(self._calls)
            called = f"+1510{number // self._size:07d}"
            call = self._caller.invite(f"+1444{number:07d}", called, port)
            self._calls.append(call)
            new.append(call)
            if len(self._calls) % self._size == 0:
                self._caller.wait_answered(*self._calls[-self._size :])
        phones.connect([call.remote_port for call in new])
        self._phones = self._phones.joined(phones)
        self._phones.run(3)
        self._phones.forget()
        before, start = self._exchange.cpu(), time.monotonic()
        self._phones.run(seconds)
        used, passed = self._exchange.cpu() - before, time.monotonic() - start
        lost, expected = self._phones.lost()
        return Held(
            count,
            100 * used / passed / count,
            100 * lost / max(1, expected),
            self._exchange.resident_kb(),
            min(self._phones.sent, expected) / (count * 50 * seconds),
        )


def relayed() -> list[Row]:
    """400 calls in pairs, after 100 of the same server."""
    with Exchange() as exchange:
        warm = Holder(exchange, 2)
        warm.measure(20)
        warm.close()
        holder = Holder(exchange, 2)
        few, many = holder.measure(100), holder.measure(400)
        holder.close()
    memory = (many.resident_kb - few.resident_kb) / (many.calls - few.calls)
    return [
        row(
            "held G.711 calls, relayed in pairs, 400: % of a core per call",
            many.percent,
            0.15,
            0.08,
            unit=" %",
            digits=3,
            note=many.note,
            also=many.good,
        ),
        row("resident memory per held call", memory, 150, 60, unit=" kB", digits=0),
        row("media CPU per held call at 400 / at 100", many.percent / few.percent, 1.2),
        row(
            "calls that one core would hold",
            100 / many.percent,
            100 / 0.15,
            1000,
            more=True,
            digits=0,
        ),
    ]


def mixed() -> Row:
    """399 calls, three in a room."""
    with Exchange() as exchange:
        holder = Holder(exchange, 3)
        held = holder.measure(399)
        holder.close()
    return row(
        "the same, three phones in a room, mixed",
        held.percent,
        0.3,
        0.15,
        unit=" %",
        digits=3,
        note=held.note,
        also=held.good,
    )
