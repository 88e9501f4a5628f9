"""REFER of the peer to a leg that accepts it, and our NOTIFYs."""

from __future__ import annotations

import pytest
from tests.simulation.legs import CALL_ID, LegDriver

from hookflash.calls.effects import LegFinished, ReferReceived, Respond
from hookflash.calls.legs.core import Phase
from hookflash.calls.legs.referee import LIFETIME
from hookflash.sip.message import Response

TARGET = (("Refer-To", "<tel:+15105550123>"),)
ACTIVE = (("Event", "refer"), ("Subscription-State", "active;expires=60"))
OVER = (("Event", "refer"), ("Subscription-State", "terminated;reason=noresource"))


def referred(direction: str = "inbound", *, subscribe: bool = True) -> LegDriver:
    """A call whose peer's REFER was answered 202."""
    driver = LegDriver.with_settings(direction=direction, accepts_refer=True).established()
    driver.receive("REFER", TARGET)
    refer = driver.last(ReferReceived)
    answer = Response.reply(refer.request, 202, to_tag=CALL_ID)
    driver.do(driver.leg.answer_refer(driver.now, refer, answer, subscribe=subscribe))
    return driver


def notify(driver: LegDriver, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
    refer = driver.last(ReferReceived)
    driver.do(driver.leg.notify_refer(driver.now, refer, headers, body))


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_a_refer_is_its_owners(direction: str) -> None:
    driver = referred(direction)
    refer = driver.last(ReferReceived)
    assert refer.request.header("Refer-To") == "<tel:+15105550123>"
    assert driver.statuses[-1] == 202
    notify(driver, ACTIVE, b"SIP/2.0 100 Trying\r\n")
    (sent,) = driver.sent("NOTIFY")
    assert sent.request.content_type == "message/sipfrag"
    assert sent.request.body == b"SIP/2.0 100 Trying\r\n"
    assert sent.request.header("Event") == "refer"
    assert sent.request.header("Contact")
    driver.reply(sent, 200)
    assert driver.leg.state is Phase.CONFIRMED


def test_an_allow_has_refer_only_where_it_is_accepted() -> None:
    for accepts in (True, False):
        driver = LegDriver.with_settings(accepts_refer=accepts)
        driver.invite()
        driver.answer()
        driver.ack()
        driver.receive("OPTIONS")
        allows = [answer.response.header("Allow") or "" for answer in driver.all(Respond)]
        assert [allow.endswith(", REFER") for allow in allows if allow] == [accepts] * 3


def test_elsewhere_it_is_405() -> None:
    driver = LegDriver().established()
    driver.receive("REFER", TARGET)
    assert driver.statuses == [405]
    assert not driver.all(ReferReceived)


def test_an_extension_that_we_lack() -> None:
    driver = LegDriver.with_settings(accepts_refer=True).established()
    driver.receive("REFER", (*TARGET, ("Require", "multiple-refer")))
    assert driver.statuses == [420]
    assert driver.response.header("Unsupported") == "multiple-refer"
    assert not driver.all(ReferReceived)


def test_the_subscription_outlives_the_call() -> None:
    driver = referred()
    driver.receive("BYE")
    assert driver.leg.state is Phase.ENDED
    driver.advance(60)
    assert not driver.all(LegFinished)
    notify(driver, OVER, b"SIP/2.0 200 OK\r\n")
    assert not driver.all(LegFinished)
    driver.reply(driver.sent("NOTIFY")[0], 200)
    assert driver.all(LegFinished)


def test_without_a_subscription_the_leg_goes_with_the_call() -> None:
    driver = referred(subscribe=False)
    driver.receive("BYE")
    assert driver.all(LegFinished)


def test_a_subscription_that_nobody_ends_is_over_some_day() -> None:
    driver = referred()
    driver.receive("BYE")
    driver.advance(LIFETIME - 1)
    assert not driver.all(LegFinished)
    driver.advance(2)
    assert driver.all(LegFinished)
