"""The configuration of a carrier."""

from __future__ import annotations

import contextlib
import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hookflash.base.errors import ConfigError
from hookflash.carrier import config
from hookflash.carrier.config import (
    KEYS,
    NetworkConfig,
    PhoneConfig,
    TrunkConfig,
    TrunkUser,
    example_config,
    parse_config,
)
from hookflash.carrier.profile_files import load_profile

TRUNK = {"numbers": ["+15550000001"], "origination": "sip:127.0.0.1:5060"}
PHONE = {"number": "+15105550123"}


def parsed(**values: object) -> NetworkConfig:
    return parse_config("my.yaml", {"trunks": [TRUNK], "phones": [PHONE], **values})


def test_a_configuration() -> None:
    phone = {**PHONE, "name": "sales", "does": "declines", "after": 2, "calls": "+15550000001"}
    trunk = {**TRUNK, "transfer_mode": "sip-only", "username": "me", "password": "secret"}
    found = parsed(profile="twilio", trunks=[trunk], phones=[phone])
    assert found.profile == "twilio"
    (one,) = found.trunks
    assert (one.name, one.numbers, one.transfer_mode) == (
        "trunks[0]",
        ("+15550000001",),
        "sip-only",
    )
    assert str(one.origination) == "sip:127.0.0.1:5060"
    (two,) = found.phones
    assert (two.name, two.does, two.after, two.calls) == ("sales", "declines", 2.0, "+15550000001")


def test_who_may_call_by_a_trunk() -> None:
    account = {
        **{"username": "me", "password": "secret", "users": {"you": "hidden"}},
        **{"allowed_addresses": ["192.0.2.1", "2001:db8::/32"]},
        **{"transport": "tls", "srtp": "required"},
    }
    (trunk,) = parsed(trunks=[{**TRUNK, **account}]).trunks
    assert trunk.callers == (TrunkUser("me", "secret"), TrunkUser("you", "hidden"))
    assert trunk.allowed_addresses == ("192.0.2.1", "2001:db8::/32")
    assert (trunk.transport, trunk.srtp) == ("tls", "required")
    assert not {"secret", "hidden"} & set(repr(trunk).split("'"))
    (open_,) = parsed().trunks
    assert (open_.callers, open_.allowed_addresses, open_.srtp) == ((), (), None)


def test_a_profile_is_named_in_the_file_or_not() -> None:
    assert parsed().profile == ""
    assert parsed(profile="telnyx").profile == "telnyx"


