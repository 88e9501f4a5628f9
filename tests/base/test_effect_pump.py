"""Effects in order."""

from __future__ import annotations

import pytest

from hookflash.base.effect_pump import EffectPump


def test_what_comes_of_an_effect_waits_for_its_turn() -> None:
    done: list[str] = []
    told: list[bool] = []

    def perform(effect: str) -> None:
        done.append(effect)
        if effect == "a":
            told.append(pump.do(["a1", "a2"]))

    pump: EffectPump[str] = EffectPump(perform)
    assert pump.do(["a", "b"])
    assert (done, told) == (["a", "b", "a1", "a2"], [False])


def test_after_one_that_fails_it_goes_on() -> None:
    done: list[int] = []

    def perform(effect: int) -> None:
        done.append(1 // effect)

    pump: EffectPump[int] = EffectPump(perform)
    with pytest.raises(ZeroDivisionError):
        pump.do([0, 1])
    assert pump.do([])
    assert done == [1]
