"""One timer for several machines that say when they are due."""

from __future__ import annotations

import asyncio
from math import inf
from typing import Protocol

import structlog

from ..ports import Clock

_log = structlog.get_logger("timers")

GRAIN = 0.01
"""Seconds between two wakings: deadlines close together are met together."""


class Due(Protocol):
    """Anything with a deadline."""

    def next_deadline(self) -> float | None: ...

    def handle_deadline(self, now: float) -> None: ...


class Alarm:
    """Call `arm` after each input to one of the machines."""

    def __init__(self, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        self._clock = clock
        self._loop = loop
        self._machines: list[Due] = []
        self._handle: asyncio.TimerHandle | None = None
        self._at = 0.0
        self._rung = 0.0

    def add(self, machine: Due) -> None:
        """One more machine."""
        self._machines.append(machine)

    def arm(self) -> None:
        """Set the timer to the earliest deadline, if that is sooner than what it is set to."""
        deadline = inf
        for machine in self._machines:  # after each input, so without a generator
            due = machine.next_deadline()
            if due is not None and due < deadline:
                deadline = due
        if deadline == inf:
            return
        at = max(deadline, self._rung + GRAIN)
        if self._handle is not None:
            if self._at <= at:
                return
            self._handle.cancel()
        self._at = at
        self._handle = self._loop.call_later(max(0.0, at - self._clock.now()), self._due)

    def arm_for(self, deadline: float | None) -> None:
        """As `arm`, after an input to one machine whose next deadline that is."""
        if deadline is not None and (self._handle is None or deadline < self._at):
            self.arm()

    def stop(self) -> None:
        """No more deadlines."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _due(self) -> None:
        self._handle = None
        now = self._rung = self._clock.now()
        for machine in self._machines:
            deadline = machine.next_deadline()
            if deadline is not None and deadline <= now:
                try:
                    machine.handle_deadline(now)
                except Exception:  # noqa: BLE001  # the other machines have their deadlines too
                    _log.exception("internal_error", machine=type(machine).__name__)
        self.arm()
