"""The figures of a load run."""

from __future__ import annotations

from hookflash.carrier.load_figures import LoadFigures, LoadTimes
from hookflash.carrier.load_verdicts import LoadVerdict


def test_times_by_rank() -> None:
    assert LoadTimes.of([]) is None
    assert LoadTimes.of([3.0]) == LoadTimes(3.0, 3.0, 3.0)
    hundred = [float(number) for number in range(100, 0, -1)]
    assert LoadTimes.of(hundred) == LoadTimes(50.0, 95.0, 100.0)
    assert LoadTimes(0.12345, 1.0, 2.0).as_json() == {"median": 0.1235, "p95": 1.0, "max": 2.0}


def test_nothing_yet() -> None:
    found = LoadFigures().as_json()
    assert found["set_up"] is None
    assert found["transfer"] is None


def test_everything_is_counted() -> None:
    figures = LoadFigures()
    for _ in range(4):
        figures.placed()
    figures.answered(0.01)
    figures.answered(0.03)
    figures.over(answered=True, failure="")
    figures.answered(0.02)
    figures.over(answered=False, failure="503 Service Unavailable")
    figures.over(answered=True, failure="heard nothing")
    figures.transferred(LoadVerdict("completed"), 1.5)
    figures.transferred(LoadVerdict("not completed", "486 Busy Here"), 9.0)
    figures.transferred(LoadVerdict("not known", "STR_UNSPECIFIED"), 9.0)
    figures.transferred(LoadVerdict("wrong", "one thing, and another"), 9.0)
    assert figures.up == 1
    assert figures.transfers == 4
    assert figures.as_json() == {
        "calls": {
            "tried": 4,
            "answered": 3,
            "failed": 2,
            "ended_early": 0,
            "at_once": 2,
            "failures": {"503 Service Unavailable": 1, "heard nothing": 1},
        },
        "set_up": {"median": 0.02, "p95": 0.03, "max": 0.03},
        "transfers": {
            "asked": 4,
            "completed": 1,
            "not_completed": 1,
            "not_known": 1,
            "wrong": 1,
            "reasons": {"486 Busy Here": 1, "STR_UNSPECIFIED": 1},
        },
        "transfer": {"median": 1.5, "p95": 1.5, "max": 1.5},
    }
