"""The transaction layer as its user sees it: requests of the peer."""

from __future__ import annotations

from random import Random

import pytest
from tests.simulation.endpoints import answers, drain, key_of, new_endpoint, sent
from tests.simulation.sip_fuzz import mutated
from tests.support.sip_messages import (
    OUR_ADDRESS,
    flow_to,
    request_of,
)

from hookflash.base.errors import SipError
from hookflash.sip.codec import parse
from hookflash.sip.effects import (
    CancelReceived,
    RequestReceived,
    SendBytes,
    ServerFailed,
    SipEffect,
)
from hookflash.sip.flow import Flow
from hookflash.sip.message import Request, Response

UDP = flow_to()
TCP = flow_to("tcp")


# --- requests of the peer -----------------------------------------------------------------------


def test_invite_gets_100_before_its_user_sees_it() -> None:
    target = new_endpoint()
    first, second = target.message_received(0.0, request_of("INVITE"), UDP)
    assert isinstance(first, SendBytes)
    trying = parse(first.data)
    assert isinstance(trying, Response)
    assert (trying.status, trying.to.tag) == (100, None)
    assert isinstance(second, RequestReceived)
    assert second.flow == UDP
    assert target.counts() == (0, 1)


def test_other_requests_get_no_100() -> None:
    target = new_endpoint()
    (effect,) = target.message_received(0.0, request_of("OPTIONS"), UDP)
    assert isinstance(effect, RequestReceived)


def test_a_repeated_request_gets_the_last_answer_and_stays_below() -> None:
    target = new_endpoint()
    request = request_of("INVITE")
    key = key_of(target.message_received(0.0, request, UDP))
    ringing = target.respond(1.0, key, Response.reply(request, 180, to_tag="t"))
    assert target.message_received(2.0, request_of("INVITE"), UDP) == ringing


def test_the_same_branch_from_another_sender_is_another_transaction() -> None:
    target = new_endpoint()
    key_of(target.message_received(0.0, request_of("OPTIONS"), UDP))
    via = "SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKpeer1"
    key_of(target.message_received(0.0, request_of("OPTIONS", via=via, call_id="c2"), UDP))
    key_of(target.message_received(0.0, request_of("INFO", call_id="c3"), UDP))
    assert target.counts() == (0, 3)


def test_in_a_crowd_strangers_are_answered_once_and_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hookflash.sip.endpoint.CROWD", 2)
    target = new_endpoint()
    for number in range(10):
        request = request_of("OPTIONS", branch=f"z9hG4bK{number}", call_id=f"{number}")
        key = key_of(target.message_received(0.0, request, UDP))
        answer = Response.reply(request, 200, to_tag="t")
        assert len(target.respond(0.0, key, answer, stray=True)) == 1
    assert target.counts().server == 2
    mine = key_of(target.message_received(0.0, request_of("INVITE", branch="z9hG4bKmine"), UDP))
    target.respond(0.0, mine, Response.reply(request_of("INVITE"), 486, to_tag="t"))
    assert target.counts().server == 3  # one of a call waits for its ACK


def test_an_answer_to_nothing_is_dropped() -> None:
    target = new_endpoint()
    assert target.respond(0.0, "s77", Response.reply(request_of("BYE"), 200, to_tag="t")) == []


def test_every_2xx_of_the_user_goes_out() -> None:
    target = new_endpoint()
    request = request_of("INVITE")
    key = key_of(target.message_received(0.0, request, UDP))
    ok = Response.reply(request, 200, to_tag="t")
    assert answers(target.respond(1.0, key, ok)) == [200]
    assert answers(target.respond(1.5, key, ok)) == [200]
    assert target.message_received(1.6, request_of("INVITE"), UDP) == []
    assert drain(target, 40.0) == []
    assert target.respond(40.0, key, ok) == []
    assert target.counts() == (0, 0)


