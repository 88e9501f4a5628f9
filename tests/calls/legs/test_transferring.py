"""A leg and its transferor together: when a REFER goes out, what it is, what outlives the call."""

from __future__ import annotations

import pytest
from tests.simulation.legs import LegDriver, goes_by_itself, sdp

from hookflash.calls.effects import (
    CloseMedia,
    ForgetDialog,
    LegEnded,
    LegFinished,
    LegLeft,
    PlayTone,
    Respond,
    SendRequest,
    StopTone,
    StoreDialog,
    TransferAnswered,
    TransferChanged,
)
from hookflash.calls.headers import merge_headers
from hookflash.calls.legs.core import Phase
from hookflash.calls.legs.settings import Credential
from hookflash.calls.transfers.request import TransferRequest
from hookflash.sip.refer import parse_target

INBOUND = pytest.mark.parametrize("direction", ["inbound"], indirect=True)
"""What only an inbound call can be in."""
CHALLENGE = (("WWW-Authenticate", 'Digest realm="pbx", nonce="n1", qop="auth", algorithm=MD5'),)


@pytest.fixture(params=["inbound", "outbound"], autouse=True)
def direction(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every row holds for a caller and for somebody whom we called."""
    way: str = request.param
    monkeypatch.setattr(LegDriver, "direction", way)
    return way


def order(
    transfer_id: str = "STR_1",
    target: str = "tel:+15550100",
    headers: tuple[tuple[str, str], ...] = (),
    **more: object,
) -> TransferRequest:
    return TransferRequest(
        transfer_id=transfer_id,
        room="r",
        identity="i",
        participant_sid="PA_1",
        target=parse_target(target),
        headers=headers,
        play_dialtone=bool(more.get("play_dialtone", False)),
        ringing_timeout=float(str(more.get("ringing_timeout", 30.0))),
        wait=None,
        api_key="k",
        request_id="",
    )


def transfer(driver: LegDriver, **more: object) -> None:
    driver.do(driver.leg.transfer(driver.now, 1, order(**more)))  # type: ignore[arg-type]


def notify(driver: LegDriver, line: str, state: str = "active;expires=60", **more: object) -> None:
    headers = (("Event", "refer"), ("Subscription-State", state))
    driver.receive(
        "NOTIFY", headers, line.encode(), content_type="message/sipfrag;version=2.0", **more
    )


def transferring(**more: object) -> LegDriver:
    """A call whose REFER was accepted."""
    driver = LegDriver().established()
    driver.last_packet_at = 1e9
    transfer(driver, **more)
    driver.reply(driver.sent("REFER")[0], 202)
    return driver


def verdict(driver: LegDriver) -> str | None:
    return driver.last(TransferChanged).record.verdict


# --- the REFER (transfer.md §3) ------------------------------------------------------------------


def test_refer_is_in_the_dialog_and_has_its_headers(direction: str) -> None:
    driver = LegDriver().established((("Record-Route", "<sip:198.51.100.9;lr>"),))
    transfer(driver, headers=merge_headers({"X-B": "2", "X-A": "1"}, ()))
    (refer,) = driver.sent("REFER")
    request = refer.request
    assert request.header("Route") == "<sip:198.51.100.9;lr>"
    assert request.header("Refer-To") == "<tel:+15550100>"
    user = "100" if direction == "inbound" else "+15550199"
    assert request.header("Referred-By") == f"<sip:{user}@192.0.2.10>"
    assert request.header("Contact") == "<sip:192.0.2.10:5060;transport=udp>"
    assert request.header("Max-Forwards") == "70"
    assert request.header("Allow")
    assert request.header("Supported") == "100rel, timer"
    assert request.header("User-Agent") == "Hookflash"
    assert request.header("Refer-Sub") is None
    assert not request.body
    names = [name for name, _ in request.headers.items()]
    assert names.index("Refer-To") < names.index("X-A") < names.index("X-B")
    assert refer.hop.routed


def test_headers_of_the_request_replace_ours() -> None:
    driver = LegDriver().established()
    transfer(driver, headers=(("Supported", "mine"), ("User-Agent", "Mine")))
    request = driver.sent("REFER")[0].request
    assert request.headers.get_all("Supported") == ["mine"]
    assert request.headers.get_all("User-Agent") == ["Mine"]
    assert request.header("Allow")


def test_refer_waits_for_the_store() -> None:
    driver = LegDriver().established()
    driver.stores = False
    transfer(driver)
    assert driver.last(TransferChanged).then_send
    assert not driver.sent("REFER")
    driver.do(driver.leg.transfer_stored(driver.now, "STR_1"))
    assert driver.sent("REFER")


@INBOUND
def test_refer_waits_for_the_ack_of_our_200() -> None:
    driver = LegDriver()
    driver.invite()
    driver.answer()
    transfer(driver)
    assert not driver.sent("REFER")
    driver.ack()
    assert driver.sent("REFER")


@INBOUND
def test_hangup_while_it_waits_sends_no_refer() -> None:
    driver = LegDriver()
    driver.invite()
    driver.answer()
    transfer(driver)
    driver.hangup()
    driver.ack()
    assert driver.sent("BYE")
    driver.advance(40)
    assert not driver.sent("REFER")
    assert verdict(driver) == "call ended"


def test_refer_waits_for_the_ack_of_a_reinvite() -> None:
    driver = LegDriver().established()
    driver.receive("INVITE", body=sdp("sendonly"))
    transfer(driver)
    assert not driver.sent("REFER")
    driver.ack()
    assert driver.sent("REFER")


@pytest.mark.parametrize("allow", [(), (("Allow", "UPDATE"),)])
def test_refer_waits_for_our_own_refresh(allow: tuple[tuple[str, str], ...]) -> None:
    driver = LegDriver.with_settings(session_expires=100).established(allow)
    driver.last_packet_at = 1e9
    driver.advance(50)
    (refresh,) = driver.all(SendRequest)
    transfer(driver)
    assert not driver.sent("REFER")
    driver.reply(refresh, 200, (), b"" if allow else sdp())
    assert driver.sent("REFER")


def test_no_refresh_while_the_refer_is_unanswered() -> None:
    driver = LegDriver.with_settings(session_expires=100).established((("Allow", "UPDATE"),))
    driver.last_packet_at = 1e9
    driver.advance(45)
    transfer(driver)
    driver.advance(10)
    assert not driver.sent("UPDATE")
    driver.reply(driver.sent("REFER")[0], 202)
    assert driver.sent("UPDATE")


def test_refer_answers_a_challenge() -> None:
    driver = LegDriver.with_settings(credentials=lambda: Credential("u", "p")).established()
    transfer(driver)
    driver.reply(driver.sent("REFER")[0], 401, CHALLENGE)
    again = driver.sent("REFER")[1]
    assert again.request.header("Authorization")
    assert again.request.header("Refer-To") == "<tel:+15550100>"
    stages = [entry.stage for entry in driver.last(TransferChanged).record.stages]
    assert stages == ["requested", "sent", "challenged", "sent"]
    driver.reply(again, 401, CHALLENGE)
    assert len(driver.sent("REFER")) == 2
    assert verdict(driver) == "refused"


def test_challenge_without_credentials_is_refused_and_says_so() -> None:
    driver = LegDriver().established()
    transfer(driver)
    driver.reply(driver.sent("REFER")[0], 407, CHALLENGE)
    assert verdict(driver) == "refused"
    error = driver.last(TransferAnswered).error
    assert error is not None
    assert "no credentials" in error.msg
    assert driver.leg.state is Phase.CONFIRMED


def test_challenge_after_the_call_is_not_answered() -> None:
    driver = LegDriver.with_settings(credentials=lambda: Credential("u", "p")).established()
    transfer(driver)
    driver.receive("BYE")
    driver.reply(driver.sent("REFER")[0], 401, CHALLENGE)
    assert len(driver.sent("REFER")) == 1


def test_a_challenged_refer_too_waits_for_the_ack_of_a_reinvite() -> None:
    driver = LegDriver.with_settings(credentials=lambda: Credential("u", "p")).established()
    transfer(driver)
    driver.receive("INVITE", (), sdp("sendonly"))
    driver.reply(driver.sent("REFER")[0], 401, CHALLENGE)
    stages = [entry.stage for entry in driver.last(TransferChanged).record.stages]
    assert stages == ["requested", "sent", "challenged"]
    assert len(driver.sent("REFER")) == 1
    driver.ack()
    assert driver.sent("REFER")[1].request.header("Authorization")
    driver.reply(driver.sent("REFER")[1], 202)
    notify(driver, "SIP/2.0 200 OK", "terminated")
    assert verdict(driver) == "succeeded"


def test_a_challenged_refer_that_nobody_waits_for_is_not_sent_again() -> None:
    driver = LegDriver.with_settings(credentials=lambda: Credential("u", "p")).established()
    transfer(driver)
    driver.receive("INVITE", (), sdp("sendonly"))
    driver.reply(driver.sent("REFER")[0], 401, CHALLENGE)
    driver.do(driver.leg.cancel_transfer(driver.now, "STR_1"))
    driver.ack()
    assert len(driver.sent("REFER")) == 1
    assert driver.leg.transferor is not None
    assert not driver.leg.transferor.watching


def test_a_challenged_refer_goes_out_again_once() -> None:
    """Not once more after each re-INVITE of the peer."""
    driver = LegDriver.with_settings(credentials=lambda: Credential("u", "p")).established()
    transfer(driver)
    driver.reply(driver.sent("REFER")[0], 401, CHALLENGE)
    driver.reply(driver.sent("REFER")[1], 202)
    driver.receive("INVITE", (), sdp("sendonly"))
    driver.ack()
    assert len(driver.sent("REFER")) == 2


def test_credentials_are_made_for_the_target_that_the_refer_goes_to() -> None:
    """The re-INVITE that it waits for moves the target."""
    driver = LegDriver.with_settings(credentials=lambda: Credential("u", "p")).established()
    transfer(driver)
    driver.receive("INVITE", (("Contact", "<sip:moved@198.51.100.8>"),), sdp())
    driver.reply(driver.sent("REFER")[0], 401, CHALLENGE)
    driver.ack()
    again = driver.sent("REFER")[1].request
    assert again.uri_text == "sip:moved@198.51.100.8"
    assert f'uri="{again.uri_text}"' in (again.header("Authorization") or "")


def test_491_waits_longer_where_the_call_is_ours(direction: str) -> None:
    """RFC 3261 §14.1: 2.1 to 4 s for the owner of the Call-ID, at most 2 s for the other."""
    driver = LegDriver().established()
    transfer(driver)
    driver.reply(driver.sent("REFER")[0], 491)
    driver.advance(2.05)
    assert len(driver.sent("REFER")) == (1 if direction == "outbound" else 2)
    driver.advance(1.95)
    assert len(driver.sent("REFER")) == 2


def test_a_refer_that_waited_after_491_for_nothing_is_not_sent_for_the_next_transfer() -> None:
    driver = LegDriver().established()
    transfer(driver, ringing_timeout=0.001)
    driver.reply(driver.sent("REFER")[0], 491)
    driver.advance(0.001)
    assert verdict(driver) == "refused"
    transfer(driver, transfer_id="STR_2", target="sip:other@example.com")
    assert driver.sent("REFER")[-1].request.header("Refer-To") == "<sip:other@example.com>"


def test_a_refer_that_waited_after_491_keeps_its_credentials() -> None:
    driver = LegDriver.with_settings(credentials=lambda: Credential("u", "p")).established()
    transfer(driver)
    driver.reply(driver.sent("REFER")[0], 401, CHALLENGE)
    driver.reply(driver.sent("REFER")[1], 491)
    driver.advance(4)
    third = driver.sent("REFER")[2]
    assert "nc=00000002" in (third.request.header("Authorization") or "")
    anew = CHALLENGE[0][1].replace("n1", "n2")
    driver.reply(third, 401, (("WWW-Authenticate", anew),))
    fourth = driver.sent("REFER")[3]
    assert 'nonce="n2"' in (fourth.request.header("Authorization") or "")
    driver.reply(fourth, 401, CHALLENGE)
    assert verdict(driver) == "refused"


def test_five_challenges_at_most_whatever_491_comes_between() -> None:
    driver = LegDriver.with_settings(credentials=lambda: Credential("u", "p")).established()
    transfer(driver, ringing_timeout=100.0)
    for _ in range(5):
        driver.reply(driver.sent("REFER")[-1], 401, CHALLENGE)
        driver.reply(driver.sent("REFER")[-1], 491)
        driver.advance(4)
    driver.reply(driver.sent("REFER")[-1], 401, CHALLENGE)
    assert verdict(driver) == "refused"


def test_a_challenge_to_the_probe_is_an_answer() -> None:
    driver = LegDriver.with_settings(credentials=lambda: Credential("u", "p")).established()
    transfer(driver)
    driver.reply(driver.sent("REFER")[0], 408)
    driver.reply(driver.sent("OPTIONS")[0], 401, CHALLENGE)
    driver.advance(5)
    assert len(driver.sent("OPTIONS")) == 1
    assert not driver.sent("BYE")


def test_crossing_byes_of_a_call_that_was_handed_over() -> None:
    driver = transferring()
    notify(driver, "SIP/2.0 100 Trying", "terminated")
    driver.hangup()
    driver.receive("BYE")
    assert verdict(driver) == "succeeded"


def test_481_to_refer_is_bye() -> None:
    driver = LegDriver().established()
    transfer(driver)
    driver.reply(driver.sent("REFER")[0], 481)
    assert driver.sent("BYE")
    assert driver.last(LegLeft).reason == "dropped"
    driver.advance(1)
    assert verdict(driver) == "call ended"


def test_unanswered_refer_asks_for_media_and_probes() -> None:
    """408 and timer F: RTP, else OPTIONS, else BYE."""
    driver = LegDriver().established()
    transfer(driver, ringing_timeout=60.0)
    driver.last_packet_at = driver.now - 100
    driver.do(driver.leg.request_failed(driver.now, driver.sent("REFER")[0].token, "timeout"))
    assert verdict(driver) == "unreachable"
    (probe,) = driver.sent("OPTIONS")
    driver.reply(probe, 200)
    driver.advance(10)
    assert driver.leg.state is Phase.CONFIRMED


@pytest.mark.parametrize("fails", [True, False])
def test_dead_probe_is_bye(fails: bool) -> None:
    driver = LegDriver().established()
    transfer(driver, ringing_timeout=60.0)
    driver.do(driver.leg.request_failed(driver.now, driver.sent("REFER")[0].token, "timeout"))
    (probe,) = driver.sent("OPTIONS")
    if fails:
        driver.do(driver.leg.request_failed(driver.now, probe.token, "timeout"))
    else:
        driver.reply(probe, 481)
    assert driver.last(LegEnded).reason == "peer does not answer"


# --- NOTIFY (transfer.md §4) and the end ---------------------------------------------------------


def test_notify_is_answered_before_anything_else() -> None:
    driver = transferring()
    driver.log.clear()
    notify(driver, "SIP/2.0 200 OK", "terminated;reason=noresource")
    assert isinstance(driver.log[0][1], Respond)
    assert driver.statuses == [200]
    assert driver.all(LegLeft) == [LegLeft("transfer")]
    assert driver.sent("BYE")
    assert driver.last(LegEnded).by == "local"
    assert driver.all(CloseMedia)
    assert verdict(driver) == "succeeded"


@INBOUND
def test_success_leaves_nothing_behind() -> None:
    """But the answers to what comes late, for which no leg is needed."""
    driver = transferring()
    notify(driver, "SIP/2.0 200 OK", "terminated")
    assert not driver.leg.finished
    driver.reply(driver.sent("BYE")[0], 200)
    assert driver.all(ForgetDialog)
    assert driver.leg.finished
    dialog = driver.leg.dialog
    assert dialog is not None
    late = LegFinished(driver.now + 32, dialog.call_id, dialog.remote_tag)
    assert driver.all(LegFinished) == [late]
    assert driver.leg.next_deadline() is None


@INBOUND
def test_a_leg_whose_subscription_goes_on_stays() -> None:
    driver = transferring()
    notify(driver, "SIP/2.0 200 OK")
    driver.reply(driver.sent("BYE")[0], 200)
    assert driver.all(ForgetDialog)
    assert not driver.leg.finished
    ends = driver.now + 32
    driver.advance(20)
    notify(driver, "SIP/2.0 200 OK", "terminated")
    assert [effect.late_until for effect in driver.all(LegFinished)] == [ends]


@INBOUND
def test_a_leg_stays_where_a_report_may_still_be_noted() -> None:
    """The peer said that it would report nothing, and does so all the same."""
    driver = LegDriver().established()
    transfer(driver)
    driver.reply(driver.sent("REFER")[0], 202, (("Refer-Sub", "false"),))
    assert verdict(driver) == "succeeded"
    driver.receive("BYE")
    assert driver.all(ForgetDialog)
    assert not driver.leg.finished
    notify(driver, "SIP/2.0 486 Busy Here", "terminated")
    notes = driver.last(TransferChanged).record.notes
    assert "NOTIFY after the verdict: 486 Busy Here" in notes
    driver.advance(600)
    assert driver.all(LegFinished) == [LegFinished()]


@pytest.mark.parametrize("direction", ["outbound"], indirect=True)
def test_the_leg_of_who_was_called_stays_for_repeated_answers() -> None:
    """Its 2xx needs an ACK each time."""
    driver = transferring()
    notify(driver, "SIP/2.0 200 OK", "terminated")
    driver.reply(driver.sent("BYE")[0], 200)
    assert driver.all(ForgetDialog)
    driver.advance(31)
    assert not driver.leg.finished
    driver.receive("BYE")
    notify(driver, "SIP/2.0 200 OK", "terminated")
    assert driver.statuses[-2:] == [200, 200]
    driver.receive("INFO")
    assert driver.statuses[-1] == 481
    driver.advance(600)
    assert driver.leg.finished
    assert driver.all(LegFinished) == [LegFinished()]
    assert driver.leg.next_deadline() is None


def test_notify_after_bye_is_read() -> None:
    """transfer.md §1: a verdict by NOTIFY beats a BYE that crosses it."""
    driver = transferring()
    driver.receive("BYE")
    assert driver.last(LegEnded).by == "remote"
    driver.advance(0.5)
    notify(driver, "SIP/2.0 200 OK", "terminated")
    assert driver.statuses[-1] == 200
    assert verdict(driver) == "succeeded"
    assert not driver.sent("BYE")


def test_notify_with_a_low_cseq_is_read_and_moves_no_target() -> None:
    driver = transferring()
    driver.receive("BYE", cseq=20)
    notify(driver, "SIP/2.0 200 OK", "terminated", cseq=19)
    assert driver.statuses[-1] == 200
    assert verdict(driver) == "succeeded"


@pytest.mark.parametrize(
    ("line", "state", "expected"),
    [
        ("SIP/2.0 180 Ringing", "active", "call ended"),
        ("SIP/2.0 100 Trying", "terminated;reason=noresource", "succeeded"),
    ],
)
def test_a_bye_that_a_notify_overtook_ends_the_call(line: str, state: str, expected: str) -> None:
    driver = transferring()
    notify(driver, line, state, cseq=9)
    driver.receive("BYE", cseq=8)
    assert driver.statuses[-1] == 200
    assert driver.last(LegEnded).by == "remote"
    driver.advance(1.0)
    assert verdict(driver) == expected
    assert not driver.sent("BYE")


def test_a_bye_that_another_request_overtook_is_500_and_changes_nothing() -> None:
    driver = transferring()
    driver.receive("OPTIONS", cseq=9)
    notify(driver, "SIP/2.0 180 Ringing", cseq=10)
    driver.receive("BYE", cseq=8)
    assert driver.statuses[-1] == 500
    assert driver.leg.state is Phase.CONFIRMED
    assert verdict(driver) is None


def test_notify_refreshes_the_target() -> None:
    """RFC 5057 §5.4; a stale NOTIFY does not."""
    driver = transferring()
    headers = (("Event", "refer"), ("Contact", "<sip:n@198.51.100.8>"))
    driver.receive("NOTIFY", headers, cseq=9)
    dialog = driver.leg.dialog
    assert dialog is not None
    assert str(dialog.remote_target) == "sip:n@198.51.100.8"
    assert driver.all(StoreDialog)
    driver.receive("NOTIFY", (("Event", "refer"), ("Contact", "<sip:old@198.51.100.8>")), cseq=8)
    assert str(dialog.remote_target) == "sip:n@198.51.100.8"


def test_a_notify_of_another_event_refreshes_nothing() -> None:
    driver = transferring()
    driver.receive("NOTIFY", (("Event", "dialog"), ("Contact", "<sip:else@198.51.100.8>")))
    driver.hangup()
    assert driver.sent("BYE")[0].request.uri_text == "sip:caller@198.51.100.7:5060"


def test_other_events_are_489_with_allow_events_during_a_transfer_too() -> None:
    driver = transferring()
    driver.receive("NOTIFY", (("Event", "presence"),))
    assert driver.statuses == [489]
    assert driver.response.header("Allow-Events") == "refer"


def test_terminated_without_outcome_is_asked_for_by_subscribe() -> None:
    driver = transferring()
    notify(driver, "SIP/2.0 180 Ringing", "terminated;reason=timeout")
    (subscribe,) = driver.sent("SUBSCRIBE")
    refer = driver.sent("REFER")[0].request
    assert subscribe.request.header("Event") == f"refer;id={refer.cseq.number}"
    assert subscribe.request.header("Expires")
    assert subscribe.request.header("Contact")
    driver.reply(subscribe, 481)
    driver.advance(3)
    assert verdict(driver) == "subscription ended"


def test_subscribe_answers_a_challenge_or_fails() -> None:
    driver = LegDriver.with_settings(credentials=lambda: Credential("u", "p")).established()
    driver.last_packet_at = 1e9
    transfer(driver)
    driver.reply(driver.sent("REFER")[0], 202)
    notify(driver, "SIP/2.0 180 Ringing", "terminated;reason=giveup")
    driver.reply(driver.sent("SUBSCRIBE")[0], 401, CHALLENGE)
    again = driver.sent("SUBSCRIBE")[1]
    assert again.request.header("Authorization")
    driver.do(driver.leg.request_failed(driver.now, again.token, "timeout"))
    driver.advance(3)
    assert verdict(driver) == "subscription ended"


def test_failure_leaves_the_call_and_another_transfer_is_possible() -> None:
    driver = transferring()
    notify(driver, "SIP/2.0 486 Busy Here", "terminated")
    assert driver.leg.state is Phase.CONFIRMED
    assert not driver.all(LegLeft)
    transfer(driver, transfer_id="STR_2")
    first, second = driver.sent("REFER")
    assert second.request.cseq.number == first.request.cseq.number + 1


def test_refer_sub_false_leaves_the_room_and_waits_for_the_peers_bye() -> None:
    driver = LegDriver().established()
    transfer(driver)
    driver.reply(driver.sent("REFER")[0], 202, (("Refer-Sub", "false"),))
    assert driver.all(LegLeft) == [LegLeft("transfer")]
    assert not driver.sent("BYE")
    assert not driver.all(LegEnded)
    driver.advance(9.9)
    assert not driver.sent("BYE")
    driver.advance(0.2)
    assert driver.sent("BYE")
    assert len(driver.all(LegLeft)) == 1


def test_dial_tone_goes_through() -> None:
    driver = transferring(play_dialtone=True)
    assert driver.all(PlayTone)
    notify(driver, "SIP/2.0 603 Decline", "terminated")
    assert driver.all(StopTone)


# --- what stands still (transfer.md §5) ----------------------------------------------------------


def test_media_timeout_is_suspended_and_afresh_after_a_failure() -> None:
    driver = LegDriver().established()
    driver.do(driver.leg.first_packet(driver.now))
    driver.last_packet_at = driver.now
    driver.advance(10)
    transfer(driver, ringing_timeout=300.0)
    driver.reply(driver.sent("REFER")[0], 202)
    driver.advance(200)
    assert driver.leg.state is Phase.CONFIRMED
    notify(driver, "SIP/2.0 486 Busy Here", "terminated")
    driver.advance(14.9)
    assert driver.leg.state is Phase.CONFIRMED
    driver.advance(0.2)
    assert driver.last(LegEnded).reason == "media timeout"


def test_max_call_duration_is_suspended() -> None:
    driver = LegDriver.with_settings(max_call_duration=60.0).established()
    driver.last_packet_at = 1e9
    driver.advance(50)
    transfer(driver, ringing_timeout=100.0)
    driver.reply(driver.sent("REFER")[0], 202)
    driver.advance(90)
    assert driver.leg.state is Phase.CONFIRMED
    notify(driver, "SIP/2.0 486 Busy Here", "terminated")
    driver.advance(9.9)
    assert driver.leg.state is Phase.CONFIRMED
    driver.advance(0.2)
    assert driver.last(LegEnded).reason == "max call duration"


def test_limits_stand_still_while_the_peer_is_to_hang_up() -> None:
    """The caller talks to somebody else and sends us nothing (`Refer-Sub: false`)."""
    driver = LegDriver.with_settings(max_call_duration=60.0, media_timeout=5.0).established()
    driver.last_packet_at = driver.now + 58
    driver.advance(58)
    transfer(driver)
    driver.reply(driver.sent("REFER")[0], 202, (("Refer-Sub", "false"),))
    driver.advance(9.9)
    assert not driver.sent("BYE")
    driver.advance(0.2)
    assert driver.last(LegEnded).reason == "transferred"


@INBOUND
def test_no_limit_strikes_a_second_time_while_the_bye_waits_for_the_ack() -> None:
    driver = LegDriver.with_settings(max_call_duration=10.0)
    driver.last_packet_at = 1e9
    driver.invite()
    driver.answer()
    transfer(driver, ringing_timeout=2.0)
    driver.advance(31)
    assert driver.leg.state is Phase.LEAVING
    assert driver.times(LegLeft) == [12.0]
    driver.advance(2)
    assert len(driver.sent("BYE")) == 1


def test_hold_during_a_transfer_is_answered() -> None:
    driver = transferring()
    driver.receive("INVITE", body=sdp("sendonly", version=2))
    driver.ack()
    driver.receive("UPDATE", body=sdp("sendrecv", version=3))
    assert driver.statuses == [200, 200]
    assert verdict(driver) is None


# --- from the owner ------------------------------------------------------------------------------


def test_cancel_and_shutdown() -> None:
    driver = transferring()
    driver.do(driver.leg.cancel_transfer(driver.now, "STR_1"))
    assert verdict(driver) == "canceled"
    stopping = transferring()
    stopping.do(stopping.leg.shutdown(stopping.now))
    assert verdict(stopping) == "interrupted"
    assert stopping.sent("BYE")


def test_a_transfer_that_cannot_be_stored_is_not_begun_and_says_so() -> None:
    """As on a full disk: not `canceled`, which nobody did; another one may be asked for."""
    driver = LegDriver.with_settings().established()
    driver.stores = False
    transfer(driver)
    driver.do(driver.leg.transfer_not_stored(driver.now, "STR_1"))
    assert verdict(driver) == "interrupted"
    error = driver.last(TransferAnswered).error
    assert error is not None
    assert error.code == "unavailable"
    assert "could not be stored" in error.msg
    assert not driver.sent("REFER")
    assert not driver.sent("BYE")
    driver.do(driver.leg.transfer_not_stored(driver.now, "STR_1"))
    assert verdict(driver) == "interrupted"


def test_transfer_after_the_end_is_refused_by_the_desk() -> None:
    driver = transferring()
    driver.receive("BYE")
    driver.advance(2)
    transfer(driver, transfer_id="STR_2")
    assert driver.last(TransferAnswered).record is None
    assert driver.last(TransferAnswered).error is not None


def test_a_look_at_the_media_by_the_watch_alone_probes_nothing() -> None:
    driver = transferring()
    notify(driver, "SIP/2.0 486 Busy Here", "terminated")
    driver.advance(31)
    assert driver.leg.state is Phase.CONFIRMED
    assert not driver.sent("OPTIONS")


def test_a_leg_goes_by_itself_whatever_was_transferred() -> None:
    def play() -> LegDriver:
        driver = transferring()
        notify(driver, "SIP/2.0 486 Busy Here", "terminated;reason=noresource")
        transfer(driver, transfer_id="STR_2", target="tel:+15550111")
        driver.reply(driver.sent("REFER")[1], 491)
        driver.advance(5)
        driver.reply(driver.sent("REFER")[2], 202)
        notify(driver, "SIP/2.0 200 OK", "terminated;reason=noresource")
        driver.reply(driver.sent("BYE")[0], 200)
        driver.advance(300)
        assert driver.leg.finished
        return driver

    assert goes_by_itself(play)
