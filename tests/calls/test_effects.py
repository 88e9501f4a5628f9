"""Effects of a leg are frozen data, and each has somebody who performs it."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from hookflash.calls import effects

KINDS = typing.get_args(effects.LegEffect)


@pytest.mark.parametrize("kind", KINDS)
def test_effects_are_light_dataclasses(kind: type) -> None:
    assert dataclasses.is_dataclass(kind)
    assert kind.__struct_config__.frozen  # type: ignore[attr-defined]


def test_each_is_performed_by_one() -> None:
    switchboard = {*typing.get_args(effects.EndpointEffect), effects.LegFinished}
    owner = {*typing.get_args(effects.OwnerEffect), effects.LateNotify, effects.ReferReceived}
    assert switchboard | owner == set(KINDS)
    assert not switchboard & owner


def test_no_effect_is_left_out_of_the_union() -> None:
    defined = {
        kind
        for kind in vars(effects).values()
        if isinstance(kind, type) and kind.__module__ == effects.__name__
    }
    assert defined == set(KINDS)
