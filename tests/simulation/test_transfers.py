"""The bench performs effects as a leg does."""

from __future__ import annotations

import pytest
from tests.simulation.transfers import SendRefer, TransferBench

from hookflash.calls.effects import TransferAnswered, TransferChanged
from hookflash.calls.transfers.transferor_effects import HangUp


def test_a_transfer_runs_on_the_bench() -> None:
    bench = TransferBench()
    bench.request()
    bench.at(1).answer(202)
    assert bench.notify(180) == 200
    bench.at(2).notify(200, "terminated")
    assert (bench.verdict(), bench.stages()) == ("succeeded", "requested sent accepted ringing")
    assert (bench.times(SendRefer), bench.times(HangUp)) == ([0], [2])
    assert bench.answered() == bench.all(TransferAnswered)[0]


def test_deadlines_are_handled_when_they_are_due() -> None:
    bench = TransferBench()
    bench.request(ringing=5.0)
    assert bench.at(60).times(TransferAnswered) == [5]
    assert bench.refused() == "deadline_exceeded: request timed out"


def test_what_is_not_stored_is_not_sent() -> None:
    bench = TransferBench(stores=False)
    bench.request()
    assert (len(bench.all(TransferChanged)), bench.all(SendRefer)) == (1, [])
    with pytest.raises(IndexError):
        bench.record("STR_unknown")
