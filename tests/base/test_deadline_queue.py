from __future__ import annotations

import random
from math import inf

import pytest

from hookflash.base.deadline_queue import DeadlineQueue


def test_the_first_that_is_due_comes_first() -> None:
    agenda = DeadlineQueue[str]()
    assert agenda.next() is None
    assert agenda.nothing_before() == inf
    agenda.set("late", 5.0)
    agenda.set("early", 2.0)
    assert agenda.next() == agenda.nothing_before() == 2.0
    assert agenda.take(1.9) is None
    assert agenda.take(2.0) == "early"
    assert agenda.take(9.0) == "late"
    assert agenda.take(9.0) is None
    assert len(agenda) == 0


def test_of_several_for_one_time_the_first_set_comes_first() -> None:
    agenda = DeadlineQueue[int]()
    for number in range(5):
        agenda.set(number, 1.0)
    agenda.discard(0)
    agenda.discard(2)
    assert [agenda.take(1.0) for _ in range(4)] == [1, 3, 4, None]


def test_a_deadline_moves_either_way() -> None:
    agenda = DeadlineQueue[str]()
    agenda.set("a", 1.0)
    agenda.set("a", 3.0)
    assert agenda.nothing_before() == 1.0  # too early, as it may be
    assert agenda.next() == 3.0
    agenda.set("a", 2.0)
    assert agenda.take(1.0) is None
    assert agenda.take(2.0) == "a"
    assert agenda.next() is None


def test_what_was_discarded_and_set_again_comes_once() -> None:
    agenda = DeadlineQueue[str]()
    agenda.set("a", 1.0)
    agenda.discard("a")
    agenda.set("a", 1.0)
    assert agenda.take(1.0) == "a"
    assert agenda.take(1.0) is None


def test_times_without_anything_are_cleared_out() -> None:
    agenda = DeadlineQueue[int]()
    for number in range(10_000):
        agenda.set(number, 1000.0 + number / 10)
        agenda.discard(number)
    assert len(agenda._times) < 100
    assert sorted(agenda._times) == sorted(agenda._at)
    assert agenda.next() is None


def test_what_moves_while_others_are_cleared_out_is_not_lost() -> None:
    """Many times without anything, and a thing that is queued anew among them."""
    agenda = DeadlineQueue[int]()
    agenda.set(-1, 1.0)
    agenda.set(-1, 5000.0)
    agenda.set(-2, 2.0)
    for number in range(200):
        agenda.set(number, 10.0 + number)
    for number in range(200):
        agenda.discard(number)
    assert agenda.next() == 2.0
    assert agenda.take(9000.0) == -2
    assert agenda.take(9000.0) == -1
    assert agenda.take(9000.0) is None
    assert len(agenda) == 0


@pytest.mark.parametrize("keys", [3, 50, 500])
@pytest.mark.parametrize("far", [40, 4000])
def test_it_agrees_with_a_plain_table(keys: int, far: int) -> None:
    draw = random.Random(7)
    agenda, table, now = DeadlineQueue[int](), dict[int, float](), 0.0
    for _ in range(20_000):
        key = draw.randrange(keys)
        match draw.randrange(4):
            case 0 | 1:
                table[key] = now + draw.randrange(1, far) / 4
                agenda.set(key, table[key])
            case 2:
                table.pop(key, None)
                agenda.discard(key)
            case _:
                now += draw.randrange(0, 4) / 4
                while (taken := agenda.take(now)) is not None:
                    assert table.pop(taken) <= now
                assert not any(due <= now for due in table.values())
        assert agenda.next() == min(table.values(), default=None)
        assert agenda.nothing_before() <= min(table.values(), default=inf)
        assert len(agenda) == len(table)
