"""Session refreshes of ours on the wire (calls.md §2 "session timers")."""

from __future__ import annotations

import pytest
from tests.simulation.legs import CONTACT, LegDriver, sdp

from hookflash.calls.effects import ApplyMedia, LegEnded
from hookflash.calls.legs.core import Phase
from hookflash.calls.legs.settings import LegSettings
from hookflash.sip.uri import Uri

UPDATES = (("Allow", "INVITE, ACK, BYE, UPDATE"),)


def driver_of(headers: tuple[tuple[str, str], ...] = ()) -> LegDriver:
    """A call whose 200 promised that we refresh every 900 s; its media is always there."""
    driver = LegDriver.with_settings(session_expires=1800).established(headers)
    driver.last_packet_at = 1e9
    return driver


def due(driver: LegDriver) -> LegDriver:
    driver.advance(900 - (driver.now - 1000))
    return driver


def test_200_says_who_refreshes() -> None:
    """Require: timer in the 200 when the peer refreshes."""
    driver = LegDriver.with_settings(session_expires=1800)
    driver.invite((("Supported", "timer"),))
    driver.answer()
    assert driver.response.header("Session-Expires") == "1800;refresher=uac"
    assert driver.response.header("Require") == "timer"
    other = LegDriver.with_settings(session_expires=1800)
    other.invite()
    other.answer()
    assert other.response.header("Session-Expires") == "1800;refresher=uas"
    assert other.response.header("Require") is None


def test_by_update_if_allow_has_it() -> None:
    driver = due(driver_of(UPDATES))
    (update,) = driver.sent("UPDATE")
    assert not driver.sent("INVITE")
    request = update.request
    assert not request.body
    assert request.header("Session-Expires") == "1800;refresher=uac"
    for name in ("Contact", "Allow", "Supported", "User-Agent"):
        assert request.header(name)
    driver.reply(update, 200)
    driver.advance(899)
    assert len(driver.sent("UPDATE")) == 1
    driver.advance(1)
    assert len(driver.sent("UPDATE")) == 2


def test_else_by_reinvite_with_unchanged_sdp() -> None:
    driver = LegDriver.with_settings(session_expires=1800)
    driver.invite()
    driver.answer()
    said = driver.response.body
    driver.ack()
    driver.last_packet_at = 1e9
    driver.log.clear()
    due(driver)
    (invite,) = driver.sent("INVITE")
    assert invite.request.body == said
    assert invite.request.content_type == "application/sdp"
    driver.reply(invite, 100)
    assert not driver.acks()
    driver.reply(invite, 200, (("Contact", "<sip:c@198.51.100.8>"),), sdp())
    (ack,) = driver.acks()
    assert ack.request.cseq.number == invite.request.cseq.number
    assert ack.request.method == "ACK"
    assert not driver.all(ApplyMedia)
    dialog = driver.leg.dialog
    assert dialog is not None
    assert str(dialog.remote_target) == "sip:c@198.51.100.8"
    driver.reply(invite, 200, (), sdp())
    assert driver.acks() == [ack, ack]


def test_answer_to_our_reinvite_may_change_the_media() -> None:
    driver = due(driver_of())
    driver.reply(driver.sent("INVITE")[0], 200, (), sdp(port=4444))
    assert driver.last(ApplyMedia).plan.remote[1] == 4444


@pytest.mark.parametrize(
    ("headers", "body"),
    [((), b""), ((), b"rubbish"), ((("Content-Type", "text/plain"),), b"hello")],
)
def test_unusable_answer_leaves_the_session(
    headers: tuple[tuple[str, str], ...], body: bytes
) -> None:
    driver = due(driver_of())
    driver.reply(driver.sent("INVITE")[0], 200, headers, body)
    assert driver.acks()
    assert not driver.all(ApplyMedia)
    driver.receive("INVITE", body=sdp(port=4555))
    assert driver.last(ApplyMedia).plan.remote[1] == 4555