def test_the_ack_of_a_2xx_is_passed_up_whatever_its_branch() -> None:
    target = new_endpoint()
    request = request_of("INVITE")
    key = key_of(target.message_received(0.0, request, UDP))
    target.respond(1.0, key, Response.reply(request, 200, to_tag="t"))
    for branch in ("z9hG4bKpeer1", "z9hG4bKother"):
        ack = request_of("ACK", branch=branch, to_tag="t")
        (effect,) = target.message_received(2.0, ack, UDP)
        assert effect == RequestReceived("", ack, UDP)


def test_an_ack_that_is_wrong_is_not_answered_either() -> None:
    ack = request_of("ACK", cseq_method="INVITE")
    assert new_endpoint().message_received(0.0, ack, UDP) == []


def test_the_ack_of_a_refusal_is_absorbed_and_ends_its_repetition() -> None:
    target = new_endpoint()
    request = request_of("INVITE")
    key = key_of(target.message_received(0.0, request, UDP))
    target.respond(1.0, key, Response.reply(request, 486, to_tag="t"))
    assert [at for at, _ in drain(target, 3.0)] == [1.5, 2.5]
    assert target.message_received(3.0, request_of("ACK", to_tag="t"), UDP) == []
    assert target.message_received(3.1, request_of("ACK", to_tag="t"), UDP) == []
    assert drain(target, 8.0) == []
    assert target.counts() == (0, 0)


def test_a_refusal_without_ack_is_reported() -> None:
    target = new_endpoint()
    request = request_of("INVITE")
    key = key_of(target.message_received(0.0, request, UDP))
    target.respond(0.0, key, Response.reply(request, 486, to_tag="t"))
    assert drain(target, 100.0)[-1] == (32.0, ServerFailed(key))
    assert target.next_deadline() is None


def test_merged_requests_get_482_while_the_first_is_in_progress() -> None:
    target = new_endpoint()
    request = request_of("INVITE")
    key = key_of(target.message_received(0.0, request, UDP))
    merged = target.message_received(0.1, request_of("INVITE", branch="z9hG4bKby2"), UDP)
    assert answers(merged) == [482]
    assert len(merged) == 1
    (answer,) = sent(merged)
    assert answer.to.tag
    again = target.message_received(0.2, request_of("INVITE", branch="z9hG4bKby2"), UDP)
    assert again == merged
    target.respond(1.0, key, Response.reply(request, 200, to_tag="t"))
    late = target.message_received(1.1, request_of("INVITE", branch="z9hG4bKby3"), UDP)
    assert answers(late) == [482]


def test_a_request_tried_again_after_a_refusal_is_not_merged() -> None:
    target = new_endpoint()
    request = request_of("INVITE")
    key = key_of(target.message_received(0.0, request, UDP))
    target.respond(0.1, key, Response.reply(request, 503, to_tag="t"))
    again = target.message_received(0.2, request_of("INVITE", branch="z9hG4bKby2"), UDP)
    assert answers(again) == [100]
    second = key_of(again)
    # The end of the first leaves the second's mark alone.
    target.message_received(0.3, request_of("ACK", to_tag="t"), UDP)
    drain(target, 10.0)
    third = target.message_received(11.0, request_of("INVITE", branch="z9hG4bKby3"), UDP)
    assert answers(third) == [482]
    assert second != key


@pytest.mark.parametrize(
    "change", [{"to_tag": "t"}, {"from_tag": "x"}, {"call_id": "x"}, {"cseq": 2}]
)
def test_other_requests_are_not_merged(change: dict[str, str]) -> None:
    target = new_endpoint()
    target.message_received(0.0, request_of("INVITE"), UDP)
    other = request_of("INVITE", branch="z9hG4bKby2", **change)  # type: ignore[arg-type]
    assert answers(target.message_received(0.1, other, UDP)) == [100]


# --- CANCEL of the peer -------------------------------------------------------------------------


