"""What a leg does with the steps of its parts; its inputs are tested in test_leg and others."""

from __future__ import annotations

import pytest
from tests.simulation.legs import LegDriver

from hookflash.calls.effects import ForgetDialog, LegFinished, LegLeft
from hookflash.calls.legs.answering import Answering
from hookflash.calls.legs.dialing import Dialing


@pytest.mark.parametrize(("direction", "part"), [("inbound", Answering), ("outbound", Dialing)])
def test_direction_chooses_what_makes_the_call(direction: str, part: type) -> None:
    driver = LegDriver.with_settings(direction=direction)
    assert isinstance(driver.leg._setup, part)


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_the_end_is_told_once_in_either_direction(direction: str) -> None:
    driver = LegDriver.with_settings(direction=direction).established()
    assert driver.leg.dialog is not None
    assert not driver.leg.held
    driver.hangup()
    driver.hangup()
    (bye,) = driver.sent("BYE")
    assert not driver.all(ForgetDialog)
    driver.reply(bye, 200)
    driver.advance(40)
    assert [len(driver.all(kind)) for kind in (LegLeft, ForgetDialog, LegFinished)] == [1, 1, 1]
    assert driver.leg.finished
    assert driver.leg.transferor is None
