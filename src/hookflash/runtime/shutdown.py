"""The end of the process: no more calls are taken, the running ones end, then all are hung up."""

from __future__ import annotations

import asyncio

import structlog

from ..calls.admission import Load
from ..calls.switchboard import Switchboard
from ..exchange.host import CallHost

_log = structlog.get_logger("server")

LAST_BYE = 2.0
"""Seconds that the last BYEs get to be answered."""
POLL = 0.05


class Shutdown:
    """calls.md §5, SIGTERM."""

    def __init__(self, host: CallHost, board: Switchboard, load: Load) -> None:
        self._host = host
        self._board = board
        self._load = load

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
        for call in host.calls.values():  # those for which late messages are still waited for
            if call.trace is not None:
                host.parts.call_records.call_ended(call.record, call.trace.taken())

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
