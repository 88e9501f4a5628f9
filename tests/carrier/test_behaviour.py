"""What a phone does where nobody says anything else."""

from __future__ import annotations

import pytest

from hookflash.carrier.behaviour import Behaviour


def test_a_good_phone_answers_and_is_transferred() -> None:
    good = Behaviour()
    assert (good.answer, good.ring, good.refer, good.hang_up) == (200, 0.0, 202, False)
    assert good.notify is None
    with pytest.raises(AttributeError):
        good.answer = 486  # type: ignore[misc]