def test_cancel_is_answered_and_reported() -> None:
    target = new_endpoint()
    key = key_of(target.message_received(0.0, request_of("INVITE"), UDP))
    cancel = request_of("CANCEL")
    effects = target.message_received(1.0, cancel, UDP)
    assert answers(effects) == [200]
    assert effects[1] == CancelReceived(key, cancel)
    assert target.message_received(1.1, request_of("CANCEL"), UDP) == effects[:1]


def test_the_answer_to_cancel_has_the_tag_of_the_answers_to_invite() -> None:
    target = new_endpoint()
    request = request_of("INVITE")
    key = key_of(target.message_received(0.0, request, UDP))
    target.respond(0.5, key, Response.reply(request, 180, to_tag="mine"))
    (answer,) = sent(target.message_received(1.0, request_of("CANCEL"), UDP))
    assert answer.to.tag == "mine"


@pytest.mark.parametrize("status", [200, 486])
def test_cancel_after_the_final_answer_has_no_effect(status: int) -> None:
    target = new_endpoint()
    request = request_of("INVITE")
    key = key_of(target.message_received(0.0, request, UDP))
    target.respond(0.5, key, Response.reply(request, status, to_tag="t"))
    effects = target.message_received(1.0, request_of("CANCEL"), UDP)
    assert answers(effects) == [200]
    assert len(effects) == 1


def test_cancel_of_nothing_gets_481() -> None:
    target = new_endpoint()
    effects = target.message_received(1.0, request_of("CANCEL"), UDP)
    assert answers(effects) == [481]
    assert len(effects) == 1


# --- RFC 2543 and RFC 4475 ----------------------------------------------------------------------


@pytest.mark.parametrize("branch", [None, "1", "z9hG4bK"])
def test_without_a_magic_cookie_the_old_rules_match(branch: str | None) -> None:
    target = new_endpoint()
    request = request_of("INVITE", branch=branch)
    effects = target.message_received(0.0, request, UDP)
    assert answers(effects) == [100]
    key = key_of(effects)
    assert answers(target.message_received(0.1, request_of("INVITE", branch=branch), UDP)) == [100]
    refused = target.respond(0.2, key, Response.reply(request, 486, to_tag="t"))
    assert target.message_received(0.3, request_of("INVITE", branch=branch), UDP) == refused
    stray = request_of("ACK", branch=branch, to_tag="other")
    assert target.message_received(0.4, stray, UDP) == [RequestReceived("", stray, UDP)]
    assert target.message_received(0.5, request_of("ACK", branch=branch, to_tag="t"), UDP) == []
    drain(target, 10.0)
    assert target.counts() == (0, 0)


def test_without_a_magic_cookie_cancel_finds_its_invite() -> None:
    target = new_endpoint()
    key = key_of(target.message_received(0.0, request_of("INVITE", branch=None), UDP))
    cancel = request_of("CANCEL", branch=None)
    assert target.message_received(0.1, cancel, UDP)[1] == CancelReceived(key, cancel)
    again = request_of("INVITE", branch=None, cseq=2)
    assert answers(target.message_received(0.2, again, UDP)) == [100]


BADBRANCH = """OPTIONS sip:user@example.com SIP/2.0
To: sip:user@example.com
From: sip:caller@example.org;tag=33242
Max-Forwards: 3
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK
Accept: application/sdp
Call-ID: badbranch.sadonfo23i420jv0as0derf3j3n
CSeq: 8 OPTIONS
l: 0

"""
INV2543 = """INVITE sip:UserB@example.com SIP/2.0
Via: SIP/2.0/UDP iftgw.example.com
From: <sip:+13035551111@ift.client.example.net;user=phone>
Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>
To: sip:+16505552222@ss1.example.net;user=phone
Call-ID: inv2543.1717@ift.client.example.com
CSeq: 56 INVITE
Content-Type: application/sdp

v=0
o=mhandley 29739 7272939 IN IP4 192.0.2.5
s=-
c=IN IP4 192.0.2.5
t=0 0
m=audio 49217 RTP/AVP 0
"""


