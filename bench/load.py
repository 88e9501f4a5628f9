"""Figures of calls and transfers: latency, CPU per call, calls per second."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Self

from .caller import Call, Caller
from .exchange import Exchange, transfer_request
from .hooks import HookReceiver
from .report import Row, row

CLEAN_UP = 34.0
"""Seconds after a call until its last timer (64 × T1) has run."""


@dataclass(slots=True)
class Pair:
    """Two phones that meet in a room; the second is transferred, the first hangs up."""

    first: Call
    second: Call | None = None
    answered: int = 0
    open: int = 2


@dataclass(slots=True)
class Load:
    """Keeps `window` pairs going, one new as soon as one is over."""

    caller: Caller
    window: int
    transfers: bool = True
    started: int = 0
    done: int = 0
    failed: int = 0
    limit: int = 0
    stopping: bool = False
    ends: list[float] = field(default_factory=list)
    _pairs: dict[int, Pair] = field(default_factory=dict)

    @classmethod
    def on(cls, caller: Caller, window: int) -> Self:
        """A load whose callbacks are set."""
        load = cls(caller, window)
        caller.patient = True
        caller.on_answered = load._answered
        caller.on_refer = caller.accept
        caller.on_gone = load._gone
        return load

    def run(self, pairs: int, timeout: float = 120.0) -> None:
        """That many pairs more."""
        self.limit = self.started + pairs
        self._fill()
        self.caller.run_until(lambda: self.done >= self.limit, timeout)
        self.failed += self.limit - self.done
        self.failed += len(self.caller.errors)

    def grow(self, limit: int) -> None:
        """So many pairs since the start, those that are missing at once."""
        self.limit = limit
        self._fill()

    def _fill(self) -> None:
        while self.started < self.limit and self.started - self.done < self.window:
            self.started += 1
            called = f"+1510{self.started:07d}"
            pair = Pair(self.caller.invite(f"+1444{self.started:07d}", called))
            pair.second = self.caller.invite(f"+1555{self.started:07d}", called)
            self._pairs[pair.first.index] = self._pairs[pair.second.index] = pair

    def _answered(self, call: Call) -> None:
        pair = self._pairs[call.index]
        pair.answered += 1
        if pair.answered < 2 or pair.second is None:
            return
        second = pair.second
        request = transfer_request(f"r_{second.called}", f"sip_{second.caller}")
        self.caller.post(request, self._posted)

    def _posted(self, status: int) -> None:
        if status != 200:
            self.caller.errors.append(f"HTTP {status}")

    def _gone(self, call: Call) -> None:
        pair = self._pairs.pop(call.index)
        pair.open -= 1
        if pair.open:
            if call is pair.second:
                self.caller.hang_up(pair.first)
            return
        self.done += 1
        self.ends.append(time.monotonic())
        self._fill()


def cpu_per_call(*, webhook: bool) -> Row:
    """CPU of the server for a call."""
    with HookReceiver() if webhook else nullcontext() as hooks:
        url = hooks.url if hooks is not None else ""
        with Exchange(webhook=url) as exchange:
            caller = Caller(exchange.sip_port, exchange.http_port, connections=16)
            load = Load.on(caller, window=8)
            used = cpu_of_load(exchange, load)
            caller.close()
    name = "CPU per call set up, half of them transferred, ended"
    if webhook:
        return cpu_row(f"{name} (webhook receiver)", used, load, 5.5, None)
    return cpu_row(name, used, load, 3.0, 2.0)


def cpu_of_load(exchange: Exchange, load: Load, pairs: int = 500) -> list[float]:
    """Milliseconds of CPU that the server uses for a call, counted until everything about it is
    forgotten; three times, since the speed of a virtual machine changes within minutes."""
    load.run(50)
    time.sleep(CLEAN_UP)
    used = []
    for _ in range(3):
        before = exchange.cpu()
        load.run(pairs)
        time.sleep(CLEAN_UP)
        used.append((exchange.cpu() - before) * 1000 / (2 * pairs))
    return used


def cpu_row(
    name: str, used: Sequence[float], load: Load, least: float, aim: float | None = None
) -> Row:
    """The median of `cpu_of_load`, and all of it."""
    note = " (" + ", ".join(f"{each:.2f}" for each in used) + ")"
    if load.failed:
        note += f" ({load.failed} of {2 * load.started} failed)"
    median = statistics.median(used)
    return row(name, median, least, aim, unit=" ms", note=note, also=not load.failed)


def calls_per_core(seconds: float = 20.0) -> Row:
    """Calls per second by cores busy, in the steady state: while new calls come as fast as they
    are taken, the timers of those of half a minute ago run out."""
    with Exchange() as exchange:
        caller = Caller(exchange.sip_port, exchange.http_port, connections=32)
        load = Load.on(caller, window=16)
        load.grow(1 << 30)
        caller.pause(CLEAN_UP)
        done, before, start = load.done, exchange.cpu(), time.monotonic()
        caller.pause(seconds)
        calls = 2 * (load.done - done)
        used, passed = exchange.cpu() - before, time.monotonic() - start
        load.limit = load.started
        caller.run_until(lambda: load.done >= load.limit, 10)
        failed = load.limit - load.done + len(caller.errors)
        caller.close()
    return row(
        "calls per second divided by cores busy, none failed",
        calls / used,
        300,
        500,
        more=True,
        digits=0,
        note=f" ({calls / passed:.0f} calls/s, {failed} failed)",
        also=not failed,
    )


def refer_latency(count: int = 400) -> list[Row]:
    """From just before the HTTP request is sent to the REFER at the caller's socket."""
    with Exchange() as exchange:
        caller = Caller(exchange.sip_port, exchange.http_port, connections=1)
        caller.on_refer = caller.accept
        room, phone = "+15105550100", "+15105550001"
        answered: list[int] = []
        caller.invite("+15105550002", room)
        request = transfer_request(f"r_{room}", f"sip_{phone}")
        times = []
        for _ in range(count + 20):
            answered.clear()
            call = caller.invite(phone, room)
            caller.wait_answered(call)
            caller.pause(0.03)
            sent = time.monotonic()
            caller.post(request, answered.append)
            caller.wait_gone(call)
            caller.run_until(lambda: bool(answered), 5)
            assert answered == [200], answered
            times.append((call.refer_at - sent) * 1000)
        caller.close()
    times = sorted(times[20:])
    name = "API request → REFER on the wire, sequential"
    return [
        row(f"{name}, median", statistics.median(times), 2.4, 1.0, unit=" ms"),
        row(f"{name}, p99", times[int(len(times) * 0.99)], 10.0, unit=" ms"),
    ]


def answer_latency(count: int = 300) -> Row:
    """INVITE → 200 for the second caller of a room, to whom the first is a subscriber."""
    with Exchange() as exchange:
        caller = Caller(exchange.sip_port, exchange.http_port)
        times = []
        for number in range(count + 20):
            called = f"+1510{number:07d}"
            first = caller.invite(f"+1444{number:07d}", called)
            caller.pause(0.03)
            second = caller.invite(f"+1555{number:07d}", called)
            caller.wait_answered(first, second)
            times.append((second.answered_at - second.invited_at) * 1000)
            for call in (first, second):
                caller.hang_up(call)
            caller.wait_gone(first, second)
        caller.close()
    return row(
        "INVITE → 200, second caller of a room, median",
        statistics.median(times[20:]),
        4.5,
        2.0,
        unit=" ms",
    )
