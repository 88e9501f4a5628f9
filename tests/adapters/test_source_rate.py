"""Who sends too much, and who may."""

from __future__ import annotations

import pytest

from hookflash.adapters.source_rate import DEFAULT, SourceRate
from hookflash.calls.limits import MAX_SOURCES


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_source_is_heard_so_often_in_a_second() -> None:
    clock = Clock()
    rate = SourceRate(clock, 3)
    assert [rate.over("192.0.2.1") for _ in range(5)] == [0, 0, 0, 1, 1]
    assert rate.over("192.0.2.2") == 0
    clock.now += 0.75
    assert rate.over("192.0.2.1") == 0.25
    clock.now += 0.25
    assert [rate.over("192.0.2.1") for _ in range(4)] == [0, 0, 0, 1]


def test_addresses_of_one_customer_are_one_source() -> None:
    rate = SourceRate(Clock(), 1)
    assert rate.over("2001:db8::1") == 0
    assert rate.over("2001:db8::2") > 0


@pytest.mark.parametrize(
    ("ip", "limited"), [("127.0.0.1", False), ("192.0.2.7", False), ("192.0.2.8", True)]
)
def test_loopback_and_whom_we_know_have_no_limit_by_default(ip: str, limited: bool) -> None:
    asked: list[str] = []

    def trusted(address: str) -> bool:
        asked.append(address)
        return address == "192.0.2.7"

    rate = SourceRate(Clock(), trusted=trusted)
    assert not any(rate.over(ip) for _ in range(DEFAULT))
    assert not asked  # only who sends too much is looked up
    assert all(rate.over(ip) for _ in range(50)) is limited
    assert len(asked) <= 1


def test_a_limit_that_was_set_is_everybodys_and_0_is_none() -> None:
    assert SourceRate(Clock(), 1, lambda _: True).over("127.0.0.1") == 0
    rate = SourceRate(Clock(), 1, lambda _: True)
    assert [bool(rate.over("127.0.0.1")) for _ in range(2)] == [False, True]
    rate = SourceRate(Clock(), 0)
    assert not any(rate.over("192.0.2.1") for _ in range(10 * DEFAULT))


def test_forged_sources_cost_little() -> None:
    rate = SourceRate(Clock())
    for number in range(MAX_SOURCES + 10):
        rate.over(f"source {number}")
    assert len(rate._windows) == MAX_SOURCES
