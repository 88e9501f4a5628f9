"""The seam between leg and desk is plain data."""

from __future__ import annotations

from typing import get_args

from hookflash.calls.transfers import transferor as transferor_module
from hookflash.calls.transfers.transferor_effects import (
    HangUp,
    LeaveRoom,
    SendProbe,
    SendRefer,
    SendSubscribe,
    TransferOrder,
    TransferorEffect,
)


def test_the_effects_of_a_desk_are_these() -> None:
    assert set(get_args(TransferorEffect)) == {
        SendRefer,
        SendSubscribe,
        SendProbe,
        HangUp,
        LeaveRoom,
    }


def test_effects_compare_by_value() -> None:
    effect = HangUp("transferred", transfer=True)
    assert effect == HangUp("transferred", transfer=True)


def test_the_order_is_found_beside_the_desk() -> None:
    assert transferor_module.TransferOrder is TransferOrder
