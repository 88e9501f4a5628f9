"""The simulation replays, is read by people, and notices what is wrong."""

from __future__ import annotations

import pytest
from tests.simulation import simulation
from tests.simulation.simulation import Simulation, main, run_until

from hookflash.calls.transfers import outcomes


def test_a_seed_replays() -> None:
    first, second = Simulation(7), Simulation(7)
    assert first.run() == second.run()
    assert first.trace() == second.trace()
    assert first.trace() != Simulation(8).trace()


def test_the_trace_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["7"]) == 0
    text = capsys.readouterr().out
    assert "seed 7" in text
    assert "<- 1 INVITE" in text
    assert "** request" in text
    assert text.endswith("as it should be\n")


def test_it_stops_after_so_many_transfers_or_at_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts, wrong = run_until(range(100), 20)
    assert wrong is None
    assert 20 <= verdicts.total() - verdicts["late success"] < 30
    assert run_until(range(2), 20)[0].total() < 20
    monkeypatch.setattr(outcomes, "GRACE", 0.01)
    _, wrong = run_until(range(1000), 1000)
    assert wrong is not None
    assert main([str(wrong)]) == 1


def test_what_is_left_over_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "LONGEST", 1.0)
    problems = Simulation(7).run().problems
    assert "does not come to rest" in problems
    assert "1 legs left" in problems
    assert "1 ports left" in problems
