"""Everybody hears everybody else (calls.md §3, *mixing*)."""

from __future__ import annotations

import numpy as np

from hookflash.audio.mixer import RoomLayout, RoomMixer, mix, mix_others


def _layout(*sizes: int) -> RoomLayout:
    starts = np.cumsum([0, *sizes[:-1]], dtype=np.intp)
    return RoomLayout(starts, np.repeat(np.arange(len(sizes), dtype=np.intp), sizes))


def test_rooms_side_by_side() -> None:
    frames = np.array([[1, 10], [2, 20], [4, 40], [100, 0], [200, 0], [7, 7]], np.int16)
    layout = _layout(3, 2, 1)
    mixer = RoomMixer(8, 2)
    mixer.mix(frames * 2, layout)
    heard = mixer.mix(frames, layout)
    assert heard.tolist() == [[6, 60], [5, 50], [3, 30], [200, 0], [100, 0], [0, 0]]
    assert heard.dtype == np.int16


def test_rooms_of_every_size() -> None:
    sizes = (8, 1, 9, 2, 30, 3, 7)
    frames = np.arange(sum(sizes) * 4, dtype=np.int16).reshape(-1, 4)
    heard = RoomMixer(len(frames), 4).mix(frames, _layout(*sizes))
    rooms = np.split(frames, np.cumsum(sizes)[:-1])
    assert heard.tolist() == np.concatenate([mix_others(room) for room in rooms]).tolist()


def test_loud_sums_are_clipped_and_not_wrapped() -> None:
    frames = np.array([[30000, -30000], [30000, -30000], [100, -100]], np.int16)
    heard = RoomMixer(3, 2).mix(frames, _layout(3))
    assert heard[2].tolist() == [32767, -32768]
    assert heard[0].tolist() == [30100, -30100]
    assert mix(frames).tolist() == [32767, -32768]


def test_one_room() -> None:
    frames = np.array([[1, 2], [10, 20], [100, 200]], np.int16)
    assert mix_others(frames).tolist() == [[110, 220], [101, 202], [11, 22]]


def test_nobody() -> None:
    assert mix(np.zeros((0, 160), np.int16)).tolist() == [0] * 160
