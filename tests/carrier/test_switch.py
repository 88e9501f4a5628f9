"""Calls between telephones and trunks of the carrier, in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.carrier_rig import (
    BUSY,
    CALLER,
    DECLINES,
    GONE,
    LINE,
    ORIGINATION,
    SECOND_LINE,
    SILENT,
    TARGET,
    Rig,
    network,
)

from hookflash.calls.legs.core import Phase
from hookflash.carrier.config import NetworkConfig, PhoneConfig, TrunkConfig
from hookflash.carrier.manners import CarrierManners
from hookflash.carrier.profile_files import load_profile
from hookflash.sip.message import Response


def over(rig: Rig) -> bool:
    """Nothing is left of any call once its INVITEs are forgotten."""
    rig.advance(40)
    switch = rig.switch
    return not (switch.conversations or switch.ends or rig.joined or rig.open or len(switch.board))


def test_a_phone_calls_the_number_of_a_trunk() -> None:
    rig = Rig()
    conversation = rig.call()
    (invite,) = rig.sent("INVITE")
    assert invite.uri == ORIGINATION._replace(user=LINE)
    assert invite.from_.uri.number == CALLER
    assert invite.from_.uri.host == "carrier.test"
    assert conversation.answered_at == rig.now
    assert rig.hear_each_other(CALLER, LINE)
    assert rig.names() == ["call_began", "ringing", "call_answered"]
    (listed,) = rig.switch.listing()
    assert (listed["caller"], listed["called"], listed["state"]) == (CALLER, LINE, "up")
    rig.hangup()
    assert rig.fields("hung_up")["by"] == "peer"
    assert rig.names()[-1] == "call_ended"
    assert over(rig)


def test_the_phone_hangs_up() -> None:
    rig = Rig()
    conversation = rig.call()
    rig.carrier(rig.switch.hang_up(rig.now, conversation.caller))
    assert len(rig.sent("BYE")) == 1
    assert over(rig)
    assert rig.left == ["remote"]


def test_the_exchange_does_not_answer() -> None:
    rig = Rig(answers=False)
    rig.call()
    assert rig.switch.listing()[0]["state"] == "ringing"
    rig.hangup()
    assert rig.fields("call_failed")["status"] == 480
    assert over(rig)


def test_the_phone_gives_up_while_it_rings() -> None:
    rig = Rig(answers=False)
    conversation = rig.call()
    rig.carrier(rig.switch.hang_up(rig.now, conversation.caller))
    assert len(rig.sent("CANCEL")) == 1
    assert over(rig)


def test_trunks_that_are_set_up_while_calls_are_up() -> None:
    """A call goes on; what is set counts for the next one, and for what this one asks."""
    rig = Rig(CarrierManners(refer="trunk-setting", transfer_mode="disable-all"))
    rig.call()
    (trunk,) = rig.switch.numbers.trunks
    spare = TrunkConfig("spare", ("+15550000009",), None)
    rig.carrier(rig.switch.serve(rig.now, (replace(trunk, transfer_mode="enable-all"), spare)))
    told = [dict(one.fields) for one in rig.told if one.name == "trunk_set"]
    assert [(one["trunk"], one["transfer_mode"], one["caller_id"]) for one in told] == [
        ("main", "enable-all", "from-transferee"),
        ("spare", "disable-all", "from-transferee"),
    ]
    rig.carrier(rig.switch.serve(rig.now, (replace(trunk, numbers=()),)))
    assert rig.fields("trunk_deleted") == {"trunk": "spare"}
    assert rig.hear_each_other(CALLER, LINE)
    rig.call("+15550000009", BUSY)
    assert rig.fields("call_failed")["status"] == 404
    rig.hangup()
    rig.call(LINE)
    assert rig.fields("call_failed")["status"] == 404


def test_a_trunk_that_leads_nowhere_yet() -> None:
    rig = Rig(config=network(origination=None))
    rig.call()
    assert rig.fields("call_failed")["status"] == 404


def test_the_exchange_calls_a_phone() -> None:
    rig = Rig()
    rig.dial(TARGET)
    assert rig.fields("phone_rings") == {"phone": TARGET, "caller": LINE}
    rig.advance(1.9)
    assert rig.statuses("INVITE") == [180]
    rig.advance(0.2)
    assert rig.statuses("INVITE") == [180, 200]
    assert rig.hear_each_other(LINE, TARGET)
    rig.hangup()
    assert over(rig)


@pytest.mark.parametrize(
    ("number", "status"), [(BUSY, 486), (GONE, 480), ("+1999", 404), (DECLINES, 603)]
)
def test_a_phone_that_does_not_answer_the_exchange(number: str, status: int) -> None:
    rig = Rig()
    rig.dial(number)
    rig.advance(3)
    ringing = [180] if number == DECLINES else []
    assert rig.statuses("INVITE") == [*ringing, status]
    assert rig.legs[0].state is Phase.FINISHED
    assert over(rig)


def test_a_phone_that_rings_for_ever() -> None:
    rig = Rig()
    rig.dial(SILENT)
    rig.advance(10)
    assert rig.statuses("INVITE") == [180]
    rig.hangup()
    assert rig.statuses("INVITE") == [180, 487]
    assert over(rig)


def test_two_phones_talk_without_sip() -> None:
    rig = Rig()
    conversation = rig.call(TARGET)
    rig.advance(3)
    assert rig.hear_each_other(CALLER, TARGET)
    assert not rig.wire
    rig.carrier(rig.switch.hang_up(rig.now, conversation.called))
    assert over(rig)


def test_nobody_has_that_number() -> None:
    rig = Rig()
    rig.call("+1999")
    assert rig.fields("call_failed")["status"] == 404
    assert over(rig)


def test_one_customer_calls_another() -> None:
    """Both ends by SIP: the answer of the second is the answer to the first."""
    rig = Rig()
    leg = rig.dial(SECOND_LINE)
    assert leg.state is Phase.CONFIRMED
    assert rig.hear_each_other(LINE, SECOND_LINE)
    rig.hangup(leg)
    assert sorted(rig.left) == ["local", "remote"]
    assert over(rig)


def test_a_phone_that_hangs_up_by_itself_and_one_that_calls_at_the_start() -> None:
    phone = PhoneConfig(CALLER, hangs_up_after=5.0, calls=LINE, calls_after=2.0)
    rig = Rig(config=NetworkConfig(network().trunks, (phone,)))
    rig.carrier(rig.switch.start(rig.now))
    rig.advance(1.9)
    assert not rig.wire
    rig.advance(0.2)
    assert rig.hear_each_other(CALLER, LINE)
    assert rig.names().count("call_began") == 1
    rig.advance(5)
    assert rig.names()[-3:] == ["phone_hangs_up", "hung_up", "call_ended"]
    assert over(rig)


def test_how_the_carrier_writes_its_invites() -> None:
    manners = CarrierManners(
        number_format="e164-without-plus",
        added_headers=(("X-Twilio-CallSid", "CA####"),),
        user_agent="Gateway",
        domain="pstn.example.com",
    )
    rig = Rig(manners)
    rig.call()
    (invite,) = rig.sent("INVITE")
    assert invite.uri.user_text == LINE.removeprefix("+")
    assert str(invite.from_.uri) == f"sip:{CALLER.removeprefix('+')}@pstn.example.com"
    filled = invite.header("X-Twilio-CallSid") or ""
    assert filled.startswith("CA")
    assert len(filled) == 6
    assert all(one in "0123456789abcdef" for one in filled[2:])
    assert invite.header("User-Agent") == "Gateway"


@pytest.mark.parametrize(("refer", "has"), [("always", True), ("never", False)])
def test_allow_says_whether_there_is_refer(refer: str, has: bool) -> None:
    rig = Rig(CarrierManners(refer=refer))  # type: ignore[arg-type]
    rig.call()
    rig.dial(TARGET)
    rig.advance(3)
    allows = [one.header("Allow") for ours, one in rig.wire if ours and one.header("Allow")]
    assert len(allows) >= 3
    assert all(("REFER" in (allow or "")) is has for allow in allows)


def test_no_port_for_the_sound() -> None:
    rig = Rig()
    conversation = rig.call()
    call_id = conversation.called.id
    assert rig.switch.sound_refused(rig.now, call_id) == []  # too late
    assert rig.switch.located(rig.now, "SCL_unknown", []) == []
    assert all(not isinstance(one, Response) or one.status < 400 for _, one in rig.wire)


def test_one_call_more_than_a_trunk_may_make() -> None:
    telnyx = load_profile("telnyx").manners
    rig = Rig(replace(telnyx, max_calls=1))
    first = rig.dial(TARGET)
    rig.advance(3)
    rig.dial(DECLINES)
    rig.advance(1)
    assert rig.statuses("INVITE") == [180, 200, 403]
    (answer,) = [one for ours, one in rig.wire if isinstance(one, Response) and one.status == 403]
    assert answer.reason == "User channel limit exceeded D1"
    rig.call()  # calls of the carrier do not count
    assert rig.sent("INVITE")
    rig.hangup(first)
    rig.advance(1)
    rig.dial(DECLINES)
    rig.advance(3)
    assert rig.statuses("INVITE")[-1] == 603


def test_numbers_as_within_their_country() -> None:
    rig = Rig(CarrierManners(number_format="national"))
    rig.call()
    (invite,) = rig.sent("INVITE")
    assert (invite.uri.user, invite.from_.uri.user) == ("5550000001", "4155550100")
    rig.transfer("sip:5105550123@carrier.test")
    rig.advance(5)
    assert rig.hear_each_other(CALLER, TARGET)
    assert rig.dial("5105550124").state is Phase.FINISHED
    assert rig.statuses("INVITE")[-1] == 486


def test_codecs_and_session_timer_of_a_carrier() -> None:
    rig = Rig(CarrierManners(codecs=("PCMA", "PCMU"), session_expires=90))
    rig.call()
    (invite,) = rig.sent("INVITE")
    assert b"m=audio 20000 RTP/AVP 8 0 101" in invite.body
    assert (invite.header("Session-Expires") or "").startswith("90")
    rig.advance(60)
    refreshed = [one for one in (*rig.sent("UPDATE"), *rig.sent("INVITE")) if one is not invite]
    assert refreshed, "the session is refreshed at half of its interval"


def test_an_exchange_that_is_silent_is_called_again() -> None:
    """By the carrier's own T1, and then after twice that."""
    rig = Rig(CarrierManners(t1=200))
    rig.loses = True
    rig.call()
    began, board = rig.now, rig.switch.board
    assert board.next_deadline() == pytest.approx(began + 0.2)
    rig.advance(0.3)
    assert board.next_deadline() == pytest.approx(began + 0.6)


def test_whom_the_exchange_calls_is_heard_ringing() -> None:
    rig = Rig(CarrierManners(early_media=True))
    leg = rig.dial(TARGET)
    rig.advance(1)
    assert rig.statuses("INVITE") == [183]
    (heard,) = [one for one in rig.joined if one.startswith("ring ")]
    assert rig.joined[heard] in rig.switch.ends
    rig.advance(2)
    assert rig.statuses("INVITE") == [183, 200]
    assert rig.hear_each_other(LINE, TARGET)
    assert heard not in rig.joined
    rig.hangup(leg)
    rig.advance(1)
    rig.dial(DECLINES)
    rig.advance(3)
    assert rig.statuses("INVITE")[2:] == [183, 603]
    assert rig.joined == {}
