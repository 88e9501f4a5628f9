"""Looks up the host names that trunks name, so that the match knows where they are."""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

from ..adapters.alarm import Alarm
from ..calls.trunks.named_hosts import NamedHosts
from ..calls.trunks.table import host_of
from ..ports import Clock

_log = structlog.get_logger("trunks")

AT_ONCE = 8
"""Names that are looked up at a time."""
WITHIN = 30.0
"""Seconds for one name with all its questions."""
AT_START = 2.0
"""Seconds that the start waits for the names of stored trunks: whoever calls before is refused."""


class PeerResolver(Protocol):
    """`adapters.dns.Resolver`, as far as it is needed here."""

    async def peer(self, name: str) -> tuple[list[str], bool]:
        """IP literals, and whether every question had an answer."""
        ...


class TrunkHosts:
    """Keeps `hosts` up to date, beside everything else: no call waits for a name server."""

    def __init__(self, hosts: NamedHosts, resolver: PeerResolver, clock: Clock) -> None:
        self._hosts = hosts
        self._resolver = resolver
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._alarm = Alarm(clock, self._loop, self)

    async def start(self) -> None:
        """Begin; soon, with what is known by then."""
        self._hosts.changed = self._alarm.arm
        self.handle_deadline(self._clock.now())
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=AT_START)
        self._alarm.arm()

    async def stop(self) -> None:
        """End all look-ups."""
        self._alarm.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def next_deadline(self) -> float | None:
        """`ports.Due`: while all hands are full, nothing is due."""
        return self._hosts.next_due() if len(self._tasks) < AT_ONCE else None

    def handle_deadline(self, now: float) -> None:
        """`ports.Due`: look up what is due."""
        for name in self._hosts.due(now, AT_ONCE - len(self._tasks)):
            task = self._loop.create_task(self._look_up(name))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self._alarm.arm()

    async def _look_up(self, name: str) -> None:
        found: list[str] = []
        complete = False
        try:
            async with asyncio.timeout(WITHIN):
                found, complete = await self._resolver.peer(host_of(name))
        except Exception as error:  # noqa: BLE001  # whatever a name server sends
            _log.warning("trunk_host_failed", name=name, error=type(error).__name__)
        if not found:
            _log.warning("trunk_host_unknown", name=name)
        self._hosts.answered(self._clock.now(), name, found, complete)