@pytest.mark.parametrize("text", [BADBRANCH, INV2543], ids=["BADBRANCH", "INV2543"])
def test_rfc_4475_messages_without_a_branch_are_accepted_and_matched(text: str) -> None:
    target = new_endpoint()
    data = text.replace("\n", "\r\n").encode()
    flow = Flow("udp", OUR_ADDRESS, ("192.0.2.1", 5060))
    request = parse(data)
    assert isinstance(request, Request)
    key = key_of(target.message_received(0.0, request, flow))
    answer = target.respond(1.0, key, Response.reply(request, 486, to_tag="t"))
    assert answers(answer) == [486]
    assert target.message_received(2.0, parse(data), flow) == answer
    assert target.counts() == (0, 1)


# --- messages that are wrong --------------------------------------------------------------------


def test_a_request_that_fails_validation_is_answered_once_and_absorbed() -> None:
    target = new_endpoint()
    bad = request_of("INVITE", cseq_method="OPTIONS")
    effects = target.message_received(0.0, bad, UDP)
    assert answers(effects) == [400]
    assert len(effects) == 1
    again = target.message_received(0.1, request_of("INVITE", cseq_method="OPTIONS"), UDP)
    assert again == effects


def test_bad_message_answers_what_can_be_read() -> None:
    target = new_endpoint()
    error = SipError("Line\r\ntoo long", status=513, message=request_of("INVITE"))
    (effect,) = target.bad_message(0.0, error, UDP)
    assert isinstance(effect, SendBytes)
    answer = parse(effect.data)
    assert isinstance(answer, Response)
    assert answer.status == 513
    assert answer.to.tag
    assert answer.header("Server") == "Hookflash"
    assert target.bad_message(0.1, error, UDP) == [effect]


def test_a_400_names_the_fault_on_one_line() -> None:
    target = new_endpoint()
    error = SipError("Bad\r\nEvil: header", message=request_of("OPTIONS"))
    (answer,) = sent(target.bad_message(0.0, error, UDP))
    assert isinstance(answer, Response)
    assert answer.reason == "Bad??Evil: header"
    assert answer.header("Evil") is None


def test_bad_message_is_silent_where_nothing_can_be_answered() -> None:
    target = new_endpoint()
    assert target.bad_message(0.0, SipError("noise"), UDP) == []
    ack = SipError("bad", message=request_of("ACK"))
    assert target.bad_message(0.0, ack, UDP) == []
    reply = Response.reply(request_of("BYE"), 200, to_tag="t")
    assert target.bad_message(0.0, SipError("bad", message=reply), UDP) == []
    assert target.counts() == (0, 0)


def test_an_unreadable_via_is_answered_to_where_it_came_from() -> None:
    target = new_endpoint()
    bad = request_of("OPTIONS")
    bad.headers.set("Via", "nonsense")
    effects = target.message_received(0.0, bad, UDP)
    assert [effect.flow for effect in effects if isinstance(effect, SendBytes)] == [UDP]
    assert target.counts() == (0, 0)
    bad_ack = request_of("ACK")
    bad_ack.headers.set("Via", "nonsense")
    assert target.message_received(0.0, bad_ack, UDP) == []


def test_without_any_via_there_is_no_answer() -> None:
    target = new_endpoint()
    bad = request_of("OPTIONS")
    bad.headers.remove("Via")
    assert target.message_received(0.0, bad, UDP) == []


def test_an_unreadable_to_is_answered() -> None:
    target = new_endpoint()
    bad = request_of("OPTIONS")
    bad.headers.set("To", '"no end <sip:x')
    effects = target.message_received(0.0, bad, UDP)
    assert answers(effects) == [400]
    assert target.message_received(0.1, bad, UDP) == effects
    assert target.counts() == (0, 1)


# --- the way of responses -----------------------------------------------------------------------


def flows(effects: list[SipEffect]) -> list[Flow]:
    return [effect.flow for effect in effects if isinstance(effect, SendBytes)]


