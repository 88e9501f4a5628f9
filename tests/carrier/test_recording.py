"""What is kept of what a telephone hears."""

from __future__ import annotations

import numpy as np

from hookflash.audio.tone_bank import Pcm
from hookflash.carrier import recording as module
from hookflash.carrier.recording import Recording
from hookflash.carrier.wave_files import read_wave


def packet(value: int, samples: int = 160) -> Pcm:
    return np.full(samples, value, np.int16)


def values(recording: Recording) -> list[tuple[int, int]]:
    """(value, how many samples of it), one after the other."""
    found: list[tuple[int, int]] = []
    for value in recording.samples.tolist():
        if found and found[-1][0] == value:
            found[-1] = (value, found[-1][1] + 1)
        else:
            found.append((value, 1))
    return found


def test_packets_one_after_the_other() -> None:
    one = Recording(100.0)
    assert len(one.samples) == 0
    for number in range(1, 4):
        one.heard(100.0 + 0.02 * number, 7, 5000 + 160 * number, packet(number))
    assert values(one) == [(1, 160), (2, 160), (3, 160)]
    assert one.seconds == 0.06
    assert np.array_equal(read_wave("a.wav", one.wave()), one.samples)


def test_what_is_lost_is_silence_as_long_as_it_was() -> None:
    """By the timestamps, however late the packets are read."""
    one = Recording(100.0)
    one.heard(100.02, 7, 0xFFFFFFFF - 159, packet(1))
    one.heard(103.0, 7, 320, packet(2))
    one.heard(103.0, 7, 160, packet(9))  # late
    one.heard(103.0, 7, 320, packet(9))  # twice
    one.heard(103.0, 7, 480, packet(3))
    assert values(one) == [(1, 160), (0, 320), (2, 160), (3, 160)]


def test_another_source_begins_where_the_time_is() -> None:
    one = Recording(100.0)
    one.heard(100.02, 7, 0, packet(1))
    one.heard(101.0, 8, 1, packet(2))
    assert values(one) == [(1, 160), (0, 7680), (2, 160)]
    one.heard(101.02, 8, 90_000_000, packet(3))  # its clock jumps
    assert values(one)[-2:] == [(2, 160), (3, 160)]
    one.heard(101.02, 9, 5, packet(4))  # none is lost where another one is too early
    assert values(one)[-1] == (4, 160)


def test_timestamps_may_have_another_clock() -> None:
    """As those of Opus have (RFC 7587 §4.1)."""
    one = Recording(100.0)
    one.heard(100.02, 7, 0xFFFFFFFF - 959, packet(1), 48000)
    one.heard(103.0, 7, 1920, packet(2), 48000)
    one.heard(103.0, 7, 960, packet(9), 48000)  # late
    one.heard(103.0, 7, 2880, packet(3), 48000)
    assert values(one) == [(1, 160), (0, 320), (2, 160), (3, 160)]
    one.heard(103.0, 7, 2880 + 960 + 9 * 48000, packet(4), 48000)
    assert values(one)[-2:] == [(0, 9 * 8000), (4, 160)]


def test_it_is_as_long_as_the_call() -> None:
    one = Recording(100.0)
    one.heard(100.02, 7, 0, packet(1))
    one.end(100.5)
    assert values(one) == [(1, 160), (0, 3840)]
    assert one.over
    one.heard(100.6, 7, 160, packet(2))
    assert one.seconds == 0.5


def test_it_ends_after_ten_minutes() -> None:
    assert module.LONGEST == 600
    one = Recording(0.0)
    one.heard(599.99, 7, 0, packet(1))
    one.heard(600.01, 7, 160, packet(2))
    assert one.seconds == 600
    one.heard(99999.0, 8, 160, packet(2))
    one.end(99999.0)
    assert one.seconds == 600
