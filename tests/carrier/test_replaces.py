"""Calls that take the place of another one, in virtual time: by REFER and by INVITE."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest
from tests.support.carrier_places import byes, over, replaces, taking, talks
from tests.support.carrier_rig import (
    BUSY,
    CALLER,
    LINE,
    ORIGINATION,
    SECOND_LINE,
    SILENT,
    TARGET,
    Rig,
    network,
)

from hookflash.calls.legs.core import OVER, Phase
from hookflash.calls.legs.leg import Leg
from hookflash.carrier.config import PhoneConfig, TrunkConfig
from hookflash.carrier.manners import CarrierManners
from hookflash.carrier.profile_files import load_profile
from hookflash.carrier.replaces import KEPT

TRYING, OK = ("SIP/2.0 100 Trying", "active"), ("SIP/2.0 200 OK", "terminated")
STRANGER, MENU = "+15550000009", "+15105550130"
OTHER = TrunkConfig("other", (STRANGER,), ORIGINATION)
TWO_CUSTOMERS = replace(network(), trunks=(*network().trunks, OTHER))


def attended(rig: Rig, named: str) -> None:
    """The exchange asks that whom it talks to in its last call gets the place of another one."""
    rig.transfer(f"sip:{TARGET}@carrier.test?Replaces={quote(named, safe='')}")


def consulted(rig: Rig) -> tuple[Leg, Leg]:
    """The exchange talks to the target, and to a caller."""
    consultation = talks(rig)
    rig.call()
    return consultation, rig.legs[-1]


# --- REFER ----------------------------------------------------------------------------------------


def test_caller_and_target_are_joined_and_the_transferor_is_out() -> None:
    rig = Rig()
    consultation, _ = consulted(rig)
    assert rig.hear_each_other(LINE, CALLER)
    attended(rig, replaces(consultation))
    assert rig.statuses("REFER") == [202]
    assert rig.news() == [TRYING, OK]
    assert rig.hear_each_other(CALLER, TARGET)
    assert byes(rig, consultation) == 1
    assert rig.verdicts == [None]
    assert sorted(rig.left) == ["local", "remote"], "it hangs up by itself on the caller only"
    told = rig.fields("transferred")
    assert (told["caller"], told["target"]) == (CALLER, TARGET)
    rig.advance(40)
    (one,) = rig.switch.conversations.values()
    assert (one.caller.number, one.called.number, one.caller_id) == (CALLER, TARGET, CALLER)
    assert {end.number for end in one.ends} == {CALLER, TARGET}
    assert not rig.open
    assert rig.names().count("phone_rings") == 1, "nobody is called once more"
    rig.carrier(rig.switch.hang_up(rig.now, one.called))
    assert over(rig)


def test_an_earlier_transfer_of_the_one_who_is_replaced_is_not_listed() -> None:
    rig = Rig()
    consultation = talks(rig)
    rig.transfer(f"tel:{BUSY}")
    rig.advance(1)
    (listed,) = rig.switch.listing()
    assert listed["transfer"], "it failed, and the call goes on"
    rig.call()
    attended(rig, replaces(consultation))
    rig.advance(1)
    assert rig.hear_each_other(CALLER, TARGET)
    (listed,) = rig.switch.listing()
    assert listed["transfer"] is None


def test_the_other_way_about() -> None:
    """The call that is replaced is the one that came from the carrier."""
    rig = Rig()
    rig.call()
    first = rig.legs[-1]
    talks(rig)
    attended(rig, replaces(first))
    assert rig.news() == [TRYING, OK]
    assert rig.hear_each_other(CALLER, TARGET)
    assert byes(rig, first) == 1
    rig.advance(1)
    (one,) = rig.switch.conversations.values()
    assert (one.caller.number, one.called.number, one.dialled) == (CALLER, TARGET, TARGET)
    rig.carrier(rig.switch.hang_up(rig.now, one.caller))
    assert over(rig)


@pytest.mark.parametrize(
    ("manners", "news", "after"),
    [
        (CarrierManners(notify="final", hang_up_after=0.0), [OK], 0.0),
        (CarrierManners(notify="none", hang_up_at="refer-accepted", hang_up_after=0.0), [], 0.0),
        (
            CarrierManners(notify="100-terminated", hang_up_after=0.5),
            [("SIP/2.0 100 Trying", "terminated")],
            0.5,
        ),
        (CarrierManners(hang_up_after=None, hold=True), [TRYING, OK], None),
    ],
)
def test_in_the_manner_of_the_carrier(
    manners: CarrierManners, news: list[tuple[str, str]], after: float | None
) -> None:
    """The exchange does not hang up by itself here."""
    rig = Rig(manners)
    consultation, call = consulted(rig)
    invites = len(rig.sent("INVITE"))
    target = f"<sip:x@carrier.test?Replaces={quote(replaces(consultation), safe='')}>"
    rig.raw("REFER", ("Refer-To", target))
    assert rig.news() == news
    assert rig.hear_each_other(CALLER, TARGET)
    assert (byes(rig, consultation), byes(rig, call)) == (1, 0)
    assert len(rig.sent("INVITE")) == invites, "nobody is put on hold for it"
    rig.advance(after or 60)
    assert byes(rig, call) == (after is not None)
    assert rig.hear_each_other(CALLER, TARGET)


def test_whatever_the_form_of_the_target() -> None:
    """The dialog says who it is; behind proxies the Contact of the carrier is an address inside."""
    rig = Rig(CarrierManners(target_forms=("own-domain",), record_route=1))
    consultation, call = consulted(rig)
    named = quote(replaces(consultation), safe="")
    rig.transfer(f"sip:10.192.0.1:5080?Replaces={named}")
    assert rig.hear_each_other(CALLER, TARGET)
    assert (byes(rig, consultation), call.state in OVER) == (1, True)


def refused(rig: Rig, status: int, named: str) -> str:
    """An attended transfer that fails by NOTIFY and changes nothing; why, for people."""
    heard = dict(rig.joined)
    attended(rig, named)
    assert rig.statuses("REFER")[-1] == 202
    line, state = rig.news()[-1]
    assert line.startswith(f"SIP/2.0 {status} ")
    assert state == "terminated"
    assert rig.joined == heard
    assert rig.names()[-2:] == ["not_replaced", "transfer_failed"]
    assert rig.fields("not_replaced")["status"] == status
    error = rig.verdicts[-1]
    assert error is not None
    assert str(status) in error.msg
    return str(rig.fields("not_replaced")["why"])


def test_a_call_that_is_not_there() -> None:
    rig = Rig(CarrierManners(hold=True))
    consultation, call = consulted(rig)
    right = replaces(consultation)
    call_id, to, from_ = right.split(";")
    ping = replaces(call).split(";")[1]
    for wrong in (
        f"other;{to};{from_}",
        f"{call_id};to-tag=other;{from_}",
        f"{call_id};{to};from-tag=other",
        f"{call_id};{from_.replace('from', 'to')};{to.replace('to', 'from')}",
        f"{call_id};{ping};{from_}",
    ):
        why = refused(rig, 481, wrong)
        assert why == "Replaces names no call of this trunk"
    assert byes(rig, consultation) == 0
    assert len(rig.sent("INVITE")) == 1, "nobody was put on hold"
    attended(rig, right)
    assert rig.hear_each_other(CALLER, TARGET)


def test_a_call_that_is_over() -> None:
    rig = Rig()
    consultation, _ = consulted(rig)
    rig.hangup(consultation)
    assert refused(rig, 603, replaces(consultation)) == "the call that Replaces names is over"
    rig.advance(KEPT)
    refused(rig, 481, replaces(consultation))


def test_a_call_that_ends_at_this_moment() -> None:
    """The carrier has hung up, and its BYE is not answered."""
    rig = Rig()
    consultation, _ = consulted(rig)
    (phone,) = (one for one in rig.switch.ends.values() if one.number == TARGET)
    rig.loses = True
    rig.carrier(rig.switch.hang_up(rig.now, phone))
    rig.loses = False
    refused(rig, 603, replaces(consultation))


def test_early_only() -> None:
    rig = Rig()
    consultation, _ = consulted(rig)
    refused(rig, 486, f"{replaces(consultation)};early-only")


def test_a_call_of_the_exchange_that_still_rings() -> None:
    """RFC 3891 section 3: an early dialog is replaced only where it was initiated."""
    rig = Rig()
    consultation = rig.dial(SILENT)
    rig.call()
    refused(rig, 481, replaces(consultation))


def test_a_call_to_the_exchange_that_still_rings() -> None:
    rig = Rig()
    talks(rig)
    rig.answers = False
    rig.call()
    ringing = rig.legs.pop()
    attended(rig, f"{replaces(ringing)};early-only")
    assert rig.news() == [TRYING, OK]
    assert len(rig.sent("CANCEL")) == 1
    assert ringing.state is Phase.FINISHED
    assert rig.hear_each_other(CALLER, TARGET)
    assert rig.names().count("call_answered") == 2
    (one,) = rig.switch.conversations.values()
    assert one.answered_at is not None
    rig.carrier(rig.switch.hang_up(rig.now, one.caller))
    assert over(rig)


def test_the_very_call_that_is_transferred() -> None:
    rig = Rig()
    rig.call()
    why = refused(rig, 481, replaces(rig.legs[-1]))
    assert why == "Replaces names the call that is transferred"


def test_a_call_of_another_customer() -> None:
    rig = Rig(config=TWO_CUSTOMERS)
    theirs = talks(rig, caller=STRANGER)
    rig.call()
    why = refused(rig, 481, replaces(theirs))
    assert why == "Replaces names no call of this trunk"
    rig.hangup(theirs)
    assert refused(rig, 481, replaces(theirs)) == why, "nor is it said that it was there"


def test_a_call_that_is_nobodys() -> None:
    """Of two trunks none is known by this number, and neither is by the address."""
    trunks = tuple(replace(one, origination=None) for one in TWO_CUSTOMERS.trunks)
    rig = Rig(config=replace(TWO_CUSTOMERS, trunks=trunks))
    consultation = talks(rig, caller="+1999")
    talks(rig, CALLER, caller="+1999")
    refused(rig, 481, replaces(consultation))


def test_a_call_that_is_being_transferred_itself() -> None:
    rig = Rig()
    consultation = talks(rig)
    rig.transfer(f"tel:{SILENT}")
    rig.call()
    refused(rig, 491, replaces(consultation))


def test_a_call_whose_other_side_has_been_transferred_away() -> None:
    rig = Rig(CarrierManners(hang_up_after=None))
    consultation = talks(rig)
    rig.raw("REFER", ("Refer-To", f"<tel:{CALLER}>"))
    rig.advance(2)
    assert rig.hear_each_other(TARGET, CALLER)
    rig.call(caller=SILENT)
    refused(rig, 603, replaces(consultation))


def test_a_replaces_that_cannot_be_read() -> None:
    rig = Rig()
    consulted(rig)
    attended(rig, "a@b;to-tag=c")
    assert rig.statuses("REFER") == [400]


def test_the_transferor_leaves_before_its_answer() -> None:
    rig = Rig(CarrierManners(refer_answer_delay=1.0))
    consultation, call = consulted(rig)
    attended(rig, replaces(consultation))
    rig.hangup(call)
    rig.advance(1.1)
    assert rig.hear_each_other(CALLER, TARGET)
    assert rig.news() == [TRYING, OK]
    (one,) = rig.switch.conversations.values()
    rig.carrier(rig.switch.hang_up(rig.now, one.caller))
    assert over(rig)


def test_the_caller_leaves_before_the_answer() -> None:
    rig = Rig(CarrierManners(refer_answer_delay=1.0))
    consultation = talks(rig)
    conversation = rig.call()
    attended(rig, replaces(consultation))
    rig.carrier(rig.switch.hang_up(rig.now, conversation.caller))
    rig.advance(1.1)
    assert ("SIP/2.0 487 Request Terminated", "terminated") in rig.news()
    assert rig.hear_each_other(LINE, TARGET)
    assert byes(rig, consultation) == 0


@pytest.mark.parametrize("transferred", ["who waits", "who has called"])
def test_a_menu_that_is_putting_somebody_through(transferred: str) -> None:
    """Who is put through still rings: it is joined when it answers."""
    menu = PhoneConfig(MENU, "menu", "answers", after=0.1, menu=(("1", TARGET),))
    config = network()
    rig = Rig(config=replace(config, phones=(*config.phones, menu)))
    rig.call()
    first = rig.legs[-1]
    in_menu = rig.dial(MENU)
    rig.advance(0.2)
    rig.raw("INFO", ("Content-Type", "application/dtmf"), body=b"1")
    assert rig.fields("phone_rings")["phone"] == TARGET
    if transferred == "who has called":
        attended(rig, replaces(first))
    else:
        rig.legs.append(first)
        attended(rig, replaces(in_menu))
    assert rig.news() == [TRYING, OK]
    assert not rig.joined, "it rings"
    rig.advance(2.1)
    assert rig.hear_each_other(CALLER, TARGET)


def test_a_carrier_without_attended_transfers() -> None:
    rig = Rig(
        CarrierManners(replaces="unsupported", replaces_status=403, replaces_phrase="No Replaces")
    )
    consultation, _ = consulted(rig)
    attended(rig, replaces(consultation))
    assert rig.statuses("REFER") == [403]
    told = rig.fields("refer_refused")
    assert told["phrase"] == "No Replaces"
    assert told["why"] == "this carrier carries out no attended transfer (Replaces)"
    assert rig.hear_each_other(CALLER, LINE)


# --- INVITE ---------------------------------------------------------------------------------------


def test_an_invite_takes_the_place_of_another_call() -> None:
    rig = Rig()
    replaced = talks(rig)
    leg = taking(rig, replaces(replaced))
    assert leg.state is Phase.CONFIRMED
    assert rig.hear_each_other(SECOND_LINE, TARGET)
    assert byes(rig, replaced) == 1
    told = rig.fields("place_taken")
    assert (told["number"], told["replaced"]) == (SECOND_LINE, LINE)
    (one,) = rig.switch.conversations.values()
    assert (one.caller.number, one.caller_id) == (SECOND_LINE, SECOND_LINE)
    assert rig.names().count("phone_rings") == 1
    rig.hangup(leg)
    assert over(rig)


def test_a_call_is_picked_up_while_it_rings() -> None:
    """RFC 3891 section 7.1, as a directed pickup has it."""
    rig = Rig(answers=False)
    rig.call()
    ringing = rig.legs[-1]
    leg = taking(rig, f"{replaces(ringing)};early-only")
    assert leg.state is Phase.CONFIRMED
    assert ringing.state is Phase.FINISHED
    assert len(rig.sent("CANCEL")) == 1
    assert rig.hear_each_other(CALLER, SECOND_LINE)
    rig.hangup(leg)
    assert over(rig)


def test_a_call_that_a_transfer_makes_is_not_picked_up() -> None:
    rig = Rig()
    rig.call()
    transferred, rig.answers = rig.legs[-1], False
    rig.transfer(f"tel:{SECOND_LINE}")
    ringing = rig.legs[-1]
    taking(rig, f"{replaces(ringing)};early-only")
    assert rig.statuses("INVITE")[-1] == 491
    rig.ask(ringing, lambda: ringing.answer(rig.now))
    assert rig.hear_each_other(CALLER, SECOND_LINE)
    assert transferred.state in OVER


@pytest.mark.parametrize(
    ("change", "status"),
    [("unknown", 481), ("theirs", 481), ("over", 603), ("early-only", 486), ("a@b", 400)],
)
def test_an_invite_that_cannot_take_the_place(change: str, status: int) -> None:
    rig = Rig(config=TWO_CUSTOMERS)
    replaced = talks(rig)
    named = {
        "unknown": f"x{replaces(replaced)}",
        "early-only": f"{replaces(replaced)};early-only",
        "a@b": "a@b",
    }.get(change, replaces(replaced))
    if change == "over":
        rig.hangup(replaced)
    heard = dict(rig.joined)
    taking(rig, named, caller=STRANGER if change == "theirs" else SECOND_LINE)
    assert rig.statuses("INVITE")[-1] == status
    assert rig.names()[-1] == "call_refused"
    assert rig.joined == heard
    assert byes(rig, replaced) == 0


def test_a_call_stays_as_it_was_where_the_other_one_cannot_be_taken() -> None:
    rig = Rig()
    replaced = talks(rig)
    rig.strange(("Replaces", replaces(replaced)), ("Require", "gin, replaces"))
    assert rig.statuses("INVITE")[-1] == 420
    assert rig.wire[-1][1].header("Unsupported") == "gin"
    assert rig.hear_each_other(LINE, TARGET)
    assert byes(rig, replaced) == 0
    rig.hangup(replaced)
    assert over(rig)


@pytest.mark.parametrize("name", ["twilio", "teams"])
def test_a_carrier_that_lacks_replaces(name: str) -> None:
    """Where it need not be understood it is passed over (RFC 3261 section 8.2.2); Microsoft's
    refuse it."""
    traits = {"accounts": "optional", "record_route": 0}
    manners = replace(load_profile(name).manners, **traits)  # type: ignore[arg-type]
    rig = Rig(manners)
    replaced = talks(rig)
    rig.strange(("Replaces", replaces(replaced)), ("Require", "replaces"))
    assert rig.statuses("INVITE")[-1] == 420
    assert rig.wire[-1][1].header("Unsupported") == "replaces"
    rig.dial(SILENT, SECOND_LINE, ("Replaces", replaces(replaced)))
    assert rig.statuses("INVITE")[-1] == (180 if name == "twilio" else 501)
    assert rig.hear_each_other(LINE, TARGET)
    told = [one.header("Supported") for ours, one in rig.wire if ours and one.header("Supported")]
    assert set(told) == {"100rel, timer"}


def test_a_call_that_is_replaced_is_none_too_many() -> None:
    rig = Rig(CarrierManners(max_calls=1))
    replaced = talks(rig)
    assert rig.dial(SILENT).state is Phase.FINISHED
    assert taking(rig, replaces(replaced)).state is Phase.CONFIRMED


def test_supported_is_said() -> None:
    rig = Rig()
    rig.call()
    (invite,) = rig.sent("INVITE")
    assert invite.supported == {"100rel", "timer", "replaces"}
    rig.raw("OPTIONS")
    assert rig.statuses("OPTIONS") == [200]
    assert "replaces" in rig.wire[-1][1].supported
    named = replaces(talks(rig))
    rig.strange(("Require", "replaces"), ("Replaces", named))
    assert rig.statuses("INVITE")[-1] == 200