def test_rport_and_received_are_written_down_and_followed() -> None:
    target = new_endpoint()
    via = "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKn;rport"
    flow = Flow("udp", OUR_ADDRESS, ("203.0.113.5", 40000))
    effects = target.message_received(0.0, request_of("INVITE", via=via), flow)
    assert flows(effects) == [flow]
    (trying,) = sent(effects)
    assert (trying.top_via.received, trying.top_via.rport) == ("203.0.113.5", 40000)


def test_without_rport_the_port_of_sent_by_is_used() -> None:
    target = new_endpoint()
    via = "SIP/2.0/UDP 10.0.0.1:5090;branch=z9hG4bKn"
    flow = Flow("udp", OUR_ADDRESS, ("203.0.113.5", 40000))
    effects = target.message_received(0.0, request_of("INVITE", via=via), flow)
    assert flows(effects) == [Flow("udp", OUR_ADDRESS, ("203.0.113.5", 5090))]


def test_on_a_stream_responses_take_the_connection_or_a_new_one() -> None:
    target = new_endpoint()
    flow = Flow("tcp", OUR_ADDRESS, ("203.0.113.5", 40000), 7)
    via = "SIP/2.0/TCP 203.0.113.5:5090;branch=z9hG4bKn"
    request = request_of("INVITE", via=via)
    effects = target.message_received(0.0, request, flow)
    assert flows(effects) == [flow]
    assert target.flow_failed(1.0, flow) == []
    assert target.flow_failed(1.0, flow) == []
    ok = target.respond(2.0, key_of(effects), Response.reply(request, 200, to_tag="t"))
    assert flows(ok) == [Flow("tcp", OUR_ADDRESS, ("203.0.113.5", 5090), 0)]


def test_where_too_many_have_transactions_the_next_request_is_dropped() -> None:
    """What belongs to a transaction is not: repetitions, ACK and CANCEL."""
    target = new_endpoint(takes=lambda live, *_: live < 1)
    key = key_of(target.message_received(0.0, request_of("INVITE"), UDP))
    for i, method in enumerate(("INVITE", "OPTIONS", "CANCEL", "BYE")):
        via = f"SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKother{i}"
        assert target.message_received(0.0, request_of(method, via=via, call_id="c2"), UDP) == []
    assert target.message_received(0.0, request_of("OPTIONS"), UDP) == []
    bad = SipError("Bad", message=request_of("OPTIONS", call_id="c3"))
    assert target.bad_message(0.0, bad, UDP) == []
    assert target.counts() == (0, 1)
    assert target.dropped == 6
    assert answers(target.message_received(0.0, request_of("INVITE"), UDP)) == [100]
    effects = target.message_received(1.0, request_of("CANCEL"), UDP)
    assert answers(effects) == [200]
    assert [effect.key for effect in effects if isinstance(effect, CancelReceived)] == [key]
    ack = request_of("ACK", via="SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKack", call_id="c2")
    assert isinstance(target.message_received(2.0, ack, UDP)[0], RequestReceived)


def test_another_connection_of_the_peer_may_die() -> None:
    target = new_endpoint()
    request = request_of("INVITE", transport="TCP")
    effects = target.message_received(0.0, request, TCP)
    target.flow_failed(1.0, flow_to("tcp", 2))
    ok = target.respond(2.0, key_of(effects), Response.reply(request, 200, to_tag="t"))
    assert flows(ok) == [TCP]


# --- anything at all ----------------------------------------------------------------------------


def test_whatever_comes_nothing_escapes_and_every_answer_can_be_read() -> None:
    seeds = [request_of(method).encode() for method in ("INVITE", "ACK", "CANCEL", "BYE")]
    seeds += [text.replace("\n", "\r\n").encode() for text in (BADBRANCH, INV2543)]
    source = Random(4475)
    target = new_endpoint()
    for number in range(5000):
        data = mutated(source, source.choice(seeds))
        try:
            message = parse(data)
        except SipError as error:
            effects = target.bad_message(number / 100, error, UDP)
        else:
            effects = target.message_received(number / 100, message, UDP)
        sent(effects)
        drain(target, number / 100)
