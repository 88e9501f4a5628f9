"""calls.md §3, row *port*."""

from __future__ import annotations

from random import Random

import pytest

from hookflash.media.port_pool import NoPorts, PortPool


def pool_of(first: int, last: int, seed: int = 1) -> PortPool:
    return PortPool(first, last, Random(seed))


def test_even_ports_of_the_range() -> None:
    pool = pool_of(10001, 10008)
    assert sorted(pool.take(0) for _ in range(3)) == [10002, 10004, 10006]
    with pytest.raises(NoPorts):
        pool.take(0)


def test_the_last_port_needs_room_for_rtcp() -> None:
    assert pool_of(10000, 10000).size == 0
    assert pool_of(10000, 10001).size == 1


def test_nobody_can_guess_the_next_one() -> None:
    """A stranger sprays the twenty lowest ports of 5,000: hardly a call is among them."""
    pool = pool_of(10000, 20000)
    taken = [pool.take(0) for _ in range(500)]
    assert len(set(taken)) == 500
    assert sum(port < 10040 for port in taken) < 10
    assert abs(sum(taken) / 500 - 15000) < 500
    other = pool_of(10000, 20000, seed=2)
    assert [other.take(0) for _ in range(5)] != taken[:5]


def test_rested_ports_come_at_random_too() -> None:
    orders = set()
    for seed in range(20):
        pool = pool_of(10000, 10007, seed)
        for port in [pool.take(0) for _ in range(4)]:
            pool.give_back(port, 1)
        orders.add(tuple(pool.take(31) for _ in range(4)))
    assert len(orders) > 5


def test_a_port_rests_for_30_s_while_others_are_free() -> None:
    for seed in range(20):
        pool = pool_of(10000, 10007, seed)
        used = pool.take(0)
        pool.give_back(used, 10)
        others = [pool.take(39.9) for _ in range(3)]
        assert used not in others
        assert pool.take(39.9) == used, "all others in use: the oldest, as it rested 2 s"


def test_where_none_has_rested_the_one_free_longest_comes_first() -> None:
    pool = pool_of(10000, 10007)
    first = [pool.take(0) for _ in range(4)]
    for port, at in zip([10004, 10000, 10006, 10002], [1, 2, 3, 4], strict=True):
        pool.give_back(port, at)
    assert [pool.take(20) for _ in range(4)] == [10004, 10000, 10006, 10002]
    assert sorted(first) == [10000, 10002, 10004, 10006]


def test_within_two_seconds_there_is_none() -> None:
    pool = pool_of(10000, 10001)
    pool.give_back(pool.take(0), 10)
    with pytest.raises(NoPorts):
        pool.take(11.9)
    assert pool.take(12) == 10000
    assert pool.free == 0
