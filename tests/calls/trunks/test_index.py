from __future__ import annotations

import pytest
from livekit.protocol.sip import SIPInboundTrunkInfo

from hookflash.calls.trunks.index import (
    AddressIndex,
    AddressRule,
    InboundEntry,
    NumberClaims,
    NumberIndex,
    parse_source,
)


def test_claims_name_every_holder_until_it_lets_go() -> None:
    claims: NumberClaims[str] = NumberClaims()
    claims.add("a", ["x", "y"])
    claims.add("a", ["x"])
    claims.add("b", ["x"])
    assert claims.holders("x") == ("a", "b")
    claims.drop("a", ["x", "z"])
    assert claims.holders("x") == ("b",)
    claims.drop("b", ["x"])
    assert claims.holders("x") == ()
    assert len(claims) == 1


@pytest.mark.parametrize(
    ("entries", "source", "host", "admitted"),
    [
        ([], "9.9.9.9", "any", True),
        (["1.2.3.4"], "1.2.3.4", "", True),
        (["1.2.3.4"], "::ffff:1.2.3.4", "", True),
        (["1.2.3.4"], "1.2.3.5", "", False),
        (["10.0.0.0/8"], "10.255.0.1", "", True),
        (["10.0.0.5/8"], "10.255.0.1", "", True),
        (["10.0.0.0/8"], "11.0.0.1", "", False),
        (["2001:db8::/32"], "2001:db8::1", "", True),
        (["2001:db8::/32"], "10.0.0.1", "", False),
        (["sip.example.com"], "9.9.9.9", "SIP.example.com", True),
        (["sip.example.com"], "9.9.9.9", "example.com", False),
        (["sip://x", "(1)", "a,b", "a b"], "9.9.9.9", "x", True),
        (["sip://x", "1.2.3.4"], "9.9.9.9", "x", False),
        ([""], "9.9.9.9", "", True),
        (["::ffff:1.2.3.4"], "1.2.3.4", "", True),
        (["::ffff:1.2.3.0/120"], "1.2.3.9", "", True),
        (["::ffff:1.2.3.0/120"], "1.2.4.9", "", False),
        (["1.2.3.4"], "no address", "", False),
    ],
)
def test_allowed_addresses(entries: list[str], source: str, host: str, admitted: bool) -> None:
    assert AddressRule(entries).admits(parse_source(source), host) is admitted


def test_address_index_counts_each_network() -> None:
    index = AddressIndex()
    one, both = AddressRule(["10.0.0.0/8"]), AddressRule(["10.0.0.0/8", "2001:db8::1"])
    index.add(one.networks)
    index.add(both.networks)
    assert "10.1.2.3" in index
    assert "2001:db8::1" in index
    assert "2001:db8::2" not in index
    assert "11.1.2.3" not in index
    assert "no address" not in index
    index.add(both.networks, -1)
    assert "10.1.2.3" in index
    assert "2001:db8::1" not in index
    index.add(one.networks, -1)
    assert "10.1.2.3" not in index


def test_an_entry_says_which_check_fails_first() -> None:
    entry = InboundEntry(
        SIPInboundTrunkInfo(
            numbers=["+1 5"], allowed_numbers=["+2"], allowed_addresses=["10.0.0.0/8"]
        )
    )
    inside, outside = parse_source("10.0.0.1"), parse_source("1.1.1.1")
    assert entry.failed_check("+9", "+3", outside, "") == "numbers"
    assert entry.failed_check("+15", "+3", outside, "") == "allowed_numbers"
    assert entry.failed_check("+15", "+2", outside, "") == "allowed_addresses"
    assert entry.failed_check("+15", "+2", inside, "") == ""


def test_number_index() -> None:
    index = NumberIndex()
    index.add("a", ["+1", "+2"])
    index.add("b", ["+1"])
    assert list(index.ids("+1")) == ["a", "b"]
    assert "1" in index
    index.drop("a", ["+1", "+2", "+3"])
    assert list(index.ids("+1")) == ["b"]
    assert "+2" not in index
