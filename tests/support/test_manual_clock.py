"""The clock that tests set."""

from __future__ import annotations

import pytest
from tests.support.manual_clock import ManualClock


def test_it_stands_until_it_is_moved() -> None:
    clock = ManualClock(10)
    assert clock.now() == 10
    assert clock.advance(2.5) == 12.5
    assert clock.set(20) == clock.now() == 20


@pytest.mark.parametrize("step", [-1.0, -0.001])
def test_it_does_not_go_back(step: float) -> None:
    with pytest.raises(ValueError, match="back"):
        ManualClock(10).advance(step)
