"""Rules: every condition counts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.doctor.examples import dialled

from hookflash.doctor.facts import CaseFacts
from hookflash.doctor.rule import Rule, filled

FACTS = dialled(488, "Not Here", Reason="Q.850;cause=65", Warning='305 h "No"').facts()
RULE = Rule(
    *("name", "call refused", "{status} {phrase} {peer} {warning} {reason} {host}", "", "s"),
    peers=("", "twilio"),
    statuses=(488, 606),
    phrase="not here",
    reason="cause=65",
    warning="^305",
    when=lambda facts: facts.outbound,
)


def test_all_conditions_hold() -> None:
    assert RULE.fits(FACTS)
    said = '488 Not Here the peer 305 h "No" Q.850;cause=65 sip.example.org'
    assert filled(RULE.meaning, FACTS) == said
    assert filled("{allow}", FACTS) == "not said"


def test_a_status_without_a_phrase_has_that_of_the_rfcs() -> None:
    assert filled("{status} {phrase}", replace(FACTS, phrase="")) == "488 Not Acceptable Here"
    assert filled("{status} {phrase}", CaseFacts("nothing")) == "not said not said"


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "we refused"},
        {"peers": ("twilio",)},
        {"statuses": (487,)},
        {"phrase": "^here"},
        {"reason": "cause=6$"},
        {"warning": "^399"},
        {"when": lambda _: False},
    ],
)
def test_and_where_one_does_not_the_rule_says_nothing(change: dict[str, object]) -> None:
    assert not replace(RULE, **change).fits(FACTS)  # type: ignore[arg-type]


def test_braces_of_a_peer_are_words() -> None:
    facts = dialled(488, "{status} {0}").facts()
    assert filled("{phrase}", facts) == "{status} {0}"
