"""Changes of trunks and rules: in memory at once, then stored with a line in the audit.

Between the conflict check and the insert nothing waits, so of many clients that create
conflicting trunks at once one wins. Two changes of one object wait for each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from weakref import WeakValueDictionary

import structlog
from google.protobuf.timestamp_pb2 import Timestamp
from livekit.protocol.sip import SIPDispatchRuleInfo, SIPInboundTrunkInfo, SIPOutboundTrunkInfo

from ..adapters.store.ops import AddAudit, StoreOp
from ..adapters.store.store import Store
from ..base.errors import ApiError, StoreError
from ..base.ids import Ids
from ..calls.trunks.indexed_table import Change, IndexedTable, Shelved
from ..calls.trunks.table import TrunkTable
from .context import Context

Entry = TypeVar("Entry", bound=Shelved)
Info = SIPInboundTrunkInfo | SIPOutboundTrunkInfo | SIPDispatchRuleInfo

_log = structlog.get_logger("api")


class Provisioning:
    """The book, the store and the ids, for those who change trunks and rules."""

    def __init__(self, trunks: TrunkTable, store: Store, ids: Ids) -> None:
        self.trunks = trunks
        self._store = store
        self._ids = ids
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def new_id(self, prefix: str, taken: Callable[[str], bool]) -> str:
        """An id that nothing has."""
        while taken(ident := self._ids.new(prefix)):
            pass
        return ident

    @asynccontextmanager
    async def changing(self, ident: str) -> AsyncIterator[None]:
        """Hold this object while reading it, changing it and storing the change."""
        lock = self._locks.get(ident)
        if lock is None:
            lock = self._locks[ident] = asyncio.Lock()
        async with lock:
            yield

    async def store(
        self,
        context: Context,
        table: IndexedTable[Entry],
        change: Change[Entry],
        op: StoreOp,
        action: str,
        name: str,
    ) -> None:
        """Make `change` last, or take it back. `action` and `name` are for the audit.

        Raises:
            ApiError: internal; the database refused, and all is as it was.
        """
        key = context.claims.api_key if context.claims is not None else ""
        try:
            await self._store.write(op, AddAudit(context.at, key, action, change.ident, name))
        except StoreError as error:
            table.undo(change)
            _log.error("change_not_stored", action=action, id=change.ident, why=str(error))
            raise ApiError("internal", "the change could not be stored") from error
        table.settle(change)


def stamp_new(info: Info, now: float) -> None:
    """Both times of a new trunk or rule."""
    _set(info.created_at, now)
    _set(info.updated_at, now)


def stamp_change(info: Info, former: Info, now: float) -> None:
    """Created when the former was, updated now."""
    info.created_at.CopyFrom(former.created_at)
    _set(info.updated_at, now)


def _set(stamp: Timestamp, now: float) -> None:
    stamp.seconds, milliseconds = divmod(int(now * 1000), 1000)
    stamp.nanos = milliseconds * 1_000_000
