"""Rows of the one matrix: side by side for each room, and nobody moves for another's sake."""

from __future__ import annotations

import random

import numpy as np

from hookflash.media.rows import Rows


def test_rooms_one_after_the_other() -> None:
    rows = Rows()
    rows.take(3)
    assert rows.layout.starts.tolist() == [0]
    assert [rows.take(1), rows.take(2)] == [range(3, 4), range(4, 6)]
    assert rows.layout.starts.tolist() == [0, 3, 4]
    assert rows.layout.room_of.tolist() == [0, 0, 0, 1, 2, 2]


def test_a_room_that_goes_leaves_its_rows_to_one_of_its_size() -> None:
    rows = Rows()
    first, _ = rows.take(3), rows.take(2)
    rows.give_back(first)
    assert rows.idle == 3
    assert rows.take(2) == range(5, 7)
    assert rows.take(3) == first
    assert rows.idle == 0
    assert len(rows) == 7


def test_when_to_begin_anew() -> None:
    rows = Rows()
    rooms = [rows.take(2) for _ in range(100)]
    for room in rooms[:66]:
        rows.give_back(room)
    assert not rows.sparse, "132 of 200 rows idle, 64 of them allowed"
    rows.give_back(rooms[66])
    assert rows.sparse


def test_whatever_comes_and_goes_no_row_has_two_rooms() -> None:
    chance, rows = random.Random(3), Rows()
    rooms: list[range] = []
    for _ in range(2000):
        if rooms and chance.random() < 0.5:
            rows.give_back(rooms.pop(chance.randrange(len(rooms))))
        else:
            rooms.append(rows.take(chance.randint(1, 5)))
        used = [row for room in rooms for row in room]
        assert len(used) == len(set(used)) == len(rows) - rows.idle
    starts, room_of = rows.layout.starts, rows.layout.room_of
    assert (np.diff(starts) > 0).all()
    assert (np.searchsorted(starts, np.arange(len(rows)), side="right") - 1 == room_of).all()
    for room in rooms:
        assert len({int(room_of[row]) for row in room}) == 1
