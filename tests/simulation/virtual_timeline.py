"""Virtual time for many machines: what is to happen when, and nothing waits."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from math import inf

from hookflash.base.light import light_dataclass

Action = Callable[[], None]


@light_dataclass(frozen=True, slots=True)
class Machine:
    """Something with a next deadline of its own, and what to do when it comes."""

    next_deadline: Callable[[], float | None]
    handle: Action


class VirtualTimeline:
    """A clock (`ports.Clock`) that jumps from one thing to the next.

    Things of one instant happen in the order in which they were put down, deadlines of machines
    after them and in the order of the machines.
    """

    def __init__(self, start: float = 1000.0) -> None:
        self._now = start
        self._heap: list[tuple[float, int, Action]] = []
        self._order = 0
        self._machines: list[Machine] = []

    def now(self) -> float:
        """Seconds."""
        return self._now

    def at(self, when: float, action: Action) -> None:
        """Do `action` at `when`, now at the earliest."""
        self._order += 1
        heapq.heappush(self._heap, (max(when, self._now), self._order, action))

    def after(self, seconds: float, action: Action) -> None:
        """Do `action` in so many seconds."""
        self.at(self._now + seconds, action)

    def watch(self, machine: Machine) -> None:
        """Call `machine` whenever it is due."""
        self._machines.append(machine)

    def run(self, until: float = inf) -> bool:
        """Go on until nothing is left to come (True), or to `until` (False)."""
        while True:
            when = self._heap[0][0] if self._heap else inf
            chosen: Machine | None = None
            for machine in self._machines:
                due = machine.next_deadline()
                if due is not None and due < when:
                    when, chosen = due, machine
            if when == inf:
                return True
            if when > until:
                self._now = max(self._now, until)
                return False
            self._now = max(self._now, when)
            if chosen is None:
                heapq.heappop(self._heap)[2]()
            else:
                chosen.handle()
