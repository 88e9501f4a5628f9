"""calls.md §3, row *port*."""

from __future__ import annotations

import pytest

from hookflash.media.port_pool import NoPorts, PortPool


def test_even_ports_of_the_range() -> None:
    pool = PortPool(10001, 10008)
    assert [pool.take(0) for _ in range(3)] == [10002, 10004, 10006]
    with pytest.raises(NoPorts):
        pool.take(0)


def test_the_last_port_needs_room_for_rtcp() -> None:
    assert PortPool(10000, 10000).size == 0
    assert PortPool(10000, 10001).size == 1


def test_the_one_free_longest_comes_first() -> None:
    pool = PortPool(10000, 10007)
    first = [pool.take(0) for _ in range(4)]
    for port, at in zip([10004, 10000, 10006, 10002], [1, 2, 3, 4], strict=True):
        pool.give_back(port, at)
    assert [pool.take(100) for _ in range(4)] == [10004, 10000, 10006, 10002]
    assert sorted(first) == [10000, 10002, 10004, 10006]


def test_a_port_rests_while_others_are_free() -> None:
    pool = PortPool(10000, 10005)
    assert pool.take(0) == 10000
    pool.give_back(10000, 10)
    assert pool.take(20) == 10002
    assert pool.take(20) == 10004
    assert pool.take(20) == 10000, "all others in use: the oldest, as it rested 2 s"


def test_within_two_seconds_there_is_none() -> None:
    pool = PortPool(10000, 10001)
    pool.give_back(pool.take(0), 10)
    with pytest.raises(NoPorts):
        pool.take(11.9)
    assert pool.take(12) == 10000
    assert pool.free == 0
