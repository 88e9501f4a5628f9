"""What plans for the set-up at a provider have in common."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from hookflash.providers.setup_plan import (
    SetupPlanError,
    chosen,
    differences,
    holder_of,
    left_beside,
    to_attach,
    told,
)


class Thing(NamedTuple):
    sid: str
    name: str
    mode: str = ""


class Number(NamedTuple):
    sid: str
    number: str
    holder: str


THINGS = [Thing("1", "a"), Thing("2", "b"), Thing("3", "b")]
NUMBERS = [Number("N1", "+15550001", "1"), Number("N2", "+15550002", "")]


def pick(wished: str = "", holder: str = "", name: str = "hookflash") -> Thing | None:
    return chosen(
        THINGS, lambda one: (one.sid, one.name), "thing", wished=wished, holder=holder, name=name
    )


def test_what_is_named_comes_before_what_has_the_number_and_that_before_the_name() -> None:
    assert pick(wished="2", holder="1", name="a") == THINGS[1]
    assert pick(wished="a", holder="2") == THINGS[0]
    assert pick(holder="3", name="a") == THINGS[2]
    assert pick(holder="9", name="a") == THINGS[0]
    assert pick() is None


def test_what_is_not_there_or_not_clear() -> None:
    with pytest.raises(SetupPlanError, match="there is no thing 'c'"):
        pick(wished="c")
    for asked in ({"wished": "b"}, {"name": "b"}):
        with pytest.raises(SetupPlanError, match=r"several things are 'b': .* of 2, 3"):
            pick(**asked)


def test_only_what_is_wanted_and_differs_is_changed() -> None:
    changes = differences(Thing("1", "a"), {"name": "b", "sid": "1", "mode": "on"})
    assert changes == (("name", "a", "b"), ("mode", "", "on"))
    assert told(changes) == "name from a to b, mode from nothing to on"
    assert differences(Thing("1", "a"), {"name": ""}) == ()


def test_a_number_is_put_where_it_is_on_nothing() -> None:
    wanted = ("+15550001", "+15550002", "+15550003")
    assert to_attach(wanted, NUMBERS, "1", "thing") == (
        [NUMBERS[1]],
        ["+15550003 is no number of this account"],
    )
    assert to_attach(wanted[:1], NUMBERS, None, "thing") == (
        [],
        ["+15550001 is on another thing, 1: left there"],
    )
    assert holder_of(reversed(wanted), NUMBERS) == "1"
    assert holder_of(wanted[1:], NUMBERS) == ""


def test_where_calls_go_besides_is_told_to_whoever_sends_them_elsewhere() -> None:
    there = ("sip:a", "sip:b")
    assert left_beside(there, "sip:a") == ["calls that come in go to sip:b as well: left as it is"]
    assert left_beside(there[:1], "sip:a") == left_beside(there, "") == []
