"""Whom a number belongs to, and what a Refer-To names."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.sip_messages import request_of

from hookflash.base.errors import SipError
from hookflash.carrier.config import NetworkConfig, PhoneConfig, TrunkConfig
from hookflash.carrier.routing import Numbers, digits, listed, read_target
from hookflash.sip.message import Request
from hookflash.sip.uri import Uri

ONE = TrunkConfig("one", ("+15550000001",), Uri.parse("sip:192.0.2.1"))
TWO = TrunkConfig("two", ("+15550000002",), Uri.parse("sip:192.0.2.2"))
PHONE = PhoneConfig("+15105550123")


def call_from(number: str) -> Request:
    request = request_of("INVITE")
    request.headers.set("From", f"<sip:{number}@x.test>;tag=a")
    return request


@pytest.mark.parametrize("written", ["+15105550123", "15105550123", "+1 (510) 555-0123"])
def test_a_number_however_it_is_written(written: str) -> None:
    numbers = Numbers(NetworkConfig((ONE, TWO), (PHONE,)))
    assert digits(written) == "15105550123"
    assert numbers.phone(written) is PHONE
    assert numbers.trunk(written) is None
    assert numbers.trunk("15550000002") is TWO


@pytest.mark.parametrize(
    ("number", "ip", "found"),
    [
        ("+15550000002", "192.0.2.1", TWO),
        ("anonymous", "192.0.2.1", ONE),
        ("anonymous", "192.0.2.9", None),
    ],
)
def test_whose_call_it_is(number: str, ip: str, found: TrunkConfig | None) -> None:
    numbers = Numbers(NetworkConfig((ONE, TWO), (PHONE,)))
    assert numbers.trunk_of(call_from(number), ip) is found


def test_an_address_that_a_trunk_lists_is_its() -> None:
    two = replace(TWO, allowed_addresses=("198.51.100.0/24",))
    numbers = Numbers(NetworkConfig((ONE, two), (PHONE,)))
    assert numbers.trunk_of(call_from("anonymous"), "198.51.100.7") is two
    assert numbers.trunk_of(call_from("anonymous"), "203.0.113.7") is None


def test_what_is_listed() -> None:
    assert listed(("192.0.2.0/24", "2001:db8::1"), "192.0.2.9")
    assert listed(("192.0.2.0/24", "2001:db8::1"), "2001:db8::1")
    assert not listed(("192.0.2.0/24",), "192.0.3.9")
    assert not listed((), "192.0.2.9")


def test_the_only_trunk_has_every_call() -> None:
    numbers = Numbers(NetworkConfig((ONE,), (PHONE,)))
    assert numbers.trunk_of(call_from("anonymous"), "192.0.2.9") is ONE


def test_trunks_that_are_set_up_while_it_runs() -> None:
    numbers = Numbers(NetworkConfig((ONE,), (PHONE,)))
    changed = replace(ONE, numbers=("+15550000003",), origination=None)
    numbers.serve((changed, TWO))
    assert numbers.trunk("+15550000001") is None
    assert numbers.trunk("+15550000003") is changed
    assert numbers.as_set_now(ONE) is changed
    assert numbers.trunk_of(call_from("anonymous"), "192.0.2.1") is None, "it is nowhere now"
    numbers.serve((TWO,))
    assert numbers.as_set_now(ONE) is None
    assert numbers.as_set_now(None) is None


@pytest.mark.parametrize(
    ("uri", "form", "number"),
    [
        ("tel:+1-510-555-0123", "tel", "+1-510-555-0123"),
        ("sip:+15105550123@pstn.example.com", "own-domain", "+15105550123"),
        ("sip:+15105550123@Mine.PSTN.example.com", "own-domain", "+15105550123"),
        ("sip:+15105550123@notpstn.example.com", "foreign-sip", ""),
        ("sip:sales@example.com", "foreign-sip", ""),
        ("sip:+15105550123@192.0.2.7", "ip", ""),
        ("sip:+15105550123@[2001:db8::7]", "ip", ""),
        ("sip:+15105550123@127.0.0.1:5080", "ip", "+15105550123"),
        ("sip:+15105550123@127.0.0.1", "ip", ""),
        ("sip:+15105550123@192.0.2.1", "ip", "+15105550123"),
    ],
)
def test_forms_of_a_target(uri: str, form: str, number: str) -> None:
    target = read_target(Uri.parse(uri), "pstn.example.com", ["127.0.0.1:5080", "192.0.2.1:5060"])
    assert (target.form, target.number) == (form, number)


def test_a_target_that_no_telephone_has() -> None:
    with pytest.raises(SipError, match="neither a SIP nor a tel URI"):
        read_target(Uri.parse("mailto:a@b"), "pstn.example.com", [])
