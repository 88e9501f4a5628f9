"""Which of many things is due next: one deadline for each, that may move at any time."""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from math import inf
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

_SPARE = 64
"""Times without anything due that are kept before they are cleared out."""


class DeadlineQueue(Generic[Key]):
    """Deadlines in seconds of any clock that never goes back.

    A call moves its deadline with every message, mostly to a later time. So a thing stays where it
    is queued until that time comes, and is queued anew then; and what is due at one time is queued
    together, so that the heap holds times and not things.
    """

    __slots__ = ("_at", "_due", "_queued", "_times")

    def __init__(self) -> None:
        self._due: dict[Key, float] = {}
        self._queued: dict[Key, float] = {}
        """When each is looked at: never after it is due."""
        self._at: dict[float, list[Key]] = {}
        """Who is looked at when. Whose `_queued` says otherwise has gone or moved."""
        self._times: list[float] = []
        """A heap of the keys of `_at`."""

    def __len__(self) -> int:
        return len(self._due)

    def set(self, key: Key, due: float) -> None:
        """`key` is due then, and no more when it was due before."""
        self._due[key] = due
        queued = self._queued.get(key)
        if queued is None or due < queued:
            self._queue(key, due)
            # Not where `next` queues anew: it is walking through what would be cleared out.
            if len(self._times) > _SPARE + 4 * len(self._due):
                self._clear_out()

    def discard(self, key: Key) -> None:
        """`key` is not due any more."""
        self._due.pop(key, None)
        self._queued.pop(key, None)

    def nothing_before(self) -> float:
        """A time before which nothing is due: found at once, but maybe too early."""
        return self._times[0] if self._times else inf

    def next(self) -> float | None:
        """When the first is due; None: nothing is."""
        times = self._times
        while times:
            at = times[0]
            waiting = self._at[at]
            while waiting:
                key = waiting[-1]
                if self._holds(key, at):
                    return at
                waiting.pop()
            heapq.heappop(times)
            del self._at[at]
        return None

    def take(self, now: float) -> Key | None:
        """The next that is due by `now`, which is queued no more; None: nothing is due.
        Of several for one time the one that was set first."""
        at = self.next()
        if at is None or at > now:
            return None
        waiting = self._at[at]
        key = waiting.pop(0)
        while not self._holds(key, at):
            key = waiting.pop(0)  # `next` saw that there is another one
        del self._due[key], self._queued[key]
        return key

    def _holds(self, key: Key, at: float) -> bool:
        """Whether `key` is due at `at`, where it is queued; what is due later moves there."""
        if self._queued.get(key) != at:
            return False
        due = self._due[key]
        if due == at:
            return True
        self._queue(key, due)
        return False

    def _queue(self, key: Key, at: float) -> None:
        self._queued[key] = at
        waiting = self._at.get(at)
        if waiting is not None:
            waiting.append(key)
            return
        self._at[at] = [key]
        heapq.heappush(self._times, at)

    def _clear_out(self) -> None:
        """Leave the times that something waits for."""
        live = {
            at: [key for key in waiting if self._queued.get(key) == at]
            for at, waiting in self._at.items()
        }
        self._at = {at: waiting for at, waiting in live.items() if waiting}
        self._times[:] = self._at
        heapq.heapify(self._times)
