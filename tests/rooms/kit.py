"""Rooms with participants, and what becomes of them, for the tests of this folder."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from hookflash.base.ids import Ids
from hookflash.rooms.events import RoomEvent
from hookflash.rooms.orders import Join, RoomDefaults
from hookflash.rooms.registry import Rooms
from hookflash.rooms.room import Participant

T = 1_700_000_000.0


def make(**settings: Any) -> Rooms:
    return Rooms(Ids(random.Random(1)), RoomDefaults(**settings))


def active(rooms: Rooms, identity: str, room: str = "r", at: float = T, **join: Any) -> Participant:
    participant, _ = rooms.join(at, room, Join(identity, **join))
    rooms.activate(at, participant)
    return participant


def speaking(rooms: Rooms, identity: str, **join: Any) -> Participant:
    participant = active(rooms, identity, **join)
    rooms.publish_audio(T, participant)
    return participant


def kinds(events: Sequence[RoomEvent]) -> list[type]:
    return [type(event) for event in events]


def run_out(rooms: Rooms) -> list[RoomEvent]:
    """Every deadline until nothing is due any more."""
    events: list[RoomEvent] = []
    while (deadline := rooms.next_deadline()) is not None:
        events += rooms.handle_deadline(deadline)
    return events
