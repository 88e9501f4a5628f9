"""What API requests with an id brought, whether they asked for a transfer or for a call: for 24
hours."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

REMEMBERED = 24 * 3600.0
"""Seconds for which a request id brings back what its first request got."""
MAX_REMEMBERED = 100_000

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


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
