"""Transfers that the carrier carries out, in virtual time, judged by the exchange's own leg."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.carrier_rig import (
    BUSY,
    CALLER,
    DECLINES,
    EXCHANGE,
    GONE,
    LINE,
    SECOND_LINE,
    SILENT,
    TARGET,
    Rig,
    network,
)

from hookflash.calls.legs.settings import Credential
from hookflash.carrier.conversation import SipEnd
from hookflash.carrier.manners import CarrierManners
from hookflash.carrier.profile_files import load_profile
from hookflash.sip.uri import Uri

OK = [
    ("SIP/2.0 100 Trying", "active"),
    ("SIP/2.0 180 Ringing", "active"),
    ("SIP/2.0 200 OK", "terminated"),
]


def referred(rig: Rig, target: str = f"tel:{TARGET}", *headers: tuple[str, str]) -> Rig:
    """The caller's call to the line, which the exchange transfers."""
    rig.call()
    rig.transfer(target, *headers)
    return rig


def over(rig: Rig) -> bool:
    rig.advance(40)
    switch = rig.switch
    return not (switch.conversations or switch.ends or rig.joined or rig.open or len(switch.board))


def test_the_carrier_calls_the_target_and_joins_it_with_the_caller() -> None:
    rig = referred(Rig())
    assert rig.statuses("REFER") == [202]
    assert rig.fields("phone_rings") == {"phone": TARGET, "caller": CALLER}
    assert rig.hear_each_other(CALLER, LINE)
    rig.advance(2.1)
    assert rig.news() == OK
    assert all(one.header("Event") == "refer" for one in rig.sent("NOTIFY"))
    assert rig.verdicts == [None]
    assert rig.hear_each_other(CALLER, TARGET)
    assert rig.left == ["local"], "the exchange hangs up at once"
    rig.advance(40)
    (conversation,) = rig.switch.conversations.values()
    assert {end.number for end in conversation.ends} == {CALLER, TARGET}
    assert not rig.open
    rig.carrier(rig.switch.hang_up(rig.now, conversation.called))
    assert over(rig)


@pytest.mark.parametrize(
    ("number", "status", "after"),
    [(BUSY, 486, 0.1), (DECLINES, 603, 2.1), (GONE, 480, 0.1), ("+1999", 404, 0.1)],
)
def test_the_target_is_not_reached(number: str, status: int, after: float) -> None:
    rig = referred(Rig(), f"tel:{number}")
    rig.advance(after)
    line, state = rig.news()[-1]
    assert line.startswith(f"SIP/2.0 {status} ")
    assert state == "terminated"
    assert rig.names().count("transfer_failed") == 1
    assert rig.hear_each_other(CALLER, LINE)
    (error,) = rig.verdicts
    assert error is not None
    assert str(status) in error.msg
    assert len(rig.switch.conversations) == 1
    rig.transfer(f"tel:{TARGET}")
    assert rig.sent("NOTIFY")[-1].header("Event") != "refer"
    rig.advance(3)
    assert rig.hear_each_other(CALLER, TARGET)


def test_a_target_that_never_answers_is_given_up() -> None:
    rig = referred(Rig(CarrierManners(no_answer_after=20.0)), f"tel:{SILENT}")
    rig.advance(19)
    assert rig.news()[-1][0] == "SIP/2.0 180 Ringing"
    rig.advance(2)
    assert rig.news()[-1] == ("SIP/2.0 480 Temporarily Unavailable", "terminated")
    assert rig.names().count("transfer_failed") == 1
    assert rig.hear_each_other(CALLER, LINE)
    rig.hangup()
    assert over(rig)


def test_the_caller_hangs_up_while_the_target_rings() -> None:
    rig = Rig()
    conversation = rig.call()
    rig.transfer()
    rig.carrier(rig.switch.hang_up(rig.now, conversation.caller))
    assert rig.news()[-1] == ("SIP/2.0 487 Request Terminated", "terminated")
    assert rig.left == ["remote"]
    rig.advance(5)
    assert "phone_answers" not in rig.names()
    assert over(rig)


def test_the_transferor_hangs_up_while_the_target_rings() -> None:
    rig = referred(Rig())
    rig.hangup()
    assert not rig.hear_each_other(CALLER, LINE)
    rig.advance(3)
    assert rig.news() == OK
    assert rig.hear_each_other(CALLER, TARGET)
    (conversation,) = rig.switch.conversations.values()
    rig.carrier(rig.switch.hang_up(rig.now, conversation.caller))
    assert over(rig)


