"""The seam between leg and desk is plain data."""

from __future__ import annotations

from typing import get_args

from hookflash.calls.transfers import desk as transfer_desk
from hookflash.calls.transfers.desk_effects import (
    DeskEffect,
    HangUp,
    LeaveRoom,
    SendProbe,
    SendRefer,
    SendSubscribe,
    TransferOrder,
)


def test_the_effects_of_a_desk_are_these() -> None:
    assert set(get_args(DeskEffect)) == {SendRefer, SendSubscribe, SendProbe, HangUp, LeaveRoom}


def test_effects_compare_by_value() -> None:
    effect = HangUp("transferred", transfer=True)
    assert effect == HangUp("transferred", transfer=True)


def test_the_order_is_found_beside_the_desk() -> None:
    assert transfer_desk.TransferOrder is TransferOrder
