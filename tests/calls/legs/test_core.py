"""The phase table, and what all parts of a leg use."""

from __future__ import annotations

import random

import pytest
from tests.simulation.legs import CONTACT
from tests.support.sip_messages import flow_to, request_of

from hookflash.base.ids import Ids
from hookflash.calls.legs.core import (
    LIVE,
    OVER,
    TRANSITIONS,
    UNANSWERED,
    LegCore,
    Phase,
    earlier,
    unsupported,
)
from hookflash.calls.legs.settings import LegSettings
from hookflash.sip.dialog import Dialog
from hookflash.sip.message import Request
from hookflash.sip.timers import Timers
from hookflash.sip.uri import Uri


def core() -> LegCore:
    return LegCore(
        "SCL_x", LegSettings(contact=Uri.parse(CONTACT)), Ids(random.Random(1)), Timers()
    )


def test_table_names_every_phase() -> None:
    assert set(TRANSITIONS) == set(Phase)
    assert set(Phase) == {*UNANSWERED, *LIVE, *OVER}
    reachable = {Phase.NEW}
    for _ in Phase:
        reachable |= {after for before in reachable for after in TRANSITIONS[before]}
    assert reachable == set(Phase)


@pytest.mark.parametrize("before", list(Phase))
@pytest.mark.parametrize("after", list(Phase))
def test_only_steps_of_the_table_are_taken(before: Phase, after: Phase) -> None:
    made = core()
    made.phase = before
    if after in TRANSITIONS[before]:
        made.enter(after)
        assert made.phase is after
    else:
        with pytest.raises(AssertionError):
            made.enter(after)
        assert made.phase is before


def test_replies_have_our_tag() -> None:
    response = core().reply(request_of("INFO"), 200, (("X", "1"),), b"v=0")
    assert response.to.tag == "SCL_x"
    assert response.content_type == "application/sdp"
    assert response.header("X") == "1"


def test_unreadable_contact_moves_no_target() -> None:
    made = core()
    made.dialog = Dialog.uas(
        request_of("INVITE"), local_tag="SCL_x", contact=made.settings.contact, flow=flow_to()
    )
    made.refresh_target(Request("UPDATE", "sip:a@b", (("Contact", "<sip:"),)))
    assert not made.target_moved
    made.refresh_target(Request("UPDATE", "sip:a@b", (("Contact", "<sip:other@c>"),)))
    assert made.target_moved


def test_unsupported_option_tags() -> None:
    assert unsupported(Request("INVITE", "sip:a@b")) == ""
    assert unsupported(Request("INVITE", "sip:a@b", (("Require", "timer, 100REL"),))) == ""
    assert unsupported(Request("INVITE", "sip:a@b", (("Require", "x, timer, a"),))) == "a, x"


def test_an_extension_that_the_owner_sees_to() -> None:
    settings = LegSettings(contact=Uri.parse(CONTACT), extensions=("replaces",))
    made = LegCore("SCL_x", settings, Ids(random.Random(1)), Timers())
    assert made.supported == "100rel, timer, replaces"
    assert ("Supported", made.supported) in made.capabilities()
    required = Request("INVITE", "sip:a@b", (("Require", "replaces, timer, x"),))
    assert made.lacking(required) == "x"
    assert core().lacking(required) == "replaces, x"


def test_earlier_of_two_deadlines() -> None:
    assert earlier(None, None) is None
    assert earlier(1.0, None) == 1.0
    assert earlier(None, 2.0) == 2.0
    assert earlier(1.0, 2.0) == earlier(2.0, 1.0) == 1.0