def test_nobody_is_left_for_a_caller_whose_transferor_and_target_are_gone() -> None:
    rig = referred(Rig(), f"tel:{DECLINES}")
    rig.hangup()
    assert rig.switch.conversations
    rig.advance(3)
    assert rig.names()[-1] == "call_ended"
    assert over(rig)


# --- what may be refused --------------------------------------------------------------------------


def test_twilio_with_transfers_off_and_on() -> None:
    manners = load_profile("twilio").manners
    rig = referred(Rig(manners))
    assert rig.statuses("REFER") == [603]
    assert rig.fields("refer_refused")["why"] == "transfer_mode of the trunk is disable-all"
    assert not rig.sent("NOTIFY")
    assert rig.hear_each_other(CALLER, LINE)
    on = referred(Rig(manners, network(transfer_mode="enable-all")))
    on.advance(3)
    assert on.statuses("REFER") == [202]
    assert on.hear_each_other(CALLER, TARGET)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (f"tel:{TARGET}", 202),
        (f"sip:{TARGET}@mine.pstn.twilio.com", 202),
        ("sip:sales@pbx.example.com", 202),
        (f"sip:{TARGET}@192.0.2.77", 403),
        ("sip:sales@pbx.example.com?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc", 501),
    ],
)
def test_forms_of_a_target(target: str, status: int) -> None:
    rig = Rig(load_profile("twilio").manners, network(transfer_mode="enable-all"))
    referred(rig, target)
    assert rig.statuses("REFER") == [status]


@pytest.mark.parametrize(
    ("target", "status"), [(f"tel:{TARGET}", 603), ("sip:sales@pbx.example.com", 202)]
)
def test_sip_only(target: str, status: int) -> None:
    rig = Rig(load_profile("twilio").manners, network(transfer_mode="sip-only"))
    referred(rig, target)
    assert rig.statuses("REFER") == [status]


def test_a_header_that_is_wanted() -> None:
    manners = load_profile("telnyx").manners
    config = network(transfer_mode="enable-all")
    rig = referred(Rig(manners, config))
    assert rig.statuses("REFER") == [603]
    assert rig.fields("refer_refused")["why"] == "the header Diversion is missing"
    rig = referred(Rig(manners, config), f"tel:{TARGET}", ("Diversion", f"<sip:{LINE}@x.test>"))
    assert rig.statuses("REFER") == [202]


@pytest.mark.parametrize(
    ("password", "statuses"), [("right", [407, 202]), ("wrong", [407, 407]), ("", [407])]
)
def test_a_password_that_is_wanted(password: str, statuses: list[int]) -> None:
    config = network(username="me", password="right")
    credential = Credential("me", password) if password else None
    rig = referred(Rig(CarrierManners(digest="refer"), config, credential=credential))
    assert rig.statuses("REFER") == statuses


def test_a_password_that_the_trunk_does_not_have() -> None:
    rig = referred(Rig(CarrierManners(digest="refer"), credential=Credential("", "")))
    assert set(rig.statuses("REFER")) == {407}


def test_no_refer_at_all() -> None:
    rig = referred(Rig(load_profile("no-refer").manners))
    assert rig.statuses("REFER") == [405]
    assert rig.hear_each_other(CALLER, LINE)


def test_a_second_refer_while_the_first_is_under_way() -> None:
    rig = referred(Rig())
    rig.raw("REFER", ("Refer-To", f"<tel:{BUSY}>"))
    assert rig.statuses("REFER") == [202, 491]
    rig.advance(3)
    assert rig.hear_each_other(CALLER, TARGET)


@pytest.mark.parametrize(
    "headers", [(), (("Refer-To", "<mailto:a@b>"),), (("Refer-To", "not a URI"),)]
)
def test_a_refer_that_names_nobody(headers: tuple[tuple[str, str], ...]) -> None:
    rig = Rig()
    rig.call()
    rig.raw("REFER", *headers)
    assert rig.statuses("REFER") == [400]


def test_a_refer_before_the_call_is_answered() -> None:
    rig = Rig()
    rig.dial(SILENT)
    rig.raw("REFER", ("Refer-To", f"<tel:{TARGET}>"))
    assert rig.statuses("REFER") == [481]


def test_what_is_set_counts_for_the_next_refer() -> None:
    """Of a call that is up: whether it is carried out, and whose number the target sees."""
    rig = referred(Rig(load_profile("twilio").manners))
    (trunk,) = rig.switch.numbers.trunks
    for mode, target, status in (
        ("sip-only", f"tel:{TARGET}", 603),
        ("enable-all", f"tel:{BUSY}", 202),
        ("disable-all", f"tel:{TARGET}", 603),
    ):
        rig.carrier(rig.switch.serve(rig.now, (replace(trunk, transfer_mode=mode),)))  # type: ignore[arg-type]
        rig.transfer(target)
        rig.advance(1)
        assert rig.statuses("REFER")[-1] == status
    on = replace(trunk, transfer_mode="enable-all", transfer_caller_id="from-transferor")
    rig.carrier(rig.switch.serve(rig.now, (on,)))
    rig.transfer()
    assert rig.fields("phone_rings") == {"phone": TARGET, "caller": LINE}


