"""What streams have of one turn of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hookflash.adapters.stream_turns import MESSAGES, OCTETS, PORTION, SECONDS, StreamTurns


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Flooder:
    """A stream with so many messages, each of which takes so long."""

    def __init__(self, name: str, count: int, worked: list[str], cost: Callable[[], None]) -> None:
        self.name, self.left, self._worked, self._cost = name, count, worked, cost
        self.rests: list[bool] = []

    def step(self) -> bool:
        self._cost()
        self._worked.append(self.name)
        self.left -= 1
        return self.left > 0

    def rest(self, more: bool) -> None:
        self.rests.append(more)


class Bench:
    """Streams, and how much was worked on in each turn of the loop."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.clock = Clock()
        self.turns = StreamTurns(self.clock)
        self.worked: list[str] = []
        self._seconds = seconds

    def flooder(self, name: str, count: int) -> Flooder:
        return Flooder(name, count, self.worked, self._pass)

    def _pass(self) -> None:
        self.clock.now += self._seconds

    async def next_turns(self, count: int) -> list[list[str]]:
        """What is worked on in each of the next turns of the loop."""
        loop, seen = asyncio.get_running_loop(), list[list[str]]()
        done = loop.create_future()

        def turned() -> None:
            seen.append(list(self.worked))
            self.worked.clear()
            if len(seen) < count:
                loop.call_soon(turned)
            else:
                done.set_result(None)

        self.worked.clear()
        loop.call_soon(turned)
        await done
        return seen


def test_what_fits_is_worked_on_at_once() -> None:
    async def story() -> None:
        bench = Bench()
        one = bench.flooder("a", 3)
        bench.turns.offer(one, 100)
        assert bench.worked == ["a"] * 3
        assert one.rests == [False]

    asyncio.run(story())


def test_one_turn_has_so_many_messages_and_no_more() -> None:
    async def story() -> None:
        bench = Bench()
        flood = bench.flooder("a", 3 * MESSAGES)
        bench.turns.offer(flood, 100)
        assert len(bench.worked) == PORTION
        assert flood.rests == [True]  # it reads nothing while it waits
        sizes = [len(each) for each in await bench.next_turns(4)]
        assert sizes == [MESSAGES, MESSAGES, MESSAGES - PORTION, 0]
        assert flood.rests[-1] is False

    asyncio.run(story())


def test_everybody_has_a_portion_before_anybody_has_the_next() -> None:
    async def story() -> None:
        bench = Bench()
        for name in "ab":
            bench.turns.offer(bench.flooder(name, 1000), 100)
        await bench.next_turns(1)
        bench.turns.offer(bench.flooder("c", 1), 100)
        worked = [name for turn in await bench.next_turns(2) for name in turn]
        assert worked.index("c") <= 2 * PORTION
        assert abs(worked.count("a") - worked.count("b")) <= PORTION

    asyncio.run(story())


def test_slow_messages_end_a_turn_earlier() -> None:
    async def story() -> None:
        bench = Bench(SECONDS * 0.6)
        bench.turns.offer(bench.flooder("a", 6), 100)
        assert len(bench.worked) == 2
        bench.turns.offer(bench.flooder("b", 6), 100)
        assert len(bench.worked) == 2  # nothing is left of this turn for another one either
        assert [len(each) for each in await bench.next_turns(5)] == [2, 2, 2, 2, 2]

    asyncio.run(story())


def test_octets_without_messages_count_too() -> None:
    async def story() -> None:
        bench = Bench()
        bench.turns.offer(bench.flooder("a", 1), OCTETS)
        late = bench.flooder("b", 1)
        bench.turns.offer(late, 1)
        assert bench.worked == ["a"]
        assert late.rests == [True]
        assert await bench.next_turns(1) == [["b"]]

    asyncio.run(story())
