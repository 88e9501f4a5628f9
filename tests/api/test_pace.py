"""How often a WebSocket is read."""

from __future__ import annotations

from hookflash.api.pace import FRAME, LONGEST, OCTET, SAVED, SHARE, Pace, Pacing


def paused(pacing: Pacing, seconds: float, took: float, size: int = 0) -> tuple[int, float]:
    """Messages that one sends as fast as they are read in that time, and the pauses between
    them."""
    pace, now, count, rest = Pace(pacing), 0.0, 0, 0.0
    while now < seconds:
        now += took
        wait = pace.spent(now, took, size)
        now, rest, count = now + wait, rest + wait, count + 1
    return count, rest


def test_a_join_is_not_slowed_down() -> None:
    pace = Pace(Pacing())
    assert [pace.spent(n / 100, 0.005, 1000) for n in range(40)] == [0.0] * 40


def test_whoever_sends_without_end_has_a_share_of_the_time() -> None:
    count, rest = paused(Pacing(), 100, 0.002)
    assert abs(count * (0.002 + FRAME) - 100 * SHARE - SAVED) < 0.5
    assert rest > 100 * (1 - SHARE) - 3


def test_what_costs_nothing_is_counted_too() -> None:
    count, _ = paused(Pacing(), 10, 0.0)
    assert count <= (10 * SHARE + SAVED) / FRAME + 1
    count, _ = paused(Pacing(), 10, 0.0, 1 << 20)
    assert count <= (10 * SHARE + SAVED) / (OCTET * (1 << 20)) + 1


def test_those_who_are_slowed_share_it() -> None:
    pacing = Pacing()
    pacing.slowed = 10
    count, _ = paused(pacing, 100, 0.002)
    assert abs(count * (0.002 + FRAME) - 10 * SHARE - SAVED) < 0.5


def test_a_pause_ends() -> None:
    pace = Pace(Pacing())
    assert pace.spent(0, 100.0, 0) == LONGEST
    assert pace.spent(LONGEST, 0.0, 0) == LONGEST


def test_whoever_is_quiet_saves_no_more_than_a_little() -> None:
    pace = Pace(Pacing())
    pace.spent(0, 0.0, 0)
    assert pace.spent(1000, SAVED + 0.1, 0) > 0
