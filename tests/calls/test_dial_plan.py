"""What CreateSIPParticipant becomes (facts §5.3, §5.5)."""

from __future__ import annotations

import pytest
from livekit.protocol.sip import (
    CreateSIPParticipantRequest,
    SIPHeaderOptions,
    SIPNamedDest,
    SIPOutboundTrunkInfo,
    SIPRequestDest,
    SIPTransport,
    SIPUri,
)

from hookflash.base.errors import ApiError
from hookflash.calls.dial_plan import (
    dial_attributes,
    dial_order,
    dial_plan,
    dtmf_digits,
    header_options,
    roomless_plan,
    sip_call_id,
)
from hookflash.calls.legs.invitation import DialOrder
from hookflash.calls.status import PREFIX

NUMBER = "+15550100"


def request(**fields: object) -> CreateSIPParticipantRequest:
    base: dict[str, object] = {"sip_call_to": "+15550199", "room_name": "lobby"}
    return CreateSIPParticipantRequest(**(base | fields))  # type: ignore[arg-type]


def trunk(**fields: object) -> SIPOutboundTrunkInfo:
    base: dict[str, object] = {"sip_trunk_id": "ST_1", "address": "sip.example.com:5070"}
    return SIPOutboundTrunkInfo(**(base | fields))  # type: ignore[arg-type]


def order(
    wanted: CreateSIPParticipantRequest | None = None,
    by: SIPOutboundTrunkInfo | None = None,
    **more: bool,
) -> DialOrder:
    return dial_order(wanted or request(), by or trunk(), NUMBER, "SCL_abc", **more)


def refusal(
    wanted: CreateSIPParticipantRequest | None = None, by: SIPOutboundTrunkInfo | None = None
) -> str:
    with pytest.raises(ApiError) as caught:
        order(wanted, by)
    assert caught.value.code == "invalid_argument"
    return caught.value.msg.removeprefix(PREFIX)


def test_a_call_in_no_room_has_the_numbers_of_its_order() -> None:
    plan = roomless_plan(order(), "SCL_abc")
    assert (plan.call_id, plan.caller_host) == ("SCL_abc", "sip.example.com")
    assert (plan.parties.caller, plan.parties.called) == (NUMBER, "+15550199")
    assert (plan.parties.trunk_id, plan.trunk) == ("", None)
    assert (plan.dispatch.room, plan.dispatch.identity, plan.dispatch.pin_needed) == ("", "", False)


def test_the_plain_case() -> None:
    made = order()
    assert str(made.uri) == str(made.to) == "sip:+15550199@sip.example.com:5070"
    assert (made.from_.display, made.from_.uri.user, made.from_.uri.host) == (NUMBER, NUMBER, "")
    assert made.sip_call_id == sip_call_id("SCL_abc")
    assert made.sip_call_id.isalnum()
    assert sip_call_id("SCL_abd") != made.sip_call_id
    assert not made.follow_redirects


@pytest.mark.parametrize(
    ("transport", "suffix"),
    [
        (SIPTransport.SIP_TRANSPORT_UDP, ";transport=udp"),
        (SIPTransport.SIP_TRANSPORT_TCP, ";transport=tcp"),
        (SIPTransport.SIP_TRANSPORT_TLS, ";transport=tls"),
    ],
)
def test_the_transport_stands_in_every_uri(transport: SIPTransport, suffix: str) -> None:
    made = order(by=trunk(transport=transport, from_host="from.example"))
    assert str(made.uri).endswith(suffix)
    assert str(made.to).endswith(suffix)
    assert str(made.from_.uri) == f"sip:{NUMBER}@from.example{suffix}"
    made = order(by=trunk(transport=transport))
    assert made.from_.uri.params == (("transport", suffix.partition("=")[2]),)


def test_headers_are_merged_and_sorted_by_name() -> None:
    made = order(request(headers={"X-B": "2", "X-A": "1"}), trunk(headers={"X-B": "0", "X-C": "3"}))
    assert made.headers == (("X-A", "1"), ("X-B", "2"), ("X-C", "3"))


@pytest.mark.parametrize(
    ("given", "shown"), [("Hal", "Hal"), ("", ""), (r"a \"b\" \\ c", r'a "b" \ c')]
)
def test_display_name(given: str, shown: str) -> None:
    assert order(request(display_name=given)).from_.display == shown


@pytest.mark.parametrize("name", ["\0", "a\r\nX-A: b", "\x7f"])
def test_no_display_name_gets_a_line_of_its_own(name: str) -> None:
    """A number may be shown as a name, and sip_from_header is checked by nobody else."""
    wrong = "invalid From header: display name: char "
    uri = SIPUri(user="u", host="h")
    assert refusal(request(sip_from_header=SIPNamedDest(values=uri, display_name=name))).startswith(
        wrong
    )
    with pytest.raises(ApiError) as caught:
        dial_order(request(), trunk(from_host="h"), name, "SCL_abc")
    assert caught.value.msg.startswith(PREFIX + wrong)


