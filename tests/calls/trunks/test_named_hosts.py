"""When names are looked up, and what they stand for meanwhile."""

from __future__ import annotations

from collections.abc import Collection

from hookflash.calls.trunks.index import parse_source
from hookflash.calls.trunks.named_hosts import (
    KEEP,
    MAX_ADDRESSES,
    MAX_NAMES,
    REFRESH,
    RETRY,
    NamedHosts,
)

NAME = "sip.carrier.example"


def at(hosts: NamedHosts, address: str) -> Collection[str]:
    return hosts.at(parse_source(address))


def found(now: float = 0.0, *addresses: str) -> NamedHosts:
    hosts = NamedHosts()
    hosts.add([NAME])
    assert hosts.due(now, 9) == [NAME]
    hosts.answered(now, NAME, addresses or ("192.0.2.1", "2001:db8::1"), True)
    return hosts


def test_a_name_stands_for_what_was_found() -> None:
    hosts = NamedHosts()
    calls: list[bool] = []
    hosts.changed = lambda: calls.append(True)
    hosts.add([NAME])
    assert calls == [True]
    assert hosts.unknown([NAME, "other"]) == [NAME, "other"]
    assert hosts.next_due() == float("-inf")
    assert hosts.due(0.0, 9) == [NAME]
    assert hosts.due(0.0, 9) == []
    assert hosts.next_due() is None
    hosts.answered(0.0, NAME, ["192.0.2.1", "::ffff:192.0.2.2", "no address"], True)
    assert list(at(hosts, "192.0.2.1")) == [NAME]
    assert list(at(hosts, "192.0.2.2")) == [NAME]
    assert not at(hosts, "192.0.2.3")
    assert hosts.unknown([NAME]) == []
    assert hosts.next_due() == REFRESH


def test_the_next_answer_replaces_it() -> None:
    hosts = found()
    assert hosts.due(REFRESH - 1, 9) == []
    assert hosts.due(REFRESH, 9) == [NAME]
    hosts.answered(REFRESH, NAME, ["192.0.2.9"], True)
    assert not at(hosts, "192.0.2.1")
    assert at(hosts, "192.0.2.9")


def test_a_failure_keeps_the_last_answer_for_an_hour() -> None:
    hosts, now = found(), 0.0
    while now < KEEP:
        assert at(hosts, "192.0.2.1")
        due = hosts.next_due()
        assert due is not None
        assert due - now in {REFRESH, RETRY}
        now = due
        assert hosts.due(now, 9) == [NAME]
        hosts.answered(now, NAME, [], complete=False)
    assert not at(hosts, "192.0.2.1")
    assert hosts.unknown([NAME]) == [NAME]
    assert hosts.next_due() == now + RETRY


def test_half_an_answer_adds_to_the_last_one() -> None:
    hosts = found()
    hosts.answered(REFRESH, NAME, ["192.0.2.9"], complete=False)
    assert at(hosts, "192.0.2.1")
    assert at(hosts, "192.0.2.9")
    assert hosts.next_due() == REFRESH + RETRY


def test_a_name_that_no_trunk_has_any_more_stands_for_nothing() -> None:
    hosts = found()
    hosts.add([NAME])
    hosts.drop([NAME, "never"])
    assert at(hosts, "192.0.2.1")
    hosts.drop([NAME])
    assert not at(hosts, "192.0.2.1")
    assert hosts.next_due() is None
    hosts.answered(1.0, NAME, ["192.0.2.1"], True)
    assert not at(hosts, "192.0.2.1")


def test_one_address_may_have_two_names() -> None:
    hosts = found()
    hosts.add(["other"])
    hosts.answered(0.0, "other", ["192.0.2.1"], True)
    assert list(at(hosts, "192.0.2.1")) == [NAME, "other"]
    hosts.drop([NAME])
    assert list(at(hosts, "192.0.2.1")) == ["other"]


def test_names_and_addresses_are_bounded() -> None:
    many = [f"198.51.{i}.{j}" for i in range(2) for j in range(250)]
    hosts = found(0.0, *many)
    hosts.answered(1.0, NAME, [f"203.0.113.{i}" for i in range(200)], complete=False)
    known = [a for a in (*many, *(f"203.0.113.{i}" for i in range(200))) if at(hosts, a)]
    assert len(known) == MAX_ADDRESSES
    hosts.add(f"host-{i}.example" for i in range(2 * MAX_NAMES))
    assert len(hosts.due(1.0, 5000)) == MAX_NAMES - 1
    assert hosts.due(1.0, 0) == []
