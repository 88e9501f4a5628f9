"""How long records and answers to requests are kept: once an hour what is older is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from ..ports import Clock
from .call_records import CallRecords
from .dials import DialRegistry
from .transfers import TransferRegistry

PRUNE_EVERY: Final = 3600.0


class Retention:
    """Owns the one task that forgets. The settings are in seconds."""

    def __init__(
        self,
        call_records: CallRecords,
        clock: Clock,
        registries: Sequence[TransferRegistry | DialRegistry],
        *,
        transfers: float,
        calls: float,
        audit: float,
        messages: float,
    ) -> None:
        self._call_records = call_records
        self._clock = clock
        self._registries = registries
        self._keep = (transfers, calls, audit, messages)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Forget what is old now, and again every hour."""
        self._task = asyncio.get_running_loop().create_task(self._prune())

    async def _prune(self) -> None:
        while True:
            self._call_records.prune(*self._keep)
            for registry in self._registries:  # though nobody asks them
                registry.expire(self._clock.now())
            await asyncio.sleep(PRUNE_EVERY)

    async def stop(self) -> None:
        """Forget no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