@pytest.mark.parametrize("headers", [(), UPDATES])
@pytest.mark.parametrize("status", [408, 481])
def test_408_and_481_are_bye(headers: tuple[tuple[str, str], ...], status: int) -> None:
    driver = due(driver_of(headers))
    sent = [*driver.sent("INVITE"), *driver.sent("UPDATE")]
    driver.reply(sent[0], status)
    assert driver.sent("BYE")
    assert driver.last(LegEnded).reason == f"{status} to session refresh"


@pytest.mark.parametrize("headers", [(), UPDATES])
def test_no_answer_is_bye(headers: tuple[tuple[str, str], ...]) -> None:
    driver = due(driver_of(headers))
    sent = [*driver.sent("INVITE"), *driver.sent("UPDATE")]
    driver.do(driver.leg.request_failed(driver.now, sent[0].token, "timeout"))
    assert driver.last(LegEnded).reason == "no answer to session refresh"


@pytest.mark.parametrize(
    ("direction", "least", "most"), [("inbound", 0.0, 2.0), ("outbound", 2.1, 4.0)]
)
def test_491_is_tried_again_by_role(direction: str, least: float, most: float) -> None:
    """RFC 3261 §14.1."""
    waits = set()
    for seed in range(20):
        settings = LegSettings(
            contact=Uri.parse(CONTACT),
            direction=direction,  # type: ignore[arg-type]
        )
        driver = LegDriver(settings, seed=seed).established()
        driver.last_packet_at = 1e9
        due(driver)
        driver.reply(driver.sent("INVITE")[0], 491)
        driver.advance(4)
        assert len(driver.sent("INVITE")) == 2
        times = [at for at, effect in driver.log if effect in driver.sent("INVITE")]
        waits.add(round(times[1] - times[0], 2))
    assert least <= min(waits) < max(waits) <= most


def test_update_that_is_not_known_becomes_a_reinvite() -> None:
    driver = due(driver_of(UPDATES))
    driver.reply(driver.sent("UPDATE")[0], 405)
    driver.advance(0)
    assert driver.sent("INVITE")


def test_refused_reinvite_leaves_the_session_and_is_tried_again() -> None:
    driver = due(driver_of())
    driver.reply(driver.sent("INVITE")[0], 500)
    assert driver.leg.state is Phase.CONFIRMED
    driver.advance(434)
    assert len(driver.sent("INVITE")) == 2
    driver.reply(driver.sent("INVITE")[1], 501)
    driver.advance(500)
    assert driver.last(LegEnded).reason == "session timer"


def test_422_is_tried_with_the_min_se() -> None:
    driver = due(driver_of(UPDATES))
    driver.reply(driver.sent("UPDATE")[0], 422, (("Min-SE", "7200"),))
    driver.advance(0)
    again = driver.sent("UPDATE")[1].request
    assert again.header("Session-Expires") == "7200;refresher=uac"
    assert again.header("Min-SE") == "7200"
    driver.reply(driver.sent("UPDATE")[1], 422, (("Min-SE", "7200"),))
    assert driver.leg.state is Phase.CONFIRMED


def test_not_refreshed_by_the_peer_is_bye() -> None:
    driver = LegDriver.with_settings(session_expires=300).established((("Supported", "timer"),))
    driver.last_packet_at = 1e9
    driver.advance(267.9)
    assert driver.leg.state is Phase.CONFIRMED
    driver.advance(0.2)
    (bye,) = driver.sent("BYE")
    assert "Session Timer" in (bye.request.header("Reason") or "").title()
    assert driver.last(LegEnded).reason == "session timer"


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_refresh_of_the_peer_restarts_the_time(method: str) -> None:
    driver = LegDriver.with_settings(session_expires=300).established((("Supported", "timer"),))
    driver.last_packet_at = 1e9
    driver.advance(200)
    body = sdp() if method == "INVITE" else b""
    driver.receive(method, (("Supported", "timer"), ("Session-Expires", "300")), body)
    assert driver.response.header("Session-Expires") == "300;refresher=uac"
    if method == "INVITE":
        driver.ack()
    driver.advance(267)
    assert driver.leg.state is Phase.CONFIRMED


