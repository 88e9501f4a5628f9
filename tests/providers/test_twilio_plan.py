"""What has to change at Twilio, by what is there and what is wanted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hookflash.providers.setup_plan import SetupPlanError
from hookflash.providers.twilio_plan import (
    NO_ACCESS,
    UNSEEN,
    AddOrigination,
    AllowAddress,
    AllowUser,
    AttachNumber,
    ChangeTrunk,
    MakeTrunk,
    TwilioNumber,
    TwilioTrunk,
    TwilioWish,
    make_plan,
)

OURS, SIP, DOMAIN = "+15105550100", "sip:sip.example.com", "acme.pstn.twilio.com"
TRUNK = TwilioTrunk(
    "TK1", "hookflash", DOMAIN, "enable-all", "from-transferee", (SIP,), (OURS,), ("192.0.2.1",)
)
NUMBER = TwilioNumber("PN1", OURS, "TK1")
WISH = TwilioWish(origination=SIP, numbers=(OURS,))
BARE = TwilioTrunk("TK2", "bare", "", "disable-all", "from-transferee")


def test_where_all_is_there_nothing_is_to_do() -> None:
    plan = make_plan(WISH, [BARE, TRUNK], [NUMBER])
    assert (plan.trunk, plan.steps, plan.missing, plan.remarks) == (TRUNK, (), (), UNSEEN)


def test_where_nothing_is_all_is_made_in_an_order_that_works() -> None:
    wish = replace(WISH, domain=DOMAIN, transfer_caller_id="from-transferor")
    plan = make_plan(wish, [BARE], [replace(NUMBER, trunk_sid="")])
    assert plan.trunk is None
    assert plan.steps == (
        MakeTrunk("hookflash", DOMAIN, "enable-all", "from-transferor"),
        AddOrigination(SIP),
        AttachNumber(OURS, "PN1"),
    )
    assert [str(step) for step in plan.steps] == [
        "make a trunk 'hookflash': transfers enable-all, caller ID from-transferor, "
        "domain acme.pstn.twilio.com",
        "send calls that come in to sip:sip.example.com",
        "put +15105550100 on the trunk",
    ]


def test_only_what_differs_is_changed() -> None:
    trunk = replace(TRUNK, transfer_mode="sip-only", domain_name="")
    plan = make_plan(WISH, [trunk], [NUMBER])
    assert plan.steps == (ChangeTrunk((("transfer_mode", "sip-only", "enable-all"),)),)
    plan = make_plan(replace(WISH, domain=DOMAIN), [trunk], [NUMBER])
    assert str(plan.steps[0]) == (
        "change the trunk: transfer_mode from sip-only to enable-all, domain_name from nothing to "
        "acme.pstn.twilio.com"
    )


def test_another_origination_stays_and_is_told() -> None:
    trunk = replace(TRUNK, origination=("sip:old.example",))
    plan = make_plan(WISH, [trunk], [NUMBER])
    assert plan.steps == (AddOrigination(SIP),)
    assert plan.remarks[0] == "calls that come in go to sip:old.example as well: left as it is"
    assert make_plan(replace(WISH, origination=""), [trunk], [NUMBER]).remarks == UNSEEN


def test_a_number_is_taken_from_nobody() -> None:
    elsewhere = replace(NUMBER, trunk_sid="TK2")
    plan = make_plan(
        replace(WISH, trunk="TK1", numbers=(OURS, "+1999")), [TRUNK, BARE], [elsewhere]
    )
    assert plan.steps == ()
    assert plan.missing == (
        f"{OURS} is on another trunk, TK2: left there",
        "+1999 is no number of this account",
    )


@pytest.mark.parametrize("named", ["TK1", "hookflash", DOMAIN])
def test_a_trunk_by_sid_name_or_domain(named: str) -> None:
    assert make_plan(TwilioWish(trunk=named), [BARE, TRUNK], []).trunk is TRUNK


def test_a_trunk_by_the_first_of_its_numbers_before_one_by_name() -> None:
    elsewhere = replace(NUMBER, trunk_sid="TK2")
    assert make_plan(WISH, [TRUNK, BARE], [elsewhere]).trunk is BARE
    lost = replace(NUMBER, trunk_sid="TK9")
    assert make_plan(WISH, [TRUNK, BARE], [lost]).trunk is TRUNK


def test_which_trunk_has_to_be_clear() -> None:
    twin = replace(TRUNK, sid="TK3")
    with pytest.raises(SetupPlanError, match=r"several trunks are 'hookflash': .* of TK1, TK3"):
        make_plan(TwilioWish(), [TRUNK, twin], [])
    with pytest.raises(SetupPlanError, match="there is no trunk 'nobody'"):
        make_plan(TwilioWish(trunk="nobody"), [TRUNK], [])


def test_who_may_call_by_the_trunk() -> None:
    wish = replace(WISH, addresses=("192.0.2.1", "192.0.2.2"), user="me", password="hidden")
    plan = make_plan(wish, [TRUNK], [NUMBER])
    assert plan.steps == (AllowAddress("192.0.2.2"), AllowUser("me", "hidden"))
    told = [str(step) for step in plan.steps]
    assert told == ["let calls in from 192.0.2.2", "let calls in of user me"]
    assert "hidden" not in repr(plan)
    assert "hidden" not in repr(wish)
    there = replace(TRUNK, addresses=("192.0.2.2", "192.0.2.1"), users=("me",))
    assert make_plan(wish, [there], [NUMBER]).steps == ()


def test_a_user_without_a_password_cannot_be_made() -> None:
    plan = make_plan(replace(WISH, user="me"), [TRUNK], [NUMBER])
    assert plan.steps == ()
    assert plan.missing == ("user me may not call, and there is no password to make it with",)


def test_a_trunk_that_lets_nobody_call_is_told() -> None:
    bare = replace(TRUNK, addresses=())
    assert make_plan(WISH, [bare], [NUMBER]).remarks == (NO_ACCESS, *UNSEEN)
    assert make_plan(WISH, [], []).remarks == (NO_ACCESS, *UNSEEN)
    for more in ({"addresses": ("192.0.2.1",)}, {"user": "me"}):
        assert make_plan(replace(WISH, **more), [bare], [NUMBER]).remarks == UNSEEN
    assert make_plan(WISH, [replace(bare, users=("me",))], [NUMBER]).remarks == UNSEEN
