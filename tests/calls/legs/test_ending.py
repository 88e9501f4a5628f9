"""The end of a leg, in whichever way it comes."""

from __future__ import annotations

import pytest
from tests.simulation.legs import LegDriver

from hookflash.calls.effects import CloseMedia, ForgetDialog, LegFinished, LegLeft, OpenMedia


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


def test_a_port_is_freed_once_and_only_where_one_was_asked_for() -> None:
    driver = LegDriver().established()
    driver.hangup()
    driver.hangup()
    assert len(driver.all(CloseMedia)) == 1
    unopened = LegDriver.with_settings(direction="outbound")
    unopened.places = []
    unopened.dial()
    assert not unopened.all(OpenMedia)
    assert not unopened.all(CloseMedia)
    assert len(unopened.all(LegLeft)) == 1


def test_a_leg_stays_until_its_bye_is_answered() -> None:
    driver = LegDriver().established()
    driver.hangup()
    assert not driver.leg.finished
    driver.reply(driver.sent("BYE")[0], 200)
    assert driver.leg.finished
