"""What a room is told of a caller: seen through the real server in test_exchange.py; here the
corners."""

from __future__ import annotations

from livekit.protocol.room import RoomConfiguration
from livekit.protocol.sip import (
    SIPDispatchRule,
    SIPDispatchRuleDirect,
    SIPDispatchRuleInfo,
    SIPHeaderOptions,
    SIPInboundTrunkInfo,
)

from hookflash.calls.admission import CallPlan
from hookflash.calls.dispatch import CallParties, Placement
from hookflash.exchange.phone_attributes import attributes_of, room_options
from hookflash.sip.message import Request

HEADERS = [
    ("From", "<sip:+1415@carrier.example>;tag=them"),
    ("To", "<sip:+1555@192.0.2.1>"),
    ("Call-ID", "call@peer"),
    ("CSeq", "1 INVITE"),
    ("X-Case", "7"),
    ("X-Twilio-CallSid", "CA1"),
    ("Subject", "hi"),
]
INVITE = Request("INVITE", "sip:+1555@192.0.2.1", HEADERS)


def plan(
    trunk: SIPInboundTrunkInfo | None, *, hidden: bool = False, config: bool = False
) -> CallPlan:
    rule = SIPDispatchRuleInfo(
        sip_dispatch_rule_id="SDR_1",
        rule=SIPDispatchRule(dispatch_rule_direct=SIPDispatchRuleDirect(room_name="lobby")),
        attributes={"line": "sales", "sip.callID": "forged"},
        room_config=RoomConfiguration(empty_timeout=5) if config else None,
    )
    place = Placement(rule, "SDR_1", False, "lobby", "sip_+1415", "Phone +1415", hidden)
    trunk_id = trunk.sip_trunk_id if trunk is not None else ""
    parties = CallParties(trunk_id, "+1415", "+1555")
    return CallPlan("SCL_1", trunk, parties, "carrier.example", place, False)


def test_the_attributes_of_livekit_and_those_of_the_rule_which_cannot_forge_them() -> None:
    attributes = attributes_of(plan(SIPInboundTrunkInfo(sip_trunk_id="ST_1")), INVITE)
    assert attributes == {
        "line": "sales",
        "sip.callID": "SCL_1",
        "sip.trunkID": "ST_1",
        "sip.ruleID": "SDR_1",
        "sip.phoneNumber": "+1415",
        "sip.hostname": "carrier.example",
        "sip.trunkPhoneNumber": "+1555",
        "sip.callStatus": "ringing",
        "sip.callIDFull": "call@peer",
        "sip.callTag": "them",
        "sip.twilio.callSid": "CA1",
    }


def test_headers_become_attributes_as_the_trunk_says() -> None:
    trunk = SIPInboundTrunkInfo(
        sip_trunk_id="ST_1",
        include_headers=SIPHeaderOptions.SIP_X_HEADERS,
        headers_to_attributes={"subject": "topic"},
    )
    attributes = attributes_of(plan(trunk), INVITE)
    assert attributes["sip.h.x-case"] == "7"
    assert attributes["topic"] == "hi"
    assert "sip.h.subject" not in attributes


def test_a_hidden_number_is_in_no_attribute() -> None:
    attributes = attributes_of(plan(None, hidden=True), INVITE)
    assert not {"sip.phoneNumber", "sip.hostname", "sip.trunkPhoneNumber"} & attributes.keys()
    assert attributes["sip.trunkID"] == ""


def test_the_rules_room_config_is_for_the_join_that_makes_the_room() -> None:
    assert room_options(plan(None).dispatch) is None
    options = room_options(plan(None, config=True).dispatch)
    assert options is not None
    assert options.empty_timeout == 5
