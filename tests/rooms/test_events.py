"""Events are complete."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import get_args

from hookflash.rooms import events
from hookflash.rooms.events import RoomEvent


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
