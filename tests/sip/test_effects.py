"""Effects are frozen data: nobody can change one on its way."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from hookflash.sip import effects


@pytest.mark.parametrize("kind", typing.get_args(effects.SipEffect))
def test_effects_are_light_dataclasses(kind: type) -> None:
    assert dataclasses.is_dataclass(kind)
    params = kind.__dataclass_params__  # type: ignore[attr-defined]
    assert (params.unsafe_hash, params.frozen) == (True, True)
    assert "__slots__" in vars(kind)
