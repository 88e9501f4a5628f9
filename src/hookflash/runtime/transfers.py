"""Waiting API requests, and the memory of earlier ones (transfer.md §2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from ..base.idempotency import IdempotencyCache
from ..calls.effects import TransferAnswered
from ..calls.records import TransferRecord
from ..calls.transfers.answers import failure, other_target
from ..sip.refer import ReferTarget, parse_target
from .requests import outcome

RequestKey = tuple[str, str, str, str]
"""(API key, request id, room, identity): a caller that was transferred is no longer in its room,
so that its call could not be looked up again."""


class TransferRegistry:
    """Tickets of waiting requests, and the transfers of the last 24 h by their request ids."""

    def __init__(self) -> None:
        self._tickets: dict[int, tuple[asyncio.Future[TransferRecord], RequestKey]] = {}
        self._next = 0
        self._answers: IdempotencyCache[RequestKey, str] = IdempotencyCache()
        """Which transfer a request made or joined."""
        self._records: IdempotencyCache[str, TransferRecord] = IdempotencyCache()

    def open(self, key: RequestKey) -> tuple[int, asyncio.Future[TransferRecord]]:
        """A ticket, and the future that its verdict comes to."""
        self._next += 1
        future: asyncio.Future[TransferRecord] = outcome()
        self._tickets[self._next] = (future, key)
        return self._next, future

    def answered(
        self, effect: TransferAnswered, once_stored: Callable[[Callable[[], None]], None]
    ) -> None:
        """The transferor resolved a ticket; a request that joined a transfer is remembered too.
        What a repeated request would be told again is told when a crash would not lose it any more
        (`once_stored`)."""
        future, key = self._tickets.pop(effect.ticket, (None, None))
        if future is None or key is None:
            return
        record = effect.record
        if record is not None:
            self._remember(key, record)

        def tell() -> None:
            if future.done():
                return
            if effect.error is not None:
                future.set_exception(effect.error)
            else:
                assert record is not None  # one of both is there
                future.set_result(record)

        if record is not None and record.verdict is not None and key[1]:
            once_stored(tell)
        else:
            tell()

    def changed(self, record: TransferRecord) -> None:
        """A transfer was made or changed. One that no request with an id asked for is not kept."""
        if self._records.get(record.transfer_id) is None:
            self._remember(_key(record), record)
        else:  # a late outcome of an old one takes no id from a newer one
            self._records.put(record.transfer_id, record, record.created_at)

    def load(self, records: Iterable[TransferRecord]) -> None:
        """Transfers of an earlier run, oldest first."""
        for record in records:
            self.changed(record)

    def expire(self, now: float) -> None:
        """Forget what is older than 24 hours."""
        self._records.expire(now)
        self._answers.expire(now)

    def recall(
        self, now: float, key: RequestKey, target: ReferTarget, call_id: str = ""
    ) -> TransferRecord | None:
        """The transfer of an earlier request with this key; without a verdict where it is pending.

        `call_id`: the participant's call now, "" where it has left. A caller who left and called
        again is in another call, and no earlier request meant that one.
        Raises ApiError with the earlier failure, or where that request had another target.
        """
        if not key[1]:
            return None
        self.expire(now)
        record = self._records.get(self._answers.get(key) or "")
        if record is None or (call_id and record.call_id != call_id):
            return None
        if not _asks_for(record, target):
            raise other_target()
        error = failure(record)
        if error is not None:
            raise error
        return record

    def _remember(self, key: RequestKey, record: TransferRecord) -> None:
        if key[1]:
            self._records.put(record.transfer_id, record, record.created_at)
            self._answers.put(key, record.transfer_id, record.created_at)

    @property
    def waiting(self) -> int:
        """Requests without an answer."""
        return len(self._tickets)


def _asks_for(record: TransferRecord, target: ReferTarget) -> bool:
    """Whether the record is of this target: as it was sent or, since nobody knows the provider of
    a caller who has left, as it was asked for."""
    if target.refer_to == record.refer_to:
        return True
    return bool(record.provider) and target == parse_target(record.target)


def _key(record: TransferRecord) -> RequestKey:
    return record.api_key, record.request_id, record.room, record.identity