def test_to_user_override_changes_the_to_only() -> None:
    made = order(request(to_user_override="boss"))
    assert str(made.uri) == "sip:+15550199@sip.example.com:5070"
    assert str(made.to) == "sip:boss@sip.example.com:5070"


def test_twilio_wants_a_plus() -> None:
    by = trunk(address="x.pstn.Twilio.com")
    made = dial_order(request(), by, "15550100", "SCL_a")
    assert made.from_.uri.user == "+15550100"
    assert dial_plan(request(), by, "15550100", "SCL_a").parties.caller == "+15550100"
    assert dial_order(request(), trunk(), "15550100", "SCL_a").from_.uri.user == "15550100"


def test_redirects_by_setting_or_by_the_trunks_metadata() -> None:
    assert order(follow_redirects=True).follow_redirects
    for metadata, follows in (
        ('{"hookflash.follow_redirects": true}', True),
        ('{"hookflash.follow_redirects": "yes"}', False),
        ('["hookflash.follow_redirects"]', False),
        ('{"hookflash.follow_redirects": tru', False),
    ):
        assert order(by=trunk(metadata=metadata)).follow_redirects == follows


def test_uris_of_newer_protocols() -> None:
    made = order(
        request(
            sip_request_uri=SIPRequestDest(raw="sip:a@b.example;x=1"),
            sip_from_header=SIPNamedDest(display_name="Me", raw="sip:me@here.example"),
        )
    )
    assert str(made.uri) == "sip:a@b.example;x=1"
    assert str(made.to) == "sip:+15550199@sip.example.com:5070"
    assert (made.from_.display, str(made.from_.uri)) == ("Me", "sip:me@here.example")
    values = SIPUri(user="a b", ip="::1", port=5090, transport=SIPTransport.SIP_TRANSPORT_TCP)
    made = order(
        request(
            sip_request_uri=SIPRequestDest(values=values),
            sip_from_header=SIPNamedDest(values=SIPUri(host="h.example")),
        )
    )
    assert str(made.uri) == "sip:a%20b@[::1]:5090;transport=tcp"
    assert str(made.from_.uri) == "sip:h.example"


def test_uris_that_cannot_be_built() -> None:
    assert refusal(by=trunk(address="a b")).startswith("invalid request URI: ")
    assert refusal(by=trunk(address="h:99999")).startswith("invalid request URI: ")
    assert refusal(by=trunk(from_host="a b")).startswith("invalid From header: ")
    assert refusal(request(sip_request_uri=SIPRequestDest(raw="tel:+1"))) == (
        "invalid request URI: not a SIP URI"
    )
    assert refusal(request(sip_request_uri=SIPRequestDest())) == (
        "invalid request URI: address must be set"
    )
    assert refusal(request(sip_to_header=SIPNamedDest(raw="sip:x@y"))) == (
        "invalid To header: cannot use both CallTo and SipToHeader"
    )


def test_the_place_in_the_room() -> None:
    wanted = request(
        participant_name="Ann",
        participant_metadata="m",
        participant_attributes={"line": "sales", "sip.callID": "forged"},
    )
    plan = dial_plan(wanted, trunk(), NUMBER, "SCL_a")
    place = plan.dispatch
    assert (place.room, place.identity, place.name) == ("lobby", "sip_+15550199", "Ann")
    assert (place.metadata, place.pin_needed) == ("m", False)
    assert dial_attributes(wanted, trunk(), plan, sip_call_id("SCL_a")) == {
        "line": "sales",
        "sip.callID": "SCL_a",
        "sip.trunkID": "ST_1",
        "sip.phoneNumber": "+15550199",
        "sip.hostname": "sip.example.com:5070",
        "sip.trunkPhoneNumber": NUMBER,
        "sip.callStatus": "dialing",
        "sip.callIDFull": sip_call_id("SCL_a"),
    }
    own = dial_plan(request(participant_identity="ann"), trunk(), NUMBER, "SCL_a")
    assert own.dispatch.identity == "ann"


def test_a_hidden_number_is_in_no_attribute() -> None:
    wanted = request(hide_phone_number=True)
    plan = dial_plan(wanted, trunk(), NUMBER, "SCL_a")
    attributes = dial_attributes(wanted, trunk(), plan, "")
    assert not {"sip.phoneNumber", "sip.hostname", "sip.trunkPhoneNumber"} & set(attributes)
    assert plan.dispatch.identity == "sip_+15550199"  # as LiveKit


def test_which_headers_become_attributes() -> None:
    everything = SIPHeaderOptions.SIP_ALL_HEADERS
    some = SIPHeaderOptions.SIP_X_HEADERS
    assert header_options(request(), trunk(include_headers=some)) == some
    assert header_options(request(include_headers=everything), trunk(include_headers=some)) == (
        everything
    )


def test_keys_that_can_be_pressed() -> None:
    assert dtmf_digits("1w2W*#, a-D x") == "1w2w*#aD"
