"""Digest retries of our in-dialog requests (transfer.md §3, "401/407")."""

from __future__ import annotations

import pytest
from tests.simulation.legs import LegDriver

from hookflash.calls.effects import LegFinished
from hookflash.calls.legs.core import Phase
from hookflash.calls.legs.settings import Credential

CHALLENGE = 'Digest realm="pbx", nonce="n1", qop="auth", algorithm=MD5'
ASKS = (("WWW-Authenticate", CHALLENGE),)
PROXY = (("Proxy-Authenticate", CHALLENGE),)


def known(user: str = "u") -> LegDriver:
    """A call whose leg has credentials and refreshes by UPDATE after 900 s."""
    driver = LegDriver.with_settings(
        credentials=lambda: Credential(user, "secret"), session_expires=1800
    )
    driver.last_packet_at = 1e9
    return driver.established((("Allow", "UPDATE"),))


@pytest.mark.parametrize(
    ("status", "asks", "gives"),
    [(401, ASKS, "Authorization"), (407, PROXY, "Proxy-Authorization")],
)
def test_bye_answers_a_challenge(
    status: int, asks: tuple[tuple[str, str], ...], gives: str
) -> None:
    driver = known()
    driver.hangup("api", (("X-Extra", "1"),))
    first = driver.sent("BYE")[0]
    driver.reply(first, status, asks)
    again = driver.sent("BYE")[1]
    assert again.token != first.token
    assert again.request.cseq.number == first.request.cseq.number + 1
    assert again.request.header("X-Extra") == "1"
    given = again.request.header(gives) or ""
    assert 'username="u"' in given
    assert 'uri="sip:caller@198.51.100.7:5060"' in given
    assert not driver.leg.finished
    driver.reply(again, 200)
    assert driver.leg.finished


def test_update_and_reinvite_answer_challenges() -> None:
    driver = known()
    driver.advance(900)
    driver.reply(driver.sent("UPDATE")[0], 401, ASKS)
    assert driver.sent("UPDATE")[1].request.header("Authorization")
    driver.reply(driver.sent("UPDATE")[1], 405)
    driver.advance(0)
    first = driver.sent("INVITE")[0]
    driver.reply(first, 407, PROXY)
    again = driver.sent("INVITE")[1].request
    assert again.header("Proxy-Authorization")
    assert again.body == first.request.body


def test_each_realm_is_answered_once() -> None:
    driver = known()
    driver.hangup()
    driver.reply(driver.sent("BYE")[0], 401, ASKS)
    driver.reply(driver.sent("BYE")[1], 401, ASKS)
    assert len(driver.sent("BYE")) == 2
    assert driver.all(LegFinished)


def test_without_credentials_a_challenge_is_an_answer() -> None:
    driver = LegDriver().established()
    driver.hangup()
    driver.reply(driver.sent("BYE")[0], 401, ASKS)
    assert driver.leg.finished


def test_challenge_to_a_refresh_after_the_end_is_left_alone() -> None:
    driver = known()
    driver.advance(900)
    driver.receive("BYE")
    driver.reply(driver.sent("UPDATE")[0], 401, ASKS)
    assert len(driver.sent("UPDATE")) == 1
    assert driver.leg.state is Phase.FINISHED


def test_user_agent_of_an_attribute_is_not_doubled() -> None:
    driver = known()
    driver.leg.set_attribute_headers((("user-agent", "Mine"),))
    driver.hangup()
    assert driver.sent("BYE")[0].request.headers.get_all("User-Agent") == ["Mine"]
