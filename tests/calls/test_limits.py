"""calls.md §5: INVITEs per second of one source, and the shield against scanners."""

from __future__ import annotations

import pytest

from hookflash.calls.limits import (
    MAX_SOURCES,
    SHIELD_REFUSALS,
    InviteRate,
    Shield,
    is_loopback,
)

PEER = "198.51.100.7"


def nobody(_ip: str) -> bool:
    return False


def everybody(_ip: str) -> bool:
    return True


def shut_out(shield: Shield, ip: str = PEER, now: float = 0.0) -> bool:
    refused = [shield.refused(now + i, ip) for i in range(20)]
    assert not any(refused[:-1])
    return refused[-1]


def test_twenty_refusals_in_a_minute_shut_a_source_out_for_ten_minutes() -> None:
    shield = Shield(nobody)
    assert not shield.drops(0.0, PEER)
    assert shut_out(shield)
    assert shield.drops(30.0, PEER)
    assert shield.drops(19.0 + 599.9, PEER)
    assert not shield.drops(19.0 + 600.0, PEER)
    assert shield.dropped == 2


def test_refusals_spread_over_more_than_a_minute_do_not() -> None:
    shield = Shield(nobody)
    assert not any(shield.refused(i * 4.0, PEER) for i in range(100))


@pytest.mark.parametrize("ip", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_never_shut_out(ip: str) -> None:
    assert is_loopback(ip)
    assert not shut_out(Shield(nobody), ip)


def test_a_source_that_a_trunk_names_or_with_a_call_is_never_shut_out() -> None:
    assert not shut_out(Shield(everybody))


def test_a_source_that_becomes_trusted_is_let_in_again() -> None:
    trusted: set[str] = set()
    shield = Shield(trusted.__contains__)
    shut_out(shield)
    trusted.add(PEER)
    assert not shield.drops(30.0, PEER)


def test_the_shield_can_be_switched_off() -> None:
    assert not shut_out(Shield(nobody, enabled=False))


def test_a_407_that_is_met_does_not_count() -> None:
    shield = Shield(nobody)
    for i in range(SHIELD_REFUSALS * 3):
        assert not shield.refused(i * 0.1, PEER)
        shield.met(PEER)
    shield.met("192.0.2.99")


def test_only_so_many_sources_are_remembered() -> None:
    shield = Shield(nobody)
    for i in range(MAX_SOURCES + 10):
        shield.refused(0.0, f"source-{i}")
    assert not is_loopback("source-1")
    assert not any(shield.drops(0.0, f"source-{i}") for i in range(20))


def test_the_list_of_those_shut_out_is_bounded() -> None:
    shield = Shield(nobody)
    for i in range(MAX_SOURCES + 1):
        shut_out(shield, f"source-{i}", now=float(i))
    assert not shield.drops(MAX_SOURCES + 20.0, "source-0")


def test_the_fifty_first_invite_of_a_second_is_one_too_many() -> None:
    rate = InviteRate(None, nobody)
    assert [rate.exceeded(0.5, PEER) for _ in range(51)].index(True) == 50
    assert not rate.exceeded(1.5, PEER)


@pytest.mark.parametrize(
    ("limit", "exempt", "ip"),
    [(0, nobody, PEER), (None, everybody, PEER), (None, nobody, "127.0.0.1")],
)
def test_no_limit_for_zero_for_named_addresses_and_loopback(
    limit: int | None, exempt: object, ip: str
) -> None:
    rate = InviteRate(limit, everybody if exempt is everybody else nobody)
    assert not any(rate.exceeded(0.0, ip) for _ in range(500))


def test_a_configured_limit_holds_for_loopback_too() -> None:
    rate = InviteRate(2, everybody)
    assert [rate.exceeded(0.0, "127.0.0.1") for _ in range(3)] == [False, False, True]


def test_the_table_of_rates_is_bounded() -> None:
    rate = InviteRate(1, nobody)
    for i in range(MAX_SOURCES + 5):
        rate.exceeded(0.0, f"source-{i}")
    assert not rate.exceeded(0.0, "source-0")
