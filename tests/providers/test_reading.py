"""Presets from files: errors name file, key, value and what is allowed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from hookflash.providers.preset import UNKNOWN, FactSource
from hookflash.providers.reading import KEYS, PresetError, read_preset

WHOLE: dict[str, Any] = {
    "title": "Acme",
    "sources": {"page": {"kind": "doc", "at": "https://acme.example/refer", "date": "2026-10"}},
    **{key: UNKNOWN for key, rule in KEYS.items() if not rule.optional},
    "refer": {"value": True, "source": "page", "note": "since spring"},
    "refer_to": {"value": "sip:{number}@{domain}", "assumed": True},
    "limits": {"value": ["one", "two"], "source": "page"},
    "headers": {"value": {"Diversion": "<sip:{ours}@{domain}>"}, "source": "page"},
}


def changed(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(WHOLE), **changes}


def test_a_whole_preset() -> None:
    preset = read_preset("acme.yaml", WHOLE)
    page = FactSource("doc", "https://acme.example/refer", "2026-10")
    assert (preset.name, preset.title) == ("acme", "Acme")
    assert preset.value("refer") == "yes"  # YAML reads a bare yes as true
    assert (preset.facts["refer"].source, preset.facts["refer"].note) == (page, "since spring")
    assert preset.facts["refer_to"].assumed
    assert preset.facts["limits"].lines == ("one", "two")
    assert preset.headers == {"Diversion": "<sip:{ours}@{domain}>"}
    assert preset.value("notify") == UNKNOWN


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"refer": {"value": "no"}}, "acme.yaml: refer.source: None is not allowed; a fact has a"),
        ({"refer": {"value": "no", "source": "page", "assumed": True}}, "assumed: true"),
        ({"refer": {"value": "no", "source": "book"}}, "'book' is not allowed; the sources are"),
        ({"refer": {"value": "maybe", "source": "page"}}, "refer: 'maybe' is not allowed; yes, sw"),
        ({"refer": {"value": "no", "source": "page", "why": "x"}}, "refer.why: 'x'"),
        ({"refer": {"value": "no", "assumed": "yes"}}, "refer.assumed: 'yes'"),
        ({"refer": "no"}, "refer: 'no' is not allowed; keys with values are"),
        ({"refers": UNKNOWN}, "refers: 'unknown' is not allowed; the keys are title, sources, ref"),
        ({"title": " "}, "title: ' ' is not allowed; one line of text is"),
        ({"limits": {"value": "one", "source": "page"}}, "limits: 'one' is not allowed; a list"),
        ({"limits": {"value": [], "source": "page"}}, "limits: [] is not allowed; a list of texts"),
        ({"limits": {"value": ["a\nb"], "source": "page"}}, "one line of text is"),
        ({"refer_to": {"value": "sip:{who}@x", "source": "page"}}, "{number} and {domain} are"),
        ({"refer_to": {"value": "sip:{number", "source": "page"}}, "{number} and {domain} are"),
        ({"headers": {"value": {"Di ver": "x"}, "source": "page"}}, "the name of a header is"),
        ({"headers": {"value": {"X-A": "{number}"}, "source": "page"}}, "{ours} and {domain} are"),
        ({"sources": []}, "sources: [] is not allowed; keys with values are"),
        (
            {"sources": {"page": {"kind": "doc", "at": "x", "date": "soon"}}},
            "YYYY-MM or YYYY-MM-DD",
        ),
        ({"sources": {"page": {"kind": "gossip", "at": "x", "date": "2026-10"}}}, "doc, issue"),
        ({"sources": {"page": {"kind": "doc", "date": "2026-10"}}}, "sources.page.at: None"),
        (
            {"sources": {"page": {"kind": "doc", "at": "x", "date": "2026-10", "by": "y"}}},
            "sources.page.by: 'y'",
        ),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(PresetError) as caught:
        read_preset("acme.yaml", changed(**changes))
    assert str(caught.value).startswith("acme.yaml: ")
    assert words in str(caught.value)


def test_a_key_that_is_left_out_is_an_error_and_an_optional_one_is_not() -> None:
    content = changed()
    del content["cost"]
    with pytest.raises(PresetError, match="cost: None is not allowed; say it, or `unknown`"):
        read_preset("acme.yaml", content)
    assert "instead" not in read_preset("acme.yaml", WHOLE).facts


def test_a_source_that_no_fact_names_is_an_error() -> None:
    page = WHOLE["sources"]["page"]
    content = changed(sources={"page": page, "other": {**page, "at": "https://other.example"}})
    with pytest.raises(PresetError, match="sources: 'other' is not allowed"):
        read_preset("acme.yaml", content)


def test_what_is_not_known_may_say_why_and_needs_no_source() -> None:
    preset = read_preset("acme.yaml", changed(cost={"value": UNKNOWN, "note": "not found"}))
    assert not preset.facts["cost"].known
    assert preset.facts["cost"].note == "not found"


def test_no_keys_at_all() -> None:
    with pytest.raises(PresetError, match="the file: None is not allowed"):
        read_preset("acme.yaml", None)
