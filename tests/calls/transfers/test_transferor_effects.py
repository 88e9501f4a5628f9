"""The seam between leg and transferor is plain data."""

from __future__ import annotations

from typing import get_args

from hookflash.calls.transfers.transferor_effects import (
    HangUp,
    LeaveRoom,
    SendProbe,
    SendSubscribe,
    TransferorEffect,
)


def test_the_effects_of_a_transferor_are_these() -> None:
    assert set(get_args(TransferorEffect)) == {SendSubscribe, SendProbe, HangUp, LeaveRoom}


def test_effects_compare_by_value() -> None:
    effect = HangUp("transferred", transfer=True)
    assert effect == HangUp("transferred", transfer=True)
