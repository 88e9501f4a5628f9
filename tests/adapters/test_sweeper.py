"""When garbage is looked for, and how much of it at a time."""

from __future__ import annotations

import asyncio
import gc

from hookflash.adapters.sweeper import LOOK, OLD, QUIET, YOUNG, Sweeper


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
        self.memory = FakeMemory()
        self.loop = asyncio.new_event_loop()
        self.sweeper = Sweeper(lambda: self.time, self.memory)
        self.sweeper.begin(self.loop)
        self.memory.done.clear()

    def look(self) -> None:
        self.sweeper._look(self.loop)

    def make(self, objects: int = YOUNG) -> None:
        self.memory.counts[0] += objects

    def close(self) -> None:
        self.sweeper.end()
        self.loop.close()


def test_the_start_is_searched_once_and_never_again() -> None:
    memory, loop = FakeMemory(), asyncio.new_event_loop()
    sweeper = Sweeper(lambda: 0.0, memory)
    sweeper.begin(loop)
    assert memory.done == ["disable", 2, "freeze"]
    sweeper.end()
    sweeper.end()
    loop.close()


def test_a_tick_searches_only_when_there_is_enough_and_in_small_steps() -> None:
    table = Table()
    table.make(YOUNG - 1)
    table.sweeper.ticked()
    assert table.memory.done == []
    for _ in range(5):
        table.make()
        table.sweeper.ticked()
    assert table.memory.done == [0] * 5
    table.close()


def test_the_old_wait_for_a_quiet_time() -> None:
    table = Table()

    def busy() -> None:
        table.make()
        table.sweeper.ticked()

    busy()
    table.time += QUIET
    busy()
    assert 2 not in table.memory.done
    table.look()  # there were ticks until now
    assert 2 not in table.memory.done
    table.look()  # there were none since the last look
    assert table.memory.done[-1] == 2
    table.look()
    table.time += QUIET
    table.look()  # nothing has got old since
    assert table.memory.done.count(2) == 1
    table.close()


def test_where_it_is_never_quiet_they_are_searched_when_there_are_many() -> None:
    table = Table()

    def searched_after() -> int:
        """How many searches of the young ones until the old are searched."""
        table.memory.done.clear()
        while 2 not in table.memory.done:
            table.make()
            table.sweeper.ticked()
        return table.memory.done.count(0)

    assert searched_after() == OLD
    assert searched_after() == 2 * OLD  # it found nothing
    table.memory.found = YOUNG
    assert searched_after() == 4 * OLD
    assert searched_after() == OLD  # it found something
    table.close()


def test_without_ticks_it_looks_by_itself() -> None:
    async def run() -> None:
        memory = FakeMemory()
        searched = asyncio.Event()
        collect = memory.collect

        def noticed(generation: int = 2) -> int:
            if generation == 0:
                searched.set()
            return collect(generation)

        memory.collect = noticed  # type: ignore[method-assign]
        loop = asyncio.get_running_loop()
        sweeper = Sweeper(loop.time, memory)
        sweeper.begin(loop)
        started = loop.time()
        memory.counts[0] = YOUNG
        await searched.wait()
        assert loop.time() - started < 30 * LOOK
        sweeper.end()

    asyncio.run(run())


def test_pythons_own_collector_is_what_it_drives() -> None:
    before = gc.isenabled()
    loop = asyncio.new_event_loop()
    sweeper = Sweeper(lambda: 0.0)
    try:
        sweeper.begin(loop)
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 0
        kept = [[] for _ in range(YOUNG + 100)]  # type: ignore[var-annotated]
        assert gc.get_count()[0] >= YOUNG
        sweeper.ticked()
        assert gc.get_count()[0] < YOUNG
        assert len(kept) > YOUNG
    finally:
        sweeper.end()
        loop.close()
        gc.unfreeze()
        if before:
            gc.enable()
