"""Keys as LiveKit's SipDTMF (conformance/room-events.json)."""

from __future__ import annotations

import random

import pytest

from hookflash.base.ids import Ids
from hookflash.rooms.dtmf import MAX_DIGITS, dtmf, server_dtmf
from hookflash.rooms.events import DtmfPause, DtmfReceived
from hookflash.rooms.registry import Rooms
from hookflash.rooms.rules import RoomRefused


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
        DtmfReceived(room, None, digit, code, ("a",), None, False, 2.0)
    ]


@pytest.mark.parametrize("pressed", ["", "12", "e", "w", " "])
def test_what_is_no_key(pressed: str) -> None:
    room, _ = Rooms(Ids(random.Random(1))).create(1.0, "r")
    assert dtmf(2.0, room, None, pressed) == []


def test_a_server_side_client_sends_several_keys_with_pauses() -> None:
    room, _ = Rooms(Ids(random.Random(1))).create(1.0, "r")
    assert server_dtmf(2.0, room, "1wx#", ["a"]) == [
        DtmfReceived(room, None, "1", 1, ("a",), None, False, 2.0),
        DtmfPause(room, ("a",), 2.0),
        DtmfReceived(room, None, "#", 11, ("a",), None, False, 2.0),
    ]
    with pytest.raises(RoomRefused):
        server_dtmf(2.0, room, "1" * (MAX_DIGITS + 1))
