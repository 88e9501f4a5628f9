"""Everybody hears everybody else (calls.md §3, *mixing*)."""

from __future__ import annotations

import numpy as np

from hookflash.audio.mixer import RoomMixer, mix, mix_others


def test_rooms_side_by_side() -> None:
    frames = np.array([[1, 10], [2, 20], [4, 40], [100, 0], [200, 0], [7, 7]], np.int16)
    starts = np.array([0, 3, 5], np.intp)
    room_of = np.array([0, 0, 0, 1, 1, 2], np.intp)
    mixer = RoomMixer(8, 2)
    mixer.mix(frames * 2, starts, room_of)
    heard = mixer.mix(frames, starts, room_of)
    assert heard.tolist() == [[6, 60], [5, 50], [3, 30], [200, 0], [100, 0], [0, 0]]
    assert heard.dtype == np.int16


def test_loud_sums_are_clipped_and_not_wrapped() -> None:
    frames = np.array([[30000, -30000], [30000, -30000], [100, -100]], np.int16)
    heard = RoomMixer(3, 2).mix(frames, np.array([0]), np.array([0, 0, 0]))
    assert heard[2].tolist() == [32767, -32768]
    assert heard[0].tolist() == [30100, -30100]
    assert mix(frames).tolist() == [32767, -32768]


def test_one_room() -> None:
    frames = np.array([[1, 2], [10, 20], [100, 200]], np.int16)
    assert mix_others(frames).tolist() == [[110, 220], [101, 202], [11, 22]]


def test_nobody() -> None:
    assert mix(np.zeros((0, 160), np.int16)).tolist() == [0] * 160
