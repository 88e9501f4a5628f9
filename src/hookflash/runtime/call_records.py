"""What is written down of calls and transfers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from ..adapters.store.ops import (
    AddAudit,
    DeleteDialog,
    Prune,
    PutCall,
    PutDial,
    PutDialog,
    PutTransfer,
    StoreOp,
)
from ..adapters.store.store import Store
from ..base.errors import StoreError
from ..base.idempotency import REMEMBERED
from ..calls.records import (
    CallRecord,
    DialogRecord,
    DialRecord,
    R,
    TransferRecord,
    in_world_time,
)
from ..ports import WorldClock
from ..sip.trace import Trace

_log = structlog.get_logger("transfers")


class CallRecords:
    """Nothing here waits for the disk but what must be stored before a REFER or an INVITE of ours
    goes out. What is stored has the world's time."""

    def __init__(self, store: Store, clock: WorldClock) -> None:
        self._store = store
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._messages_since = 0.0

    async def stop(self) -> None:
        """Wait for what is being stored."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _told(self, record: R) -> R:
        return in_world_time(record, self._clock.shift())

    # --- calls ----------------------------------------------------------------------------------

    def dialog(self, record: DialogRecord, call: CallRecord) -> None:
        """A confirmed dialog, or its new target, and its call as it is: what a restart hangs up
        and reports as ended."""
        self._store.write_soon(PutDialog(record), PutCall(self._told(call)))

    def forget_dialog(self, call_id: str) -> None:
        """Nothing to hang up after a crash."""
        self._store.write_soon(DeleteDialog(call_id))

    def call_ended(self, record: CallRecord, messages: Trace | None) -> None:
        """One line of the call history, and the SIP messages of the call where they are kept. Most
        calls are finished as soon as they end: then the two are one write."""
        shift = self._clock.shift()
        self._store.write_soon(PutCall(in_world_time(record, shift), messages, shift))

    def call_asked_for(self, api_key: str, call_id: str, what: str) -> None:
        """A client has a call placed: a line in the audit."""
        self._store.write_soon(AddAudit(self._clock.world(), api_key, "call", call_id, what))

    def prune(
        self, transfers_keep: float, calls_keep: float, audit_keep: float, messages_keep: float
    ) -> None:
        """Forget what is older than it is to be kept; the messages of a call go with it."""
        now = self._clock.world()
        messages_before = now - min(messages_keep, calls_keep)
        self._store.write_soon(
            Prune(
                now - transfers_keep,
                now - calls_keep,
                now - audit_keep,
                now - REMEMBERED,
                messages_before,
                self._messages_since,
            )
        )
        self._messages_since = messages_before

    def dial(self, record: DialRecord) -> None:
        """A request for a call of ours as it is now."""
        self._store.write_soon(PutDial(self._told(record)))

    def dial_then(
        self, record: DialRecord, stored: Callable[[], None], failed: Callable[[], None]
    ) -> None:
        """Store it, then go on: an INVITE never goes out for a request that a crash would lose,
        for its repetition would dial again."""
        ops = (PutDial(self._told(record)),)
        self._then(ops, stored, failed, "call_not_stored", call_id=record.call_id)

    # --- transfers ------------------------------------------------------------------------------

    def transfer(self, record: TransferRecord) -> None:
        """A transfer as it is now."""
        self._store.write_soon(PutTransfer(self._told(record)))

    def transfer_then(
        self, record: TransferRecord, stored: Callable[[], None], failed: Callable[[], None]
    ) -> None:
        """Store it, with its line in the audit, then go on: a REFER is never sent for a transfer
        that a crash would lose."""
        event, transfer_id = "transfer_not_stored", record.transfer_id
        record = self._told(record)
        what = f"{record.room}/{record.identity} to {record.target}"
        line = AddAudit(record.created_at, record.api_key, "transfer", transfer_id, what)
        ops = (PutTransfer(record), line)
        self._then(ops, stored, failed, event, transfer_id=transfer_id)

    async def stored(self) -> None:
        """Wait until everything written so far is safe, or could not be made so."""
        with suppress(StoreError):
            await self._store.write()

    def once_stored(self, go_on: Callable[[], None]) -> None:
        """Go on when everything written so far is safe, or could not be made so."""
        self._then((), go_on, go_on, "not_stored")

    def _then(
        self,
        ops: tuple[StoreOp, ...],
        stored: Callable[[], None],
        failed: Callable[[], None],
        event: str,
        **what: str,
    ) -> None:
        written = self._store.write(*ops)  # before anything that the next event may tell of it

        async def write() -> None:
            try:
                await written
            except Exception as error:  # noqa: BLE001  # whatever it is, somebody waits for this
                trace = None if isinstance(error, StoreError) else error
                _log.error(event, why=str(error), exc_info=trace, **what)
                failed()
            else:
                stored()

        task = asyncio.get_running_loop().create_task(write())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
