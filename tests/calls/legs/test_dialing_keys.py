"""calls.md §3 *encryption*: ALLOW, and a peer that refuses an offer with keys (RFC 8643)."""

from __future__ import annotations

import pytest
from tests.simulation.legs import LegDriver, sdp

from hookflash.calls.effects import ApplyMedia, DialFailed, LegAnswered, Note
from hookflash.calls.legs.core import Phase
from hookflash.sdp.plan import Encryption, MediaSettings


def dialing(encryption: Encryption = "allow") -> LegDriver:
    driver = LegDriver.with_settings(
        direction="outbound", media=MediaSettings(encryption=encryption)
    )
    driver.dial()
    return driver


@pytest.mark.parametrize("status", [415, 488, 606])
def test_an_offer_with_keys_that_is_refused_is_made_once_more_without(status: int) -> None:
    driver = dialing()
    driver.respond(180)
    driver.respond(status)
    first, second = (sent.request for sent in driver.sent("INVITE"))
    assert b"a=crypto" in first.body
    assert b"a=crypto" not in second.body
    assert b"RTP/AVP" in second.body
    assert (first.call_id, first.from_.tag) == (second.call_id, second.from_.tag)
    assert second.to.tag is None
    assert [first.cseq.number, second.cseq.number] == [1, 2]
    assert driver.last(Note) == Note("encryption_refused", (("status", status),))
    driver.respond(200, body=sdp())
    assert driver.leg.state is Phase.CONFIRMED
    assert driver.last(ApplyMedia).plan.crypto_send is None


def test_only_once() -> None:
    driver = dialing()
    driver.respond(488)
    driver.respond(488)
    assert len(driver.sent("INVITE")) == 2
    assert driver.last(DialFailed).outcome.status == 488


@pytest.mark.parametrize("encryption", ["require", "disable"])
def test_not_where_keys_are_required_or_none_were_offered(encryption: Encryption) -> None:
    driver = dialing(encryption)
    driver.respond(488)
    assert len(driver.sent("INVITE")) == 1
    assert driver.last(DialFailed).outcome.status == 488


@pytest.mark.parametrize("status", [400, 404, 480, 500, 603])
def test_not_after_other_answers(status: int) -> None:
    driver = dialing()
    driver.respond(status)
    assert len(driver.sent("INVITE")) == 1


def test_not_where_the_keys_were_taken_before() -> None:
    """Early media was encrypted: the 488 means something else."""
    driver = dialing()
    offer = driver.sent("INVITE")[0].request.body.decode()
    key = next(line for line in offer.splitlines() if line.startswith("a=crypto:1 "))
    driver.respond(183, body=sdp(extra=key))
    assert driver.last(ApplyMedia).plan.crypto_send is not None
    driver.respond(488)
    assert len(driver.sent("INVITE")) == 1


def test_a_200_without_our_audio_is_hung_up_and_the_call_made_once_more() -> None:
    """FreeSWITCH with its NDLB flag. What comes again of the first 200 has its ACK again."""
    driver = dialing()
    first = driver.sent("INVITE")[0]
    driver.respond(200, body=sdp(port=0), tag="one")
    assert len(driver.acks()) == len(driver.sent("BYE")) == 1
    assert driver.sent("BYE")[0].request.to.tag == "one"
    second = driver.sent("INVITE")[1]
    assert b"a=crypto" not in second.request.body
    driver.respond(200, body=sdp(port=0), tag="one", to=first)
    assert [ack.request.to.tag for ack in driver.acks()] == ["one", "one"]
    driver.respond(200, body=sdp(), tag="other", to=first)
    assert [bye.request.to.tag for bye in driver.sent("BYE")] == ["one", "other"]
    assert not driver.all(LegAnswered)
    driver.respond(200, body=sdp(), tag="two")
    assert driver.leg.state is Phase.CONFIRMED
    assert driver.leg.dialog is not None
    assert driver.leg.dialog.remote_tag == "two"
    driver.respond(200, body=sdp(), tag="two")
    assert [ack.request.to.tag for ack in driver.acks()] == ["one", "one", "other", "two", "two"]


def test_it_may_still_be_given_up_in_between() -> None:
    driver = dialing()
    driver.respond(200, body=sdp(port=0), tag="one")
    driver.advance(180)
    assert driver.all(DialFailed)
    driver.respond(487)
    for bye in driver.sent("BYE"):
        driver.reply(bye, 200)
    driver.advance(33)
    assert driver.leg.finished


def test_a_200_without_our_audio_to_a_plain_offer_ends_the_call() -> None:
    driver = dialing("disable")
    driver.respond(200, body=sdp(port=0))
    assert len(driver.sent("INVITE")) == len(driver.sent("BYE")) == 1
    assert driver.all(DialFailed)
