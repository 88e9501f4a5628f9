"""A lost sound fades; what was never heard stays silent."""

from __future__ import annotations

import numpy as np

from hookflash.media.concealer import Concealer


def make() -> Concealer:
    return Concealer(lambda line: np.frombuffer(line, np.int16), 160)


def good(level: int = 9000) -> bytes:
    return np.full(160, level, np.int16).tobytes()


def test_a_lost_sound_fades_within_60_ms() -> None:
    concealer = make()
    concealer.line = good()
    assert not concealer.silent
    line = np.concatenate([concealer.fill() for _ in range(5)]).astype(np.int32)
    assert (np.diff(line) <= 0).all()
    assert line[0] > 8900
    assert line[3 * 160 - 1] < 100
    assert not line[3 * 160 :].any()
    assert concealer.silent


def test_the_next_good_frame_is_the_one_that_fades_next() -> None:
    concealer = make()
    concealer.line = good()
    concealer.fill()
    concealer.line = good(500)
    assert concealer.fill()[0] == 500


def test_before_the_first_frame_there_is_nothing_to_fade() -> None:
    concealer = make()
    assert concealer.silent
    assert not concealer.fill().any()


def test_what_fades_goes_on_fading_at_another_rate() -> None:
    concealer = make()
    concealer.line = good()
    first = concealer.fill()
    concealer.change_rate(lambda line: np.frombuffer(line, np.int16), 320)
    second = concealer.fill()
    assert len(second) == 320
    assert abs(int(first[-1]) - int(second[0])) < 100
    concealer.line = good(500)
    concealer.change_rate(lambda line: np.frombuffer(line, np.int16), 80)
    assert concealer.line is None
    assert not concealer.silent
    assert concealer.fill().tolist()[0] == 500
