"""The timer of every pump: machines say when they are due, and are called then.

Nothing is called early. What is due within `GRAIN` of the last waking waits for the end of it, so
that deadlines close together are met together; the first after a pause is met when it is due. A
machine that raises is in the log and keeps no other one from its deadlines; if it is still due, it
is called again, after `GRAIN` at the earliest.
"""

from __future__ import annotations

import asyncio
from math import inf

import structlog

from ..ports import Clock, Due

_log = structlog.get_logger("timers")

GRAIN = 0.01
"""Seconds between two wakings."""


class Alarm:
    """`ports.DeadlineTimer`. Call `arm` or `arm_for` after each input to one of the machines."""

    def __init__(self, clock: Clock, loop: asyncio.AbstractEventLoop, *machines: Due) -> None:
        self._clock = clock
        self._loop = loop
        self._machines = list(machines)
        self._deadlines = [machine.next_deadline for machine in machines]
        self._handle: asyncio.TimerHandle | None = None
        self._rung = 0.0
        self.at = inf
        """When it rings; inf while it is not set."""

    def add(self, machine: Due) -> None:
        """One more machine."""
        self._machines.append(machine)
        self._deadlines.append(machine.next_deadline)

    def arm(self) -> None:
        """Set the timer to the earliest deadline, if that is sooner than what it is set to."""
        deadline = inf
        for next_deadline in self._deadlines:  # after each input, so without a generator
            due = next_deadline()
            if due is not None and due < deadline:
                deadline = due
        if deadline >= self.at:
            return
        soonest = self._rung + GRAIN
        if deadline < soonest:
            deadline = soonest
            if deadline >= self.at:
                return
        if self._handle is not None:
            self._handle.cancel()
        self.at = deadline
        self._handle = self._loop.call_later(max(0.0, deadline - self._clock.now()), self._due)

    def arm_for(self, deadline: float | None) -> None:
        """As `arm`, after an input to one machine whose next deadline that is."""
        if deadline is not None and deadline < self.at:
            self.arm()

    def stop(self) -> None:
        """No more deadlines."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self.at = inf

    def _due(self) -> None:
        self._handle = None
        self.at = inf
        now = self._rung = self._clock.now()
        for machine in self._machines:
            deadline = machine.next_deadline()
            if deadline is not None and deadline <= now:
                try:
                    machine.handle_deadline(now)
                except Exception:  # noqa: BLE001  # the other machines have their deadlines too
                    _log.exception("internal_error", machine=type(machine).__name__)
        self.arm()