def test_every_key_can_be_written() -> None:
    read = {"trunks": config._TRUNK, "phones": config._PHONE, "account": config._ACCOUNT}
    assert {name: tuple(readers) for name, readers in read.items()} == KEYS
    assert [entry.name for entry in fields(TrunkConfig)] == list(config._TRUNK)
    assert [entry.name for entry in fields(PhoneConfig)] == list(config._PHONE)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"trunk": []}, "my.yaml: 'trunk' is unknown; allowed: profile, trunks, phones"),
        ({"trunks": {}}, "my.yaml: trunks: {} is not allowed; allowed: a list"),
        (
            {"trunks": [{**TRUNK, "numbers": "+1555"}]},
            "my.yaml: trunks[0]: numbers: '+1555' is not",
        ),
        ({"trunks": [{**TRUNK, "origination": "tel:+1"}]}, "a SIP URI such as sip:127.0.0.1:5060"),
        ({"trunks": [{**TRUNK, "origination": "here"}]}, "my.yaml: trunks[0]: origination: 'here'"),
        ({"trunks": [{"numbers": []}]}, "my.yaml: trunks[0]: 'origination' is missing"),
        ({"trunks": [{**TRUNK, "colour": 1}]}, "my.yaml: trunks[0]: 'colour' is unknown"),
        ({"phones": [{}]}, "my.yaml: phones[0]: 'number' is missing"),
        ({"phones": [{**PHONE, "does": "sings"}]}, "one of answers, busy, declines"),
        ({"phones": []}, "my.yaml: phones: [] is not allowed; allowed: one telephone at least"),
        (
            {"phones": [{**PHONE, "does": "fax", "says": "Hello"}]},
            "my.yaml: phones[0]: says: 'Hello' is not allowed; allowed: nothing with does: fax",
        ),
        ({"phones": [PHONE, PHONE]}, "'+15105550123' is there twice"),
        ({"profile": 7}, "my.yaml: profile: 7 is not allowed"),
        ({"numbers": "+1555"}, "my.yaml: numbers: '+1555' is not allowed; allowed: a list"),
        ({"numbers": ["+15550000001"]}, "'+15550000001' is there twice"),
        (
            {"trunks": [{**TRUNK, "name": "a", "numbers": []}, {**TRUNK, "name": "a"}]},
            "my.yaml: 'a' is there twice; allowed: each name of a trunk once",
        ),
        (
            {"trunks": [{**TRUNK, "username": "me"}]},
            "my.yaml: trunks[0]: username, password: 'me' is not allowed; allowed: both, or none",
        ),
        (
            {"trunks": [{**TRUNK, "allowed_addresses": ["here"]}]},
            "my.yaml: trunks[0]: allowed_addresses: ['here'] is not allowed; allowed: a list of IP",
        ),
        (
            {"trunks": [{**TRUNK, "allowed_addresses": "192.0.2.1"}]},
            "allowed: a list of IP addresses and networks such as 192.0.2.0/24",
        ),
        ({"trunks": [{**TRUNK, "srtp": True}]}, "allowed: one of none, allowed, required"),
        ({"account": {"sid": "AC1"}}, "my.yaml: account: sid: 'AC1' is not allowed; allowed: AC"),
        ({"account": {"user": "x"}}, "my.yaml: account: 'user' is unknown; allowed: sid, token"),
    ],
)
def test_an_error_names_file_key_value_and_what_is_allowed(
    values: dict[str, object], fault: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(**values)
    assert fault in str(caught.value)


def test_no_password_is_shown() -> None:
    with pytest.raises(ConfigError, match="password: 'hidden' is not allowed") as caught:
        parsed(trunks=[{**TRUNK, "password": 24681357}])
    assert "24681357" not in str(caught.value)
    with pytest.raises(ConfigError, match="users: 'hidden' is not allowed") as caught:
        parsed(trunks=[{**TRUNK, "users": {"me": 24681357}}])
    assert "24681357" not in str(caught.value)
    with pytest.raises(ConfigError, match="token: 'hidden' is not allowed"):
        parsed(account={"token": 24681357})


def test_an_account_and_numbers_that_are_on_no_trunk() -> None:
    sid = "AC" + "0123456789abcdef" * 2
    found = parsed(numbers=["+15550000009"], account={"sid": sid, "token": "mine"})
    assert found.numbers == ("+15550000009",)
    assert (found.account.sid, found.account.token) == (sid, "mine")
    assert "mine" not in repr(found)
    assert parsed().account.sid.startswith("AC")


def test_keys_that_are_pressed_at_times() -> None:
    for presses, times in (
        ("12", ((3.0, "12"),)),
        ({2: "1", 5: "23#"}, ((2.0, "1"), (5.0, "23#"))),
    ):
        (phone,) = parsed(phones=[{**PHONE, "presses": presses, "presses_after": 3}]).phones
        assert phone.key_times == times
    assert parsed().phones[0].key_times == ()


def test_files_are_beside_the_configuration() -> None:
    phone = {**PHONE, "says": "hello.wav", "records": "/tmp/heard.wav"}
    spoken = {"number": "+1511", "says": "Hello"}
    first, second = parsed(phones=[phone, spoken]).beside(Path("my/folder")).phones
    assert (first.says, first.records) == ("my/folder/hello.wav", "/tmp/heard.wav")
    assert (second.says, second.records) == ("Hello", "")


@pytest.mark.parametrize("values", [None, [], "x", 7])
def test_what_is_no_configuration(values: object) -> None:
    with pytest.raises(ConfigError, match=r"my\.yaml"):
        parse_config("my.yaml", values)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {
            "trunks": JUNK | st.lists(st.dictionaries(st.sampled_from(KEYS["trunks"]), JUNK)),
            "phones": JUNK | st.lists(st.dictionaries(st.sampled_from(KEYS["phones"]), JUNK)),
        }
    )
)
def test_whatever_stands_there_is_a_configuration_or_a_config_error(values: object) -> None:
    with contextlib.suppress(ConfigError):
        assert parse_config("my.yaml", values).phones


def test_the_example_has_a_phone_of_each_sort() -> None:
    example = example_config()
    assert {phone.does for phone in example.phones} == set(config.DOES)
    assert any(phone.menu for phone in example.phones)
    assert not any(phone.calls for phone in example.phones)
    calling = example.calling("+15550000001")
    assert [phone.calls for phone in calling.phones][:2] == ["+15550000001", ""]


def test_the_configuration_of_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "carrier.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```yml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    found = parse_config("carrier.yml", yaml.safe_load(block))
    load_profile(found.profile)
    missing = [key for keys in KEYS.values() for key in keys if f"{key}:" not in block]
    assert not missing
