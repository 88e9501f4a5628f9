"""When garbage is looked for, and how much of it at a time."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

from hookflash.adapters.gc_schedule import (
    GIVE_BACK,
    LOOK,
    MOST,
    OLD,
    QUIET,
    SPARING,
    YOUNG,
    GcSchedule,
)


class FakeMemory:
    """Counts as Python's collector does: each search counts for the generation above it."""

    def __init__(self) -> None:
        self.counts = [0, 0, 0]
        self.done: list[str | int] = []
        self.found = 0

    def collect(self, generation: int = 2) -> int:
        self.done.append(generation)
        if generation < 2:
            self.counts[generation + 1] += 1
        self.counts[: generation + 1] = [0] * (generation + 1)
        return self.found if generation == 2 else 0

    def get_count(self) -> tuple[int, int, int]:
        young, middle, old = self.counts
        return young, middle, old

    def freeze(self) -> None:
        self.done.append("freeze")

    def disable(self) -> None:
        self.done.append("disable")


class Table:
    """A sweeper with its clock and its loop in our hands; the loop is never run."""

    def __init__(self) -> None:
        self.time = 100.0
        self.takes = 0.0
        """Seconds that it takes to give back."""
        self.collector = FakeMemory()
        self.loop = asyncio.new_event_loop()
        self.gc_schedule = GcSchedule(lambda: self.time, self.collector, self._settle)
        self.gc_schedule.begin(self.loop)
        self.collector.done.clear()

    def _settle(self) -> Callable[[], object]:
        self.collector.done.append("settle")
        return self._give_back

    def _give_back(self) -> None:
        self.collector.done.append("give back")
        self.time += self.takes

    def look(self) -> None:
        self.gc_schedule._look(self.loop)

    def make(self, objects: int = YOUNG) -> None:
        self.collector.counts[0] += objects

    def close(self) -> None:
        self.gc_schedule.end()
        self.loop.close()


def test_the_start_is_searched_once_and_never_again() -> None:
    collector, loop = FakeMemory(), asyncio.new_event_loop()
    gc_schedule = GcSchedule(lambda: 0.0, collector)
    gc_schedule.begin(loop)
    assert collector.done == ["disable", 2, "freeze"]
    gc_schedule.end()
    gc_schedule.end()
    loop.close()


def test_a_tick_searches_only_when_there_is_enough_and_in_small_steps() -> None:
    table = Table()
    table.make(YOUNG - 1)
    table.gc_schedule.ticked()
    assert table.collector.done == []
    for _ in range(5):
        table.make()
        table.gc_schedule.ticked()
    assert table.collector.done == [0] * 5
    table.close()


def test_what_is_free_is_given_back_now_and_then() -> None:
    """Behind a tick where there are ticks, and in place of a search."""
    table = Table()
    table.time += GIVE_BACK - 1
    table.look()
    assert table.collector.done == []
    table.time += 1
    table.look()
    table.make()
    table.look()
    assert table.collector.done == ["give back", 0]
    table.time += GIVE_BACK
    table.make()
    table.gc_schedule.ticked()
    table.gc_schedule.ticked()
    assert table.collector.done == ["give back", 0, "give back", 0]
    table.close()


def test_where_that_takes_long_it_is_done_rarely() -> None:
    table = Table()
    table.takes = 0.04
    for wait in (GIVE_BACK, 0.04 * SPARING):
        table.time += wait - 1
        table.look()
        done = len(table.collector.done)
        table.time += 1
        table.look()
        assert table.collector.done[done:] == ["give back"]
    table.close()


def test_the_old_wait_for_a_quiet_time() -> None:
    table = Table()

    def busy() -> None:
        table.make()
        table.gc_schedule.ticked()

    busy()
    table.time += QUIET
    busy()
    assert 2 not in table.collector.done
    table.look()  # there were ticks until now
    assert 2 not in table.collector.done
    table.look()  # there were none since the last look
    assert table.collector.done[-1] == 2
    table.look()
    table.time += QUIET
    table.look()  # nothing has got old since
    assert table.collector.done.count(2) == 1
    table.close()


def test_where_it_is_never_quiet_they_are_searched_when_there_are_many() -> None:
    table = Table()

    def searched_after() -> int:
        """How many searches of the young ones until the old are searched."""
        table.collector.done.clear()
        while 2 not in table.collector.done:
            table.make()
            table.gc_schedule.ticked()
        return table.collector.done.count(0)

    assert searched_after() == OLD
    assert searched_after() == 2 * OLD  # it found nothing
    table.collector.found = YOUNG
    assert searched_after() == 4 * OLD
    assert searched_after() == OLD  # it found something
    table.collector.found = 0
    assert [searched_after() for _ in range(4)] == [OLD, 2 * OLD, 4 * OLD, MOST]
    assert searched_after() == MOST
    table.close()


def test_without_ticks_it_looks_by_itself() -> None:
    async def run() -> None:
        collector = FakeMemory()
        searched = asyncio.Event()
        collect = collector.collect

        def noticed(generation: int = 2) -> int:
            if generation == 0:
                searched.set()
            return collect(generation)

        collector.collect = noticed  # type: ignore[method-assign]
        loop = asyncio.get_running_loop()
        gc_schedule = GcSchedule(loop.time, collector)
        gc_schedule.begin(loop)
        started = loop.time()
        collector.counts[0] = YOUNG
        await searched.wait()
        assert loop.time() - started < 30 * LOOK
        gc_schedule.end()

    asyncio.run(run())


def test_pythons_own_collector_is_what_it_drives() -> None:
    before = gc.isenabled()
    loop = asyncio.new_event_loop()
    gc_schedule = GcSchedule(lambda: 0.0)
    try:
        gc_schedule.begin(loop)
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 0
        kept = [[] for _ in range(YOUNG + 100)]  # type: ignore[var-annotated]
        assert gc.get_count()[0] >= YOUNG
        gc_schedule.ticked()
        assert gc.get_count()[0] < YOUNG
        assert len(kept) > YOUNG
    finally:
        gc_schedule.end()
        loop.close()
        gc.unfreeze()
        if before:
            gc.enable()
