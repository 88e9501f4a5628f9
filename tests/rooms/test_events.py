"""Events are frozen and complete."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import get_args

import pytest

from hookflash.rooms import events
from hookflash.rooms.events import RoomEvent, RoomStarted
from hookflash.rooms.room import Room, RoomOptions


def test_every_event_has_room_and_time_and_is_in_the_union() -> None:
    made_here = {
        found
        for found in vars(events).values()
        if is_dataclass(found) and isinstance(found, type) and found.__module__ == events.__name__
    }
    assert made_here == set(get_args(RoomEvent))
    for event in made_here:
        names = [field.name for field in fields(event)]
        assert names[0] == "room"
        assert names[-1] == "at"


def test_they_are_frozen() -> None:
    room = Room("RM_1", "r", 1.0, RoomOptions(), turn_password="x")
    event = RoomStarted(room, 1.0)
    with pytest.raises(FrozenInstanceError):
        event.at = 2.0  # type: ignore[misc]
