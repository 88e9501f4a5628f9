"""The leg driver: time, log, and the parts that it plays."""

from __future__ import annotations

import pytest
from tests.simulation.legs import LegDriver, sdp

from hookflash.calls.effects import LegActive, LegAnswered, OpenMedia, Respond
from hookflash.calls.legs.core import Phase


def test_ordinary_call() -> None:
    driver = LegDriver()
    driver.invite()
    assert not driver.all(OpenMedia)
    driver.answer()
    assert driver.all(OpenMedia)
    driver.ack()
    driver.advance(5)
    assert driver.now == 1005
    assert driver.times(LegAnswered) == [0]
    assert driver.times(LegActive) == [1]
    assert [driver.statuses[-1], driver.response.status] == [200, 200]
    driver.receive("BYE")
    assert driver.leg.state is Phase.FINISHED


def test_established_starts_with_an_empty_log() -> None:
    driver = LegDriver.with_settings(ringing_timeout=5.0).established()
    assert driver.log == []
    assert driver.settings.ringing_timeout == 5
    assert driver.leg.state is Phase.CONFIRMED


def test_advance_returns_what_happened_in_that_time() -> None:
    driver = LegDriver()
    driver.invite()
    assert [type(effect) for effect in driver.advance(60)] == [Respond]
    assert driver.advance(1) == []


def test_a_leg_that_never_rests_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = LegDriver()
    monkeypatch.setattr(type(driver.leg), "next_deadline", lambda self: 0.0)
    with pytest.raises(AssertionError):
        driver.advance(1)


def test_sdp() -> None:
    body = sdp("sendonly", port=7, address="0.0.0.0", formats="9", extra="a=x")
    assert b"c=IN IP4 0.0.0.0\r\n" in body
    assert b"m=audio 7 RTP/AVP 9\r\na=sendonly\r\na=x\r\n" in body
