"""Effects of a leg are frozen data, and the exchange has a performer for each."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from hookflash.calls import effects

KINDS = typing.get_args(effects.LegEffect)


@pytest.mark.parametrize("kind", KINDS)
def test_effects_are_light_dataclasses(kind: type) -> None:
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.unsafe_hash  # type: ignore[attr-defined]


def test_no_effect_is_left_out_of_the_union() -> None:
    defined = {
        kind
        for kind in vars(effects).values()
        if isinstance(kind, type) and kind.__module__ == effects.__name__
    }
    assert defined == set(KINDS)