# --- whom the target sees, and who it is ----------------------------------------------------------


@pytest.mark.parametrize(
    ("caller_id", "seen"),
    [
        ("from-transferee", CALLER),
        ("from-transferor", SECOND_LINE),
        ("fixed", LINE),
        (None, CALLER),
    ],
)
def test_the_callers_number(caller_id: str | None, seen: str) -> None:
    rig = Rig(config=network(transfer_caller_id=caller_id))
    rig.call(SECOND_LINE)
    rig.transfer()
    assert rig.fields("phone_rings") == {"phone": TARGET, "caller": seen}
    transfer = rig.switch.listing()[0]["transfer"]
    assert isinstance(transfer, dict)
    assert transfer["caller_id"] == seen
    assert transfer["state"] == "placed"


def test_the_exchange_that_called_is_the_transferor_too() -> None:
    """Of a call of its own: who is transferred is the phone that it called."""
    rig = Rig()
    rig.dial(CALLER)
    rig.advance(1.1)
    rig.transfer()
    assert rig.fields("phone_rings") == {"phone": TARGET, "caller": CALLER}
    rig.advance(3)
    assert rig.verdicts == [None]
    assert rig.hear_each_other(CALLER, TARGET)


def test_a_transfer_to_a_number_of_the_trunk() -> None:
    """The target is called by SIP, and told who sent the caller."""
    rig = referred(Rig(), f"tel:{SECOND_LINE}")
    first, second = rig.sent("INVITE")
    assert second.uri.number == SECOND_LINE
    assert second.from_.uri.number == CALLER
    assert second.header("Referred-By")
    assert first.header("Referred-By") is None
    assert rig.verdicts == [None]
    assert rig.hear_each_other(CALLER, SECOND_LINE)
    rig.hangup()
    assert over(rig)


def test_a_transfer_to_a_foreign_uri() -> None:
    rig = referred(Rig(), f"sip:sales@{EXCHANGE[0]}:{EXCHANGE[1]}")
    assert str(rig.sent("INVITE")[1].uri) == f"sip:sales@{EXCHANGE[0]}:{EXCHANGE[1]}"
    assert rig.verdicts == [None]
    rig.hangup()
    assert over(rig)


def test_referred_by_stays_here_where_the_carrier_is_so() -> None:
    rig = referred(Rig(CarrierManners(referred_by=False)), f"tel:{SECOND_LINE}")
    assert rig.sent("INVITE")[1].header("Referred-By") is None


@pytest.mark.parametrize("host", ["192.0.2.1:5080", "192.0.2.99:5080"])
def test_the_target_by_the_address_of_the_carrier(host: str) -> None:
    """One that it lists, and the one that its Contact names to this exchange."""
    rig = Rig()
    rig.call()
    end = next(one for one in rig.switch.ends.values() if isinstance(one, SipEnd))
    assert end.leg.dialog is not None
    end.leg.dialog.contact = Uri.parse("sip:192.0.2.99:5080")
    rig.transfer(f"sip:{TARGET}@{host}")
    assert rig.fields("phone_rings")["phone"] == TARGET


# --- who is told what, and when -------------------------------------------------------------------


def test_final_only() -> None:
    rig = referred(Rig(CarrierManners(notify="final", notify_id=True)))
    assert not rig.sent("NOTIFY")
    rig.advance(3)
    assert rig.news() == OK[-1:]
    cseq = next(one for ours, one in rig.wire if not ours and one.cseq.method == "REFER")
    assert rig.sent("NOTIFY")[0].header("Event") == f"refer;id={cseq.cseq.number}"
    assert rig.verdicts == [None]


def test_a_pbx_that_ends_the_subscription_at_once() -> None:
    rig = referred(Rig(load_profile("pbx-100-terminated").manners))
    assert rig.news() == [("SIP/2.0 100 Trying", "terminated")]
    rig.advance(0.6)
    assert rig.left == ["remote"]
    rig.advance(3)
    assert rig.news() == [("SIP/2.0 100 Trying", "terminated")]
    assert rig.verdicts == [None], "the exchange infers it from the BYE"
    assert rig.hear_each_other(CALLER, TARGET)


