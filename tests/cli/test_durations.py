from __future__ import annotations

import pytest

from hookflash.cli.durations import clock, duration, moment


def test_seconds_as_protobuf() -> None:
    assert duration(0.0) is None
    made = duration(1.25)
    assert made is not None
    assert (made.seconds, made.nanos) == (1, 250_000_000)


@pytest.mark.parametrize(
    ("seconds", "text"), [(-3.0, "0:00"), (59.9, "0:59"), (245, "4:05"), (3723, "1:02:03")]
)
def test_seconds_as_people_read_them(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_times_are_utc() -> None:
    assert moment(1772287439.9) == "2026-02-28 14:03:59"
