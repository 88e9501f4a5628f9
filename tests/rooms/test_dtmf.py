"""Keys as LiveKit's SipDTMF (conformance/room-events.json)."""

from __future__ import annotations

import random

import pytest

from hookflash.base.ids import Ids
from hookflash.rooms.dtmf import dtmf
from hookflash.rooms.events import DtmfReceived
from hookflash.rooms.registry import Rooms


@pytest.mark.parametrize(
    ("pressed", "digit", "code"),
    [
        *(("0", "0", 0), ("1", "1", 1), ("9", "9", 9), ("*", "*", 10), ("#", "#", 11)),
        *(("A", "a", 12), ("d", "d", 15)),
    ],
)
def test_codes(pressed: str, digit: str, code: int) -> None:
    room, _ = Rooms(Ids(random.Random(1))).create(1.0, "r")
    assert dtmf(2.0, room, None, pressed, ["a"]) == [
        DtmfReceived(room, None, digit, code, ("a",), 2.0)
    ]


@pytest.mark.parametrize("pressed", ["", "12", "e", "w", " "])
def test_what_is_no_key(pressed: str) -> None:
    room, _ = Rooms(Ids(random.Random(1))).create(1.0, "r")
    assert dtmf(2.0, room, None, pressed) == []
