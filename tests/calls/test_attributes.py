from __future__ import annotations

from livekit.protocol.sip import SIPHeaderOptions

from hookflash.calls.attributes import SipIdentity, header_attributes, sip_attributes

WHO = SipIdentity("SCL_a", "ST_a", "SDR_a", "+1", "pbx.example", "+2", "call-id", "tag")
HEADERS = [
    ("X-Call", "1"),
    ("x-call", "2"),
    ("Subject", "hello"),
    ("X-Twilio-CallSid", "CA1"),
    ("X-call_leg_id", "leg"),
]


def test_attributes_at_joining() -> None:
    assert sip_attributes(WHO, "ringing", {"own": "x", "sip.callID": "forged"}) == {
        "own": "x",
        "sip.callID": "SCL_a",
        "sip.trunkID": "ST_a",
        "sip.ruleID": "SDR_a",
        "sip.phoneNumber": "+1",
        "sip.hostname": "pbx.example",
        "sip.trunkPhoneNumber": "+2",
        "sip.callStatus": "ringing",
        "sip.callIDFull": "call-id",
        "sip.callTag": "tag",
    }


def test_hidden_numbers_are_left_out() -> None:
    hidden = SipIdentity("SCL_a", "", "", "+1", "h", "+2", "id", "", hidden=True)
    assert sip_attributes(hidden, "dialing") == {
        "sip.callID": "SCL_a",
        "sip.trunkID": "",
        "sip.callStatus": "dialing",
        "sip.callIDFull": "id",
    }


def test_provider_headers_always_come() -> None:
    assert header_attributes(HEADERS) == {
        "sip.twilio.callSid": "CA1",
        "sip.telnyx.callLegID": "leg",
    }


def test_included_headers() -> None:
    some = header_attributes(HEADERS, SIPHeaderOptions.SIP_X_HEADERS)
    assert some["sip.h.x-call"] == "1"
    assert "sip.h.subject" not in some
    assert header_attributes(HEADERS, SIPHeaderOptions.SIP_ALL_HEADERS)["sip.h.subject"] == "hello"


def test_mapped_headers_are_found_in_any_case() -> None:
    mapping = {"x-CALL": "mine", "Subject": "about", "Nope": "nope", "X-call_leg_id": ""}
    assert header_attributes(HEADERS, mapping=mapping) == {
        "mine": "1",
        "about": "hello",
        "sip.twilio.callSid": "CA1",
        "sip.telnyx.callLegID": "leg",
    }


def test_bytes_that_are_no_text_do_not_break_an_attribute() -> None:
    odd = b"a\xff".decode("utf-8", "surrogateescape")
    assert header_attributes([("X-A", odd)], mapping={"x-a": "a"}) == {"a": "a\ufffd"}
