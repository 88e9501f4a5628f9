"""Profiles as data: what a trait may be, and what is said of one that it may not be."""

from __future__ import annotations

import contextlib
import re
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.base.errors import ConfigError
from hookflash.carrier import manners
from hookflash.carrier.manners import TRAITS, CarrierManners, parse_profile, refusal

FILE = "profiles/mine.yaml"


def profile(**traits: object) -> manners.Profile:
    lines = {name: {"value": value, "assumed": True} for name, value in traits.items()}
    return parse_profile(FILE, {"title": "Mine", **lines})


def test_a_profile() -> None:
    line = {"value": 0, "source": "a page, 2026-10", "why": "it says so"}
    found = parse_profile(
        FILE,
        {
            "title": "Mine",
            "hang_up_after": line,
            "target_forms": {"value": ["tel", "ip"], "assumed": True},
        },
    )
    assert (found.name, found.title) == ("mine", "Mine")
    assert found.manners == CarrierManners(hang_up_after=0.0, target_forms=("tel", "ip"))
    first, second = found.traits
    assert (first.name, first.value, first.assumed) == ("hang_up_after", 0.0, False)
    assert (first.source, first.why) == ("a page, 2026-10", "it says so")
    assert second.assumed


def test_every_trait_can_be_written() -> None:
    assert set(TRAITS) == set(manners._READERS)
    assert tuple(entry.name for entry in fields(CarrierManners)) == TRAITS


WRONG = [
    ("refer", "maybe", "one of always, trunk-setting, never"),
    ("refused_status", 200, "a SIP status from 300 to 699"),
    ("refused_status", True, "a SIP status"),
    ("target_forms", [], "a list of tel, own-domain, foreign-sip, ip"),
    ("target_forms", ["fax"], "a list of tel"),
    ("headers_required", "Diversion", "a list of names of headers"),
    ("headers_required", ["a b"], "a list of names of headers"),
    ("added_headers", {"X-A": "a\nb"}, "a mapping from names of headers"),
    ("added_headers", ["X-A"], "a mapping from names of headers"),
    ("digest", True, "one of none, refer, calls, all"),
    ("accounts", "none", "one of optional, required"),
    ("account_check", "any", "one of both, either"),
    ("caller_id_rule", "own", "one of any, refused, replaced"),
    ("forbidden_status", 200, "a SIP status from 300 to 699"),
    ("transport", "udp", "one of any, tls"),
    ("error_header", "a b", "the name of a header"),
    ("error_texts", {"mood": "bad"}, "a mapping from account, address, password, caller-id"),
    ("error_texts", {"account": 7}, "to texts in one line"),
    ("srtp", True, "one of none, allowed, required"),
    ("hold", "yes", "true or false"),
    ("hang_up_after", -1, "seconds from 0 to 3600, or null for never"),
    ("notify_delay", None, "seconds from 0 to 3600"),
    ("domain", "localhost", "a domain such as"),
    ("record_route", 6, "a whole number from 0 to 5"),
    ("session_expires", True, "a whole number from 0 to 7200"),
    ("max_calls", -1, "a whole number from 0 to 1000, or null for any number"),
    ("ptime", 30, "one of 20, 40, 60"),
    ("t1", 0, "one of 100, 200, 500, 1000, 2000"),
    ("codecs", ["G722"], "a list of PCMU, PCMA, opus"),
    ("number_format", "local", "one of e164, e164-without-plus, national"),
    ("user_agent", "", "a text of ASCII in one line"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), WRONG)
def test_an_error_names_file_trait_value_and_what_is_allowed(
    name: str, value: object, allowed: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        profile(**{name: value})
    text = str(caught.value)
    assert text.startswith(f"{FILE}: {name}: {value!r} is not allowed; allowed: ")
    assert allowed in text


def test_a_trait_that_there_is_not() -> None:
    with pytest.raises(ConfigError, match=r"mine.yaml: 'refre' is no trait; allowed: refer, "):
        profile(refre="always")
    with pytest.raises(ConfigError, match=r"mine.yaml: 7 is no trait"):
        parse_profile(FILE, {"title": "Mine", 7: {"value": 1, "assumed": True}})


@pytest.mark.parametrize(
    "line",
    [
        {"value": "none"},
        {"value": "none", "source": "a page", "assumed": True},
        {"value": "none", "assumed": False},
        {"value": "none", "source": ""},
        {"source": "a page"},
        {"value": "none", "source": "a page", "sauce": 1},
        True,
    ],
)
def test_a_trait_has_a_source_or_is_assumed(line: object) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{FILE}: digest")):
        parse_profile(FILE, {"title": "Mine", "digest": line})


@pytest.mark.parametrize("values", [None, [], "x", {}, {"title": ""}])
def test_what_is_no_profile(values: object) -> None:
    with pytest.raises(ConfigError, match=FILE):
        parse_profile(FILE, values)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
LINES = st.fixed_dictionaries({"value": JUNK}, optional={"source": JUNK, "assumed": JUNK})


@given(JUNK | st.dictionaries(st.sampled_from([*TRAITS, "title"]), LINES | JUNK, max_size=4))
def test_whatever_stands_there_is_a_profile_or_a_config_error(values: object) -> None:
    with contextlib.suppress(ConfigError):
        found = parse_profile(FILE, values)
        assert all(trait.source or trait.assumed for trait in found.traits)


def test_a_phrase_of_its_own() -> None:
    assert refusal(603, "") == (603, "Decline")
    assert refusal(603, "Transfer not allowed") == (603, "Transfer not allowed")
