"""One timer for several machines: none is late, none is called early."""

from __future__ import annotations

import asyncio

from hookflash.adapters.clock import SystemClock
from hookflash.runtime.timers import Timers


class Machine:
    """Due at given offsets from the start."""

    def __init__(self, clock: SystemClock, offsets: list[float], done: asyncio.Event) -> None:
        self._clock = clock
        self.times = [clock.now() + offset for offset in offsets]
        self.called: list[float] = []
        self._done = done

    def next_deadline(self) -> float | None:
        return self.times[0] if self.times else None

    def handle_deadline(self, now: float) -> None:
        assert now >= self.times[0]
        self.called.append(self.times.pop(0))
        if not self.times:
            self._done.set()


def test_each_machine_is_called_at_each_of_its_deadlines() -> None:
    async def check() -> None:
        clock = SystemClock()
        done = [asyncio.Event(), asyncio.Event()]
        timers = Timers(clock, asyncio.get_running_loop())
        machines = [
            Machine(clock, [0.01, 0.03], done[0]),
            Machine(clock, [0.005, 0.02], done[1]),
        ]
        for machine in machines:
            timers.add(machine)
            timers.arm()
        async with asyncio.timeout(5):
            await asyncio.gather(*(event.wait() for event in done))
        assert [len(machine.called) for machine in machines] == [2, 2]

    asyncio.run(check())


def test_after_stop_nobody_is_called() -> None:
    async def check() -> None:
        clock = SystemClock()
        loop = asyncio.get_running_loop()
        timers = Timers(clock, loop)
        machine = Machine(clock, [0.0], asyncio.Event())
        timers.add(machine)
        timers.arm()
        timers.stop()
        later = asyncio.Event()
        loop.call_later(0.02, later.set)
        await later.wait()
        assert machine.called == []

    asyncio.run(check())