def test_offer_while_our_reinvite_is_open_is_491() -> None:
    """Row "overlapping offers": our own offer outstanding."""
    driver = due(driver_of())
    driver.receive("INVITE", body=sdp("sendonly"))
    driver.receive("UPDATE", body=sdp("sendonly"))
    driver.receive("INVITE")
    driver.receive("UPDATE")
    assert driver.statuses == [491, 491, 491, 200]
    driver.reply(driver.sent("INVITE")[0], 491)
    driver.receive("INVITE", body=sdp("sendonly", version=2))
    assert driver.statuses[-1] == 200


def test_refresh_waits_until_the_peers_reinvite_is_acked() -> None:
    driver = driver_of()
    driver.advance(899)
    driver.receive("INVITE")
    driver.advance(2)
    assert not driver.sent("INVITE")


def test_refresh_waits_for_the_ack_of_a_reinvite() -> None:
    driver = LegDriver.with_settings(session_expires=1800).established()
    driver.last_packet_at = 1e9
    driver.receive("UPDATE", (("Session-Expires", "90;refresher=uas"),))
    driver.advance(44)
    driver.receive("INVITE", (("Session-Expires", "1800;refresher=uas"),), sdp(formats="3"))
    assert driver.statuses[-1] == 488
    driver.receive("UPDATE", (("Session-Expires", "90;refresher=uas"),))
    driver.advance(30)
    driver.receive("INVITE", (("Session-Expires", "90;refresher=uas"),), sdp())
    driver.advance(20)
    assert not driver.sent("INVITE")


def test_2xx_to_our_reinvite_after_the_end_is_acked_and_forgotten() -> None:
    driver = due(driver_of())
    invite = driver.sent("INVITE")[0]
    driver.receive("BYE")
    assert not driver.leg.finished
    driver.reply(invite, 200, (), sdp(port=4999))
    assert driver.acks()
    assert not driver.all(ApplyMedia)
    assert driver.leg.finished


def test_hold_and_resume_are_reinvites() -> None:
    """RFC 3264 §8.4, also where the peer would take UPDATE."""
    driver = LegDriver().established(UPDATES)
    driver.do(driver.leg.hold(driver.now, held=True))
    (held,) = driver.sent("INVITE")
    assert b"a=sendonly" in held.request.body
    driver.reply(held, 200, (), sdp("recvonly", version=2))
    assert len(driver.acks()) == 1
    driver.do(driver.leg.hold(driver.now, held=False))
    resumed = driver.sent("INVITE")[1]
    assert b"a=sendonly" not in resumed.request.body
    driver.reply(resumed, 200, (), sdp(version=3))
    assert driver.last(ApplyMedia).plan.send
    assert driver.last(ApplyMedia).plan.receive_audio


@pytest.mark.parametrize("status", [200, 488])
def test_a_resume_that_comes_before_the_hold_is_answered_goes_out_after_it(status: int) -> None:
    driver = LegDriver().established(UPDATES)
    driver.do(driver.leg.hold(driver.now, held=True))
    driver.do(driver.leg.hold(driver.now, held=False))
    (held,) = driver.sent("INVITE")
    driver.reply(held, status, (), sdp("recvonly", version=2) if status == 200 else b"")
    resumed = driver.sent("INVITE")[1]
    assert b"a=sendonly" not in resumed.request.body
    driver.reply(resumed, 200, (), sdp(version=3))
    assert driver.last(ApplyMedia).plan.send
    driver.advance(10)
    assert len(driver.sent("INVITE")) == 2


@pytest.mark.parametrize("status", [488, 491])
def test_a_hold_that_is_refused_changes_nothing(status: int) -> None:
    driver = LegDriver().established()
    driver.do(driver.leg.hold(driver.now, held=True))
    driver.reply(driver.sent("INVITE")[0], status)
    driver.advance(10)
    assert len(driver.sent("INVITE")) == 1
    assert driver.sent("INVITE")[0].request.header("Session-Expires") is None
    assert driver.leg.state is Phase.CONFIRMED


def test_a_call_that_does_not_stand_is_not_held() -> None:
    driver = LegDriver()
    driver.invite()
    driver.do(driver.leg.hold(driver.now, held=True))
    driver.answer()
    driver.ack()
    assert not driver.sent("INVITE")
