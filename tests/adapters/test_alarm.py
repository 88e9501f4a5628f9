"""One timer for several machines: none is late, none is called early."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast
from unittest.mock import Mock

import pytest
from structlog.testing import capture_logs

from hookflash.adapters.alarm import GRAIN, Alarm
from hookflash.adapters.clock import SystemClock
from hookflash.ports import Clock


class Machine:
    """Due at given offsets from the start."""

    def __init__(self, clock: Clock, offsets: list[float], done: asyncio.Event) -> None:
        self._clock = clock
        self.times = [clock.now() + offset for offset in offsets]
        self.called: list[float] = []
        self._done = done

    def next_deadline(self) -> float | None:
        return self.times[0] if self.times else None

    def handle_deadline(self, now: float) -> None:
        assert now >= self.times[0]
        while self.times and self.times[0] <= now:
            self.called.append(self.times.pop(0))
        if not self.times:
            self._done.set()


def test_each_machine_is_called_at_each_of_its_deadlines() -> None:
    async def check() -> None:
        clock = SystemClock()
        done = [asyncio.Event(), asyncio.Event()]
        timers = Alarm(clock, asyncio.get_running_loop())
        alarm = [
            Machine(clock, [0.01, 0.03], done[0]),
            Machine(clock, [0.005, 0.02], done[1]),
        ]
        for machine in alarm:
            timers.add(machine)
            timers.arm()
        async with asyncio.timeout(5):
            await asyncio.gather(*(event.wait() for event in done))
        assert [len(machine.called) for machine in alarm] == [2, 2]

    asyncio.run(check())


def test_after_stop_nobody_is_called() -> None:
    async def check() -> None:
        clock = SystemClock()
        loop = asyncio.get_running_loop()
        timers = Alarm(clock, loop)
        machine = Machine(clock, [0.0], asyncio.Event())
        timers.add(machine)
        timers.arm()
        timers.stop()
        later = asyncio.Event()
        loop.call_later(0.02, later.set)
        await later.wait()
        assert machine.called == []

    asyncio.run(check())


class StillLoop:
    """Remembers what it is to call; time stands still until the test moves it."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def now(self) -> float:
        return self.time

    def call_later(self, delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        self.waiting = [(self.time + delay, callback)]
        return Mock(spec=asyncio.TimerHandle)

    def run(self) -> int:
        """Until nothing is waited for: how often it was woken."""
        count = 0
        while self.waiting:
            self.time, callback = self.waiting.pop()
            callback()
            count += 1
        return count


def test_deadlines_close_together_are_met_together_and_none_early() -> None:
    loop = StillLoop()
    timers = Alarm(loop, cast(asyncio.AbstractEventLoop, loop))
    offsets = [5.0 + 0.0005 * number for number in range(100)]
    machine = Machine(loop, offsets, asyncio.Event())
    timers.add(machine)
    timers.arm()
    assert loop.waiting[0][0] == pytest.approx(1005.0)  # the first is not made to wait
    woken = loop.run()
    assert len(machine.called) == 100
    assert woken <= 0.05 / GRAIN + 2


def test_a_machine_that_fails_costs_the_others_nothing() -> None:
    async def check() -> None:
        clock = SystemClock()
        done = asyncio.Event()
        timers = Alarm(clock, asyncio.get_running_loop())
        broken = Machine(clock, [0.01], asyncio.Event())
        failing = Mock(next_deadline=broken.next_deadline)

        def fails(_now: float) -> None:
            broken.times.clear()
            raise KeyError("a mistake")

        failing.handle_deadline = fails
        other = Machine(clock, [0.01, 0.03], done)
        timers.add(failing)
        timers.add(other)
        with capture_logs() as logs:
            timers.arm()
            async with asyncio.timeout(5):
                await done.wait()
        assert [line["event"] for line in logs] == ["internal_error"]

    asyncio.run(check())
