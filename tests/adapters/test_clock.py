"""The clocks of the process."""

from __future__ import annotations

import time

import pytest

from hookflash.adapters.clock import SystemClock


def test_it_says_the_time() -> None:
    clock = SystemClock()
    assert abs(clock.now() - time.time()) < 1
    assert abs(clock.world() - time.time()) < 1
    assert clock.shift() == 0.0


@pytest.mark.parametrize("step", [3600.0, -7200.0])
def test_a_step_of_the_wall_clock(step: float) -> None:
    """Deadlines do not see it, the world's time does."""
    steps = [0.0]
    clock = SystemClock(lambda: time.time() + steps[-1])
    before = clock.now()
    steps.append(step)
    assert before <= clock.now() < before + 5
    assert abs(clock.world() - time.time() - step) < 1
    assert abs(clock.shift() - step) < 1


def test_a_little_step_is_none() -> None:
    steps = [0.0]
    clock = SystemClock(lambda: time.time() + steps[-1])
    steps.append(0.5)
    assert clock.shift() == 0.0
