"""Who has to go when there are too many."""

from __future__ import annotations

import pytest

from hookflash.adapters.connections import Connections
from hookflash.calls.limits import source_of


class Open:
    """A connection that remembers that it was closed, as a transport does: a little later."""

    def __init__(self) -> None:
        self.gone = False

    def give_way(self) -> None:
        self.gone = True


def opened(connections: Connections, *addresses: str) -> list[Open]:
    made = [Open() for _ in addresses]
    for connection, address in zip(made, addresses, strict=True):
        assert connections.add(connection, address)
    return made


def test_the_longest_silent_one_goes_first() -> None:
    connections = Connections(most=3)
    first, second, third = opened(connections, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    connections.busy(first)
    connections.silent(first)  # it was silent for the shortest time now
    connections.busy(second)
    opened(connections, "192.0.2.4")
    assert [each.gone for each in (first, second, third)] == [False, False, True]
    opened(connections, "192.0.2.5")
    assert first.gone
    assert len(connections) == 3


def test_nobody_goes_for_a_newcomer_whose_request_is_in_work() -> None:
    connections = Connections(most=2)
    for connection in opened(connections, "192.0.2.1", "192.0.2.2"):
        connections.busy(connection)
    newcomer = Open()
    assert not connections.add(newcomer, "192.0.2.3")
    assert not connections.make_room()
    assert len(connections) == 2
    connections.remove(newcomer)  # what is not in is not missed
    connections.silent(newcomer)
    assert len(connections) == 2


def test_one_address_has_its_own_limit_of_silent_ones() -> None:
    connections = Connections(silent_of_one=2)
    other, *own = opened(connections, "192.0.2.9", *["192.0.2.1"] * 3)
    assert [each.gone for each in own] == [True, False, False]
    assert not other.gone
    connections.busy(own[1])
    opened(connections, "192.0.2.1")
    assert [each.gone for each in own] == [True, False, False]
    assert len(connections) == 4


def test_what_is_closed_leaves_nothing_behind() -> None:
    connections = Connections(most=2, silent_of_one=1)
    for connection in opened(connections, "192.0.2.1", "192.0.2.2"):
        connections.remove(connection)
    assert len(connections) == 0
    assert connections._by_source == {}
    assert not connections.make_room()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("2001:db8::1", "2001:db8:0:0:ffff::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("a:b", "a:b", True),
    ],
)
def test_whose_it_is(one: str, other: str, same: bool) -> None:
    assert (source_of(one) == source_of(other)) == same


def test_whoever_is_kept_counts_as_the_latest() -> None:
    connections = Connections(most=3, silent_of_one=2)
    first, second, third = opened(connections, "192.0.2.1", "192.0.2.2", "192.0.2.2")
    kept = {first, second}
    connections.keeps = kept.__contains__
    opened(connections, "192.0.2.3")
    assert [each.gone for each in (first, second, third)] == [False, False, True]
    kept.clear()
    opened(connections, "192.0.2.4")
    assert not first.gone or not second.gone
    connections.keeps = lambda _: True
    assert not connections.make_room()
    assert len(connections) == 3