def test_never_a_word_and_bye() -> None:
    rig = referred(Rig(load_profile("jambonz").manners))
    rig.advance(3)
    assert not rig.sent("NOTIFY")
    assert rig.left == ["remote"]
    assert rig.hear_each_other(CALLER, TARGET)


def test_bad_manners_are_understood() -> None:
    rig = referred(Rig(load_profile("rude").manners))
    assert rig.statuses("REFER") == []
    assert rig.sent("NOTIFY")[0].body == b"SIP/2.0 100\n"
    rig.advance(0.3)
    assert rig.statuses("REFER") == [202]
    rig.advance(3)
    assert rig.news()[-1] == ("SIP/2.0 200", "terminated")
    assert rig.verdicts == [None]
    assert rig.hear_each_other(CALLER, TARGET)


def test_late_news() -> None:
    rig = referred(Rig(CarrierManners(notify_delay=3.0)))
    rig.advance(2.9)
    assert not rig.sent("NOTIFY")
    assert rig.hear_each_other(CALLER, TARGET)
    rig.advance(2.2)
    assert rig.news() == OK
    assert rig.verdicts == [None]


@pytest.mark.parametrize(("after", "by"), [(5.0, ["remote"]), (0.0, ["remote"]), (None, [])])
def test_who_hangs_up_and_when(after: float | None, by: list[str]) -> None:
    """A transferor that does not hang up by itself."""
    rig = Rig(CarrierManners(hang_up_after=after))
    rig.call()
    rig.raw("REFER", ("Refer-To", f"<tel:{TARGET}>"))
    rig.advance(2.1)
    if after:
        rig.advance(4.8)
        assert not rig.left
    rig.advance(60)
    assert rig.left == by
    assert rig.hear_each_other(CALLER, TARGET)


def test_the_transferor_is_on_hold_meanwhile() -> None:
    rig = referred(Rig(CarrierManners(hold=True)), f"tel:{DECLINES}")
    rig.advance(0.1)
    assert b"a=sendonly" in rig.sent("INVITE")[1].body
    assert rig.legs[0].held
    assert not rig.joined
    rig.advance(3)
    assert b"a=sendonly" not in rig.sent("INVITE")[2].body
    assert not rig.legs[0].held
    assert rig.hear_each_other(CALLER, LINE)


def test_the_caller_hangs_up_while_the_transferor_is_on_hold() -> None:
    rig = Rig(CarrierManners(hold=True))
    conversation = rig.call()
    rig.transfer()
    rig.advance(0.1)
    rig.carrier(rig.switch.hang_up(rig.now, conversation.caller))
    assert not rig.joined
    assert len(rig.sent("INVITE")) == 2
    assert over(rig)


def test_the_caller_hangs_up_before_the_target_is_called() -> None:
    rig = Rig(CarrierManners(refer_answer_delay=1.0))
    conversation = rig.call()
    rig.transfer()
    rig.carrier(rig.switch.hang_up(rig.now, conversation.caller))
    rig.advance(3)
    assert rig.statuses("REFER") in ([], [202])
    assert "target_called" not in rig.names()
    assert rig.names().count("transfer_failed") == 1
    assert over(rig)


def test_a_late_answer_to_a_transfer_to_nobody() -> None:
    rig = referred(Rig(CarrierManners(refer_answer_delay=1.0)), "tel:+1999")
    rig.advance(1.1)
    assert rig.news()[-1] == ("SIP/2.0 404 Not Found", "terminated")
    assert rig.names().count("transfer_failed") == 1
    assert rig.hear_each_other(CALLER, LINE)


def test_a_transferor_that_has_gone_is_not_taken_from_hold() -> None:
    rig = referred(Rig(CarrierManners(hold=True)), f"tel:{DECLINES}")
    rig.advance(0.1)
    rig.hangup()
    rig.advance(3)
    assert len(rig.sent("INVITE")) == 2
    assert over(rig)


def test_a_transferor_whose_caller_left_may_hear_nothing_of_it() -> None:
    """As behind Telnyx: no NOTIFY, no BYE. The exchange has to end it by itself."""
    rig = Rig(CarrierManners(abandoned_for=600.0))
    conversation = rig.call()
    rig.transfer()
    rig.carrier(rig.switch.hang_up(rig.now, conversation.caller))
    rig.advance(100)
    assert rig.news()[-1] == ("SIP/2.0 180 Ringing", "active")
    assert not rig.left
    rig.advance(150)
    (error,) = rig.verdicts
    assert error is not None
    assert error.code == "deadline_exceeded"
    rig.advance(400)
    assert rig.left == ["remote"]
    assert over(rig)
