"""The clock of the process."""

from __future__ import annotations

import time

import pytest

from hookflash.adapters.clock import SystemClock


def test_it_says_the_time() -> None:
    assert abs(SystemClock().now() - time.time()) < 1


def test_a_step_of_the_wall_clock_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    before = clock.now()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert before <= clock.now() < before + 5
