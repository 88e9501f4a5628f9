"""Garbage collection in the gaps between the ticks of the media clock.

What the start built is never looked at again (`gc.freeze`), and Python's own collector, which runs
whenever enough objects were made, in the middle of a tick if need be, is switched off. Instead a
small part of the objects is searched right after a tick, when the next is 20 ms away. Almost all of
ours go when nobody refers to them any more, so the old ones are searched rarely, and when nobody is
on the phone if there is such a time. And now and then what is free is given back to the system.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Final, Protocol

from . import allocator

YOUNG: Final = 2_000
"""Objects made, less those gone, before the young ones are searched: so few that they are in the
processor's caches still, where to search one takes a fraction of the time."""
OLD: Final = 60
"""Searches of the young before the old ones are searched: so garbage is some hundred thousand
objects, of connections that were open when the young were searched. Twice as many after
each that found next to nothing; this many again after one that found more. What Python has between
the two is not used: what a call leaves stays for half a minute, and would be looked at a second
time for nothing."""
MOST: Final = 8 * OLD
"""So many searches of the young at most, however little was found: a million objects."""
LOOK: Final = 1.0
"""Seconds between the looks while there are no ticks."""
QUIET: Final = 600.0
"""Seconds from one search of the old ones to the next, if nobody is on the phone then."""

GIVE_BACK: Final = 20.0
"""Seconds from one time that free memory is given back to the next, at least."""
SPARING: Final = 20_000
"""So many times as long as it took is waited as well: half a millisecond, mostly, but tens of them
where there are hundreds of megabytes in small pieces."""


class Collector(Protocol):
    """What is used of the module `gc`."""

    def collect(self, generation: int = 2) -> int: ...
    def get_count(self) -> tuple[int, int, int]: ...
    def freeze(self) -> None: ...
    def disable(self) -> None: ...


class GcSchedule:
    """The collector of the process. `now` is seconds of any clock that never goes back; `settle`
    prepares the allocator when the start is over, and returns what gives its free memory back."""

    def __init__(
        self,
        now: Callable[[], float],
        collector: Collector = gc,
        settle: Callable[[], Callable[[], object]] = allocator.settle,
    ) -> None:
        self._now = now
        self._collector = collector
        self._settle = settle
        self._give_back: Callable[[], object] = lambda: None
        self._give_back_at = 0.0
        self._searched = now()
        self._patience = OLD
        self._ticked = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """The start is over: what there is stays. From now on collect here, and only here."""
        self._collector.disable()
        self._collector.collect()
        self._collector.freeze()
        self._searched = self._now()
        self._give_back = self._settle()
        self._give_back_at = self._searched + GIVE_BACK
        self._timer = loop.call_later(LOOK, self._look, loop)

    def end(self) -> None:
        """No more looks; `ticked` still works."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def ticked(self) -> None:
        """A tick is done."""
        self._ticked = True
        self._search()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(LOOK, self._look, loop)
        if self._ticked:
            self._ticked = False
        elif self._collector.get_count()[1] and self._now() - self._searched >= QUIET:
            self._search_old()
        else:
            self._search()

    def _search(self) -> None:
        now = self._now()
        if now >= self._give_back_at:
            self._give_back()
            took = self._now() - now
            self._give_back_at = now + max(GIVE_BACK, SPARING * took)
            return
        young, searches, _ = self._collector.get_count()
        if young < YOUNG:
            return
        if searches < self._patience:
            self._collector.collect(0)
        else:
            self._search_old()

    def _search_old(self) -> None:
        self._searched = self._now()
        found = self._collector.collect(2)
        self._patience = OLD if found >= YOUNG else min(2 * self._patience, MOST)
