"""Rooms of telephones and WebRTC clients against the oracle, each run by its seed.

A failing seed is printed with its trace; `python -m tests.simulation.rooms_simulation SEED` runs
it again.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from tests.simulation.rooms_simulation import RoomsSimulation, first_wrong, main

from hookflash.rooms.room import Participant
from hookflash.signalling.subscriptions import Subscriptions

SHORT = 200
LONG = 5_000
PROCESSES = 2


def judge(seeds: range) -> int:
    """How many runs; AssertionError with the trace of the first that is wrong."""
    wrong = first_wrong(seeds)
    if wrong is not None:
        simulation = RoomsSimulation(wrong)
        problems = simulation.run()
        raise AssertionError("\n".join((*simulation.trace, *problems, f"seed {wrong}")))
    return len(seeds)


def test_some_rooms() -> None:
    assert judge(range(1_000_000, 1_000_000 + SHORT)) == SHORT


@pytest.mark.long
@pytest.mark.timeout(600)
def test_five_thousand_rooms() -> None:
    share = LONG // PROCESSES
    seeds = [range(number * share, (number + 1) * share) for number in range(PROCESSES)]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        assert sum(pool.map(judge, seeds)) == LONG


def test_a_seed_replays_and_its_trace_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = RoomsSimulation(7), RoomsSimulation(7)
    assert first.run() == second.run() == []
    assert first.trace == second.trace != RoomsSimulation(8).trace
    assert main(["7"]) == 0
    text = capsys.readouterr().out
    assert "joins" in text
    assert text.endswith("seed 7: as it should be\n")


def test_a_permission_that_is_passed_over_is_noticed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Participant, "admits", lambda *_: True)
    wrong = first_wrong(range(100))
    assert wrong is not None
    assert main([str(wrong)]) == 1
    assert "hears: " in capsys.readouterr().out


def test_a_subscription_that_is_kept_over_a_move_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Subscriptions, "drop", lambda self: self._taken.clear())
    assert first_wrong(range(200)) is not None
