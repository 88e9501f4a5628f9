"""calls.md §3 "no media", and max_call_duration: the clocks alone."""

from __future__ import annotations

from collections.abc import Callable

from hookflash.calls.legs.media_watch import DurationLimit, MediaWatch


def at(last: float | None) -> Callable[[], float | None]:
    """The last packet came then."""
    return lambda: last


def watch(now: float = 0.0) -> MediaWatch:
    made = MediaWatch(30.0, 15.0)
    made.start(now)
    return made


def test_30_seconds_to_the_first_packet() -> None:
    made = watch()
    assert made.next_deadline() == 30
    assert not made.dead(29.9, at(None))
    assert made.dead(30, at(None))


def test_then_15_seconds_from_packet_to_packet() -> None:
    made = watch()
    made.heard(5)
    made.heard(6)
    assert made.next_deadline() == 20
    assert not made.dead(20, at(18))
    assert made.next_deadline() == 33
    assert not made.dead(32.9, at(18))
    assert made.dead(33, at(18))


def test_packets_that_nobody_announced_count() -> None:
    made = watch()
    assert not made.dead(30, at(25))
    assert made.next_deadline() == 40


def test_packets_are_asked_for_when_it_is_time_and_not_before() -> None:
    def asked() -> None:
        raise AssertionError("asked")

    made = watch()
    assert not made.dead(29.9, asked)
    made.stop()
    assert not made.dead(100, asked)


def test_suspended_and_afresh_after_it() -> None:
    made = watch()
    made.heard(1)
    made.suspend(10, held=True)
    assert made.next_deadline() is None
    assert not made.dead(100, at(None))
    made.suspend(20, transfer=True)
    made.suspend(30, held=False)
    assert made.next_deadline() is None, "one reason is enough"
    made.suspend(40, transfer=False)
    assert made.next_deadline() == 55
    made.suspend(50, transfer=False)
    assert made.next_deadline() == 55, "nothing changed"


def test_a_suspension_at_the_last_moment_counts() -> None:
    made = watch()
    made.suspend(30, held=True)
    assert not made.dead(30, at(None))
    made.suspend(31, held=False)
    assert made.next_deadline() == 61, "no packet was ever heard"


def test_heard_before_the_start_and_on_hold() -> None:
    made = MediaWatch(30.0, 15.0)
    made.heard(0)
    assert made.next_deadline() is None
    made.start(5)
    assert made.next_deadline() == 20
    made.stop()
    assert made.next_deadline() is None
    made.suspend(6, held=True)
    made.suspend(7, held=False)
    assert made.next_deadline() is None, "stopped for good"


def test_duration_stands_still_while_paused() -> None:
    limit = DurationLimit(60)
    limit.pause(5)
    assert limit.next_deadline() is None
    limit.run(10)
    limit.run(20)
    assert limit.next_deadline() == 70
    limit.pause(50)
    assert not limit.due(1000)
    limit.run(100)
    assert limit.next_deadline() == 120
    assert not limit.due(119)
    assert limit.due(120)
    limit.stop()
    assert limit.next_deadline() is None
