"""calls.md §5: INVITEs per second of one source, and the shield against scanners."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hookflash.calls.limits import (
    EASY,
    MAX_COPIED,
    MAX_SOURCES,
    RIGHT_MEMORY,
    SHIELD_GUESSES,
    SHIELD_REFUSALS,
    STRANGERS,
    TRANSACTIONS,
    TRUNK_GUESSES,
    GuessLimit,
    InviteRate,
    Shield,
    Tally,
    TransactionLimit,
    is_loopback,
    source_of,
)
from hookflash.sip.flow import Flow
from hookflash.sip.message import Request

KNOWN, LOOPBACK = "192.0.2.50", "127.0.0.1"
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


@pytest.mark.parametrize(("limit", "ip"), [(0, PEER), (None, "127.0.0.1"), (None, "::1")])
def test_no_limit_for_zero_and_for_loopback(limit: int | None, ip: str) -> None:
    rate = InviteRate(limit, nobody)
    assert not any(rate.exceeded(0.0, ip) for _ in range(500))


def test_addresses_that_a_trunk_names_have_no_limit_while_their_calls_are_confirmed() -> None:
    rate = InviteRate(None, everybody)
    assert not any(rate.exceeded(0.5, PEER) for _ in range(500))
    assert not any(rate.exceeded_to(0.5, PEER, "ST_1", 99) for _ in range(500))
    assert rate.exceeded_to(0.5, PEER, "ST_1", 99), "no process answers more"


@pytest.mark.parametrize("trunk", ["ST_1", ""])
def test_else_they_may_send_a_hundred_to_each_trunk(trunk: str) -> None:
    rate = InviteRate(None, everybody)
    ringing = 100 if trunk else 0
    assert [rate.exceeded_to(0.5, PEER, trunk, ringing) for _ in range(101)].index(True) == 100
    assert not rate.exceeded_to(0.5, PEER, "ST_2", 100)
    assert not rate.exceeded_to(1.5, PEER, trunk, ringing)


@pytest.mark.parametrize(
    ("limit", "named", "ip"), [(None, everybody, "::1"), (None, nobody, PEER), (9, everybody, PEER)]
)
def test_others_have_no_limit_for_each_trunk(
    limit: int | None, named: Callable[[str], bool], ip: str
) -> None:
    rate = InviteRate(limit, named)
    assert not any(rate.exceeded_to(0.5, ip, "ST_1", 500) for _ in range(500))


def test_a_configured_limit_holds_for_loopback_too() -> None:
    rate = InviteRate(2, everybody)
    assert [rate.exceeded(0.0, "127.0.0.1") for _ in range(3)] == [False, False, True]


def test_the_table_of_rates_is_bounded() -> None:
    rate = InviteRate(1, nobody)
    for i in range(MAX_SOURCES + 5):
        rate.exceeded(0.0, f"source-{i}")
    assert not rate.exceeded(0.0, "source-0")


# --- wrong passwords ----------------------------------------------------------------------------


def guessed(shield: Shield, ip: str = PEER, now: float = 0.0) -> bool:
    wrong = [shield.guessed(now + i, ip) for i in range(SHIELD_GUESSES)]
    assert not any(wrong[:-1])
    return wrong[-1]


def test_ten_wrong_passwords_shut_out_a_trusted_source_too() -> None:
    shield = Shield(everybody)
    assert guessed(shield)
    assert shield.drops(10.0, PEER)
    assert shield.drops(9.0 + 599.9, PEER)
    assert not shield.drops(9.0 + 600.0, PEER)
    assert not shield.drops(10.0, "198.51.100.8")


def test_wrong_passwords_over_more_than_a_minute_do_not() -> None:
    shield = Shield(nobody)
    assert not any(shield.guessed(i * 7.0, PEER) for i in range(100))


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_wrong_passwords_of_loopback_do_not_count(ip: str) -> None:
    shield = Shield(nobody)
    assert not any(shield.guessed(0.0, ip) for _ in range(50))
    assert not shield.drops(0.0, ip)


def test_a_shield_that_is_off_shuts_nobody_out_for_wrong_passwords() -> None:
    assert not guessed(Shield(nobody, enabled=False))


@pytest.mark.parametrize(
    ("ip", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1:a:b:c:d", "2001:db8:0:1::/64"),
        ("2001:DB8:0:1::", "2001:db8:0:1::/64"),
        ("no:address", "no:address"),
    ],
)
def test_who_is_counted_as_one(ip: str, source: str) -> None:
    assert source_of(ip) == source


def test_addresses_of_one_ipv6_network_are_one_source() -> None:
    shield, rate = Shield(nobody), InviteRate(None, nobody)
    for i in range(SHIELD_GUESSES):
        shield.guessed(0.0, f"2001:db8::{i}")
    assert shield.drops(0.0, "2001:db8::ffff")
    assert not shield.drops(0.0, "2001:db8:0:1::1")
    assert any(rate.exceeded(0.0, f"2001:db8::{i:x}") for i in range(51))
    for i in range(SHIELD_REFUSALS):
        shield.refused(0.0, f"2001:db8:1::{i}")
    assert shield.drops(0.0, "2001:db8:1::ffff")


def test_a_trusted_ipv6_address_does_not_answer_for_its_neighbours() -> None:
    trusted = "2001:db8::1"
    shield = Shield(trusted.__eq__)
    guessed(shield, "2001:db8::2")
    assert not shield.drops(10.0, trusted)
    assert shield.drops(10.0, "2001:db8::3")
    guessed(shield, trusted)
    assert shield.drops(10.0, trusted)


def test_a_flood_of_spoofed_sources_does_not_push_out_a_scanner() -> None:
    """Each of them comes once between two requests of the scanner."""
    tally = Tally(SHIELD_REFUSALS)
    for i in range(MAX_SOURCES):
        tally.add(0.0, f"before-{i}")
    assert not tally.add(0.0, PEER)
    for round_ in range(SHIELD_REFUSALS - 2):
        assert not tally.add(0.0, PEER)
        for i in range(MAX_SOURCES // 10):
            tally.add(0.0, f"source-{round_}-{i}")
    assert len(tally) == MAX_SOURCES
    assert tally.add(0.0, PEER)


def test_what_is_over_is_forgotten_before_what_is_not() -> None:
    tally = Tally(3)
    for i in range(MAX_SOURCES // 2):
        tally.add(0.0, f"old-{i}")
        tally.add(0.0, f"old-{i}")
    for i in range(MAX_SOURCES // 2):
        tally.add(100.0, f"new-{i}")
    for i in range(MAX_SOURCES // 2):
        tally.add(100.0, f"newer-{i}")
    assert len(tally) == MAX_SOURCES
    assert all(tally._counts[f"new-{i}"] == 1 for i in range(MAX_SOURCES // 2))


def test_a_source_that_goes_on_stays_shut_out_in_a_flood() -> None:
    shield = Shield(nobody)
    shut_out(shield)
    for i in range(MAX_SOURCES + 1):
        for _ in range(SHIELD_REFUSALS):
            shield.refused(20.0, f"source-{i}")
        if i % 1000 == 0:
            assert shield.drops(20.0, PEER)
    assert shield.drops(20.0, PEER)


def test_what_a_trunk_bears_of_wrong_passwords() -> None:
    limit = GuessLimit()
    limit.accepted(0.0, "ST_1", PEER)
    for i in range(TRUNK_GUESSES):
        assert limit.judges(float(i), "ST_1", "192.0.2.1")
        limit.denied(float(i), "ST_1")
    now = float(TRUNK_GUESSES)
    assert not limit.judges(now, "ST_1", "192.0.2.1")
    assert limit.judges(now, "ST_2", "192.0.2.1")
    assert limit.judges(now, "ST_1", PEER)
    assert limit.judges(61.0, "ST_1", "192.0.2.1")
    assert limit.wrong == TRUNK_GUESSES
    assert limit.knows(now, PEER)
    assert not limit.knows(now, "192.0.2.1")
    assert not limit.knows(RIGHT_MEMORY, PEER)


def test_what_is_known_of_right_passwords_is_bounded() -> None:
    limit = GuessLimit()
    for i in range(MAX_SOURCES + 1):
        limit.accepted(0.0, "ST_1", f"source-{i}")
        limit.denied(0.0, f"ST_{i}")
    assert not limit.knows(0.0, "source-0")
    assert limit.knows(0.0, "source-1")
    assert len(limit._wrong) == len(limit._right) == MAX_SOURCES


# --- transactions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("live", "ip", "to", "taken"),
    [
        (STRANGERS - 1, PEER, "<sip:a@b>", True),
        (STRANGERS, PEER, "<sip:a@b>", False),
        (STRANGERS, PEER, "<sip:a@b>;tag=invented", False),
        (STRANGERS, PEER, "<broken", False),
        (STRANGERS, PEER, "<sip:a@b>;tag=ours", True),
        (STRANGERS, KNOWN, "<sip:a@b>", True),
        (STRANGERS, LOOPBACK, "<sip:a@b>", True),
        (TRANSACTIONS, KNOWN, "<sip:a@b>", False),
        (TRANSACTIONS, LOOPBACK, "<sip:a@b>", False),
        (TRANSACTIONS, PEER, "<sip:a@b>;tag=ours", True),
        (EASY - 1, PEER, f"<sip:{'a' * MAX_COPIED}@b>", True),
        (EASY, PEER, f"<sip:{'a' * MAX_COPIED}@b>", False),
        (EASY, KNOWN, f"<sip:{'a' * MAX_COPIED}@b>", True),
    ],
)
def test_which_requests_have_a_transaction(live: int, ip: str, to: str, taken: bool) -> None:
    limit = TransactionLimit(KNOWN.__eq__, "ours".__eq__)
    request = Request("OPTIONS", "sip:x", [("To", to)])
    flow = Flow("udp", ("192.0.2.1", 5060), (ip, 5060))
    assert limit.takes(live, request, flow) is taken
