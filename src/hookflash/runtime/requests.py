"""API requests, whether they ask for a transfer or for a call: what they wait for, and what those
with an id brought, for 24 hours."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Hashable
from typing import Any, Generic, TypeVar

from ..base.errors import ApiError

REMEMBERED = 24 * 3600.0
"""Seconds for which a request id brings back what its first request got."""
MAX_REMEMBERED = 100_000

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Outcome = TypeVar("Outcome")


def outcome() -> asyncio.Future[Any]:
    """A future whose exception may stay unheard: what was asked for goes on when the request that
    waits for it dies."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future


async def heard(waiting: Awaitable[Outcome]) -> Outcome:
    """What an `outcome` brings. A failure is raised as another of the same words: the future keeps
    the first, whose traceback would keep whoever waits, and with a transfer's all of its call."""
    try:
        return await waiting
    except ApiError as error:
        error.__traceback__ = None
        raise ApiError(error.code, error.msg, error.meta) from None


class IdempotencyCache(Generic[Key, Value]):
    """At most `MAX_REMEMBERED` values, in the order of their times, or nearly."""

    def __init__(self) -> None:
        self._values: OrderedDict[Key, tuple[Value, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def put(self, key: Key, value: Value, at: float) -> None:
        """Keep or replace a value; `at`: when it came about, in seconds since the epoch."""
        if at != self._values.get(key, (value, at))[1]:
            del self._values[key]  # it goes to the end
        self._values[key] = value, at
        if len(self._values) > MAX_REMEMBERED:
            self._values.popitem(last=False)

    def get(self, key: Key) -> Value | None:
        """None where nothing is known."""
        found = self._values.get(key)
        return found[0] if found is not None else None

    def forget(self, key: Key) -> None:
        """As if it had never come."""
        self._values.pop(key, None)

    def expire(self, now: float) -> None:
        """Forget what is older than 24 hours."""
        values = self._values
        while values and next(iter(values.values()))[1] < now - REMEMBERED:
            values.popitem(last=False)
