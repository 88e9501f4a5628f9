"""Transfers drawn from all rows of transfer.md, on a network that lies, against the oracle.

A failing seed is printed with its trace; `python -m tests.simulation.simulation SEED` runs it
again.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from tests.simulation.simulation import Simulation, run_until

from hookflash.calls.transfers.transfer import REASONS

SHORT = 300
LONG = 20_000
PROCESSES = 2


def judge(seeds: range, transfers: int) -> Counter[str]:
    """Simulate calls until there were so many transfers; AssertionError with the first trace."""
    verdicts, wrong = run_until(seeds, transfers)
    if wrong is not None:
        simulation = Simulation(wrong)
        problems = "\n".join(simulation.run().problems)
        raise AssertionError(f"{simulation.trace()}\n{problems}\nseed {wrong}")
    return verdicts


def transfers_of(verdicts: Counter[str]) -> int:
    return sum(verdicts[verdict] for verdict in REASONS)


def test_some_transfers() -> None:
    verdicts = judge(range(1_000_000, 1_001_000), SHORT)
    assert transfers_of(verdicts) >= SHORT
    assert set(REASONS) <= set(verdicts), "every verdict must come up"
    assert verdicts["late success"]


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_twenty_thousand_transfers() -> None:
    share = LONG // PROCESSES
    starts = [number * LONG for number in range(PROCESSES)]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        done = list(pool.map(judge, [range(at, at + share) for at in starts], [share] * PROCESSES))
    verdicts = sum(done, Counter[str]())
    assert transfers_of(verdicts) >= LONG
    assert min(verdicts[verdict] for verdict in REASONS) >= 100
