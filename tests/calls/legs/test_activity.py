"""What ends a call by itself, on a whole leg (calls.md §3 "no media"; facts §4.7)."""

from __future__ import annotations

from tests.simulation.legs import LegDriver

from hookflash.calls.effects import LegEnded, LegLeft
from hookflash.calls.legs.core import Phase


def test_no_packet_for_30_seconds_is_bye_and_the_reason_says_so() -> None:
    """Row "no media"."""
    driver = LegDriver().established()
    driver.advance(29.9)
    assert driver.leg.state is Phase.CONFIRMED
    driver.advance(0.1)
    (bye,) = driver.sent("BYE")
    assert bye.request.header("Reason") == 'SIP;cause=408;text="Media timeout"'
    end = driver.last(LegEnded)
    assert (end.by, end.reason) == ("local", "media timeout")
    assert end.cause == 'SIP;cause=408;text="Media timeout"'
    assert driver.last(LegLeft).reason == "hangup"


def test_then_15_seconds_without_a_packet() -> None:
    driver = LegDriver().established()
    driver.advance(3)
    driver.do(driver.leg.first_packet(driver.now))
    driver.last_packet_at = driver.now + 100
    driver.advance(114.9)
    assert driver.leg.state is Phase.CONFIRMED
    driver.advance(0.2)
    assert driver.last(LegEnded).reason == "media timeout"


def test_media_timeout_of_the_trunk() -> None:
    driver = LegDriver.with_settings(media_timeout=5.0).established()
    driver.do(driver.leg.first_packet(driver.now))
    driver.advance(5.1)
    assert driver.last(LegEnded).reason == "media timeout"


def test_max_call_duration_is_bye() -> None:
    """From joining the room, which is the ringing."""
    driver = LegDriver.with_settings(max_call_duration=100.0)
    driver.last_packet_at = 1e9
    driver.invite()
    driver.advance(20)
    driver.answer()
    driver.ack()
    driver.advance(79.9)
    assert driver.leg.state is Phase.CONFIRMED
    driver.advance(0.2)
    (bye,) = driver.sent("BYE")
    assert "duration" in (bye.request.header("Reason") or "")
    assert driver.last(LegEnded).reason == "max call duration"


def test_packet_after_the_end_makes_nothing_active() -> None:
    driver = LegDriver().established()
    driver.hangup()
    assert driver.do(driver.leg.first_packet(driver.now)) == []
