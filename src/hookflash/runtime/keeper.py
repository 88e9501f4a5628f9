"""The life of the process: taking no more calls, letting the running ones end, forgetting."""

from __future__ import annotations

import asyncio

import structlog

from ..calls.admission import Load
from ..calls.switchboard import Switchboard
from ..ports import Clock
from .call_records import CallRecords
from .host import CallHost

_log = structlog.get_logger("server")

PRUNE_EVERY = 3600.0
LAST_BYE = 2.0
"""Seconds that the last BYEs get to be answered."""
POLL = 0.05


class Keeper:
    """Owns the housekeeping task."""

    def __init__(
        self,
        host: CallHost,
        board: Switchboard,
        load: Load,
        call_records: CallRecords,
        clock: Clock,
        *,
        transfers_keep: float,
        calls_keep: float,
        audit_keep: float,
    ) -> None:
        self._host = host
        self._board = board
        self._load = load
        self._clock = clock
        self._call_records = call_records
        self._keep = (transfers_keep, calls_keep, audit_keep)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to forget old records, once an hour."""
        self._task = asyncio.get_running_loop().create_task(self._prune())

    async def _prune(self) -> None:
        while True:
            self._call_records.prune(*self._keep)
            await asyncio.sleep(PRUNE_EVERY)

    async def drain(self, seconds: float) -> None:
        """503 to new calls; at the end of `seconds`, or earlier when all are gone, BYE to each
        and *interrupted* to each open transfer (calls.md §5)."""
        host = self._host
        self._load.stopping = True
        self._board.stopping = True
        up = sum(not call.ended for call in host.calls.values())
        _log.info("draining", calls=up, seconds=seconds)
        await self._wait_for_calls(seconds)
        for call in list(host.calls.values()):
            host.drive(call, call.leg.shutdown)
        await self._wait_for_calls(LAST_BYE)

    async def _wait_for_calls(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        end = loop.time() + seconds

        def look() -> None:
            if not self._busy() or loop.time() >= end:
                done.set()
            else:
                loop.call_later(POLL, look)

        look()
        await done.wait()

    def _busy(self) -> bool:
        """Whether a call is up, or a request of ours has no answer."""
        live = any(not call.ended for call in self._host.calls.values())
        return live or self._board.endpoint.unanswered() > 0

    async def stop(self) -> None:
        """End the housekeeping."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
