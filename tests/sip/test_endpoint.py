"""The transaction layer as its user sees it."""

from __future__ import annotations

import random

import pytest

from hookflash.base.errors import SipError
from hookflash.base.ids import Ids
from hookflash.sip.codec import parse
from hookflash.sip.effects import (
    CancelReceived,
    RequestFailed,
    RequestReceived,
    ResponseReceived,
    SendBytes,
    ServerFailed,
    SipEffect,
)
from hookflash.sip.endpoint import Endpoint
from hookflash.sip.flow import Flow
from hookflash.sip.message import Request, Response
from hookflash.sip.timers import Timers
from hookflash.testing.sip_messages import (
    OUR_ADDRESS,
    PEER_ADDRESS,
    flow_to,
    request_of,
    response_of,
)

UDP = flow_to()
TCP = flow_to("tcp")


def endpoint(**options: float) -> Endpoint:
    return Endpoint(
        timers=Timers(),
        ids=Ids(random.Random(1)),
        via=lambda flow: flow.local,
        user_agent="Hookflash",
        **options,
    )


def sent(effects: list[SipEffect]) -> list[Request | Response]:
    return [parse(effect.data) for effect in effects if isinstance(effect, SendBytes)]


def answers(effects: list[SipEffect]) -> list[int]:
    return [message.status for message in sent(effects) if isinstance(message, Response)]


def key_of(effects: list[SipEffect]) -> str:
    (key,) = [effect.key for effect in effects if isinstance(effect, RequestReceived)]
    return key


def ours(method: str = "INVITE", cseq: int = 1) -> Request:
    items = [
        ("Max-Forwards", "70"),
        ("From", "<sip:100@192.0.2.10>;tag=ours"),
        ("To", "<sip:200@198.51.100.7>"),
        ("Call-ID", "out-1"),
        ("CSeq", f"{cseq} {method}"),
    ]
    return Request(method, "sip:200@198.51.100.7", items)


def start(
    target: Endpoint, method: str = "INVITE", flow: Flow = UDP, now: float = 0.0
) -> tuple[str, bytes]:
    key, effects = target.send_request(now, ours(method), flow)
    (effect,) = effects
    assert isinstance(effect, SendBytes)
    assert effect.flow == flow
    return key, effect.data


def drain(target: Endpoint, until: float) -> list[tuple[float, SipEffect]]:
    """Let time pass, and see what happens when."""
    happened: list[tuple[float, SipEffect]] = []
    while (at := target.next_deadline()) is not None and at <= until:
        happened += [(at, effect) for effect in target.handle_deadline(at)]
    return happened


# --- requests of the peer -----------------------------------------------------------------------


def test_invite_gets_100_before_its_user_sees_it() -> None:
    target = endpoint()
    first, second = target.message_received(0.0, request_of("INVITE"), UDP)
    assert isinstance(first, SendBytes)
    trying = parse(first.data)
    assert isinstance(trying, Response)
    assert (trying.status, trying.to.tag) == (100, None)
    assert isinstance(second, RequestReceived)
    assert second.flow == UDP
    assert target.counts() == (0, 1)


def test_other_requests_get_no_100() -> None:
    target = endpoint()
    (effect,) = target.message_received(0.0, request_of("OPTIONS"), UDP)
    assert isinstance(effect, RequestReceived)


def test_a_repeated_request_gets_the_last_answer_and_stays_below() -> None:
    target = endpoint()
    request = request_of("INVITE")
    key = key_of(target.message_received(0.0, request, UDP))
    ringing = target.respond(1.0, key, Response.reply(request, 180, to_tag="t"))
    assert target.message_received(2.0, request_of("INVITE"), UDP) == ringing


def test_the_same_branch_from_another_sender_is_another_transaction() -> None:
    target = endpoint()
    key_of(target.message_received(0.0, request_of("OPTIONS"), UDP))
    via = "SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKpeer1"
    key_of(target.message_received(0.0, request_of("OPTIONS", via=via, call_id="c2"), UDP))
    key_of(target.message_received(0.0, request_of("INFO", call_id="c3"), UDP))
    assert target.counts() == (0, 3)


def test_an_answer_to_nothing_is_dropped() -> None:
    target = endpoint()
    assert target.respond(0.0, "s77", Response.reply(request_of("BYE"), 200, to_tag="t")) == []


def test_every_2xx_of_the_user_goes_out() -> None:
    target = endpoint()
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
    target = endpoint()
    request = request_of("INVITE")
    key = key_of(target.message_received(0.0, request, UDP))
    target.respond(1.0, key, Response.reply(request, 200, to_tag="t"))
    for branch in ("z9hG4bKpeer1", "z9hG4bKother"):
        ack = request_of("ACK", branch=branch, to_tag="t")
        (effect,) = target.message_received(2.0, ack, UDP)
        assert effect == RequestReceived("", ack, UDP)


def test_the_ack_of_a_refusal_is_absorbed_and_ends_its_repetition() -> None:
    target = endpoint()
    request = request_of("INVITE")
    key = key_of(target.message_received(0.0, request, UDP))
    target.respond(1.0, key, Response.reply(request, 486, to_tag="t"))
    assert [at for at, _ in drain(target, 3.0)] == [1.5, 2.5]
    assert target.message_received(3.0, request_of("ACK", to_tag="t"), UDP) == []
    assert target.message_received(3.1, request_of("ACK", to_tag="t"), UDP) == []
    assert drain(target, 8.0) == []
    assert target.counts() == (0, 0)


def test_a_refusal_without_ack_is_reported() -> None:
    target = endpoint()
    request = request_of("INVITE")
    key = key_of(target.message_received(0.0, request, UDP))
    target.respond(0.0, key, Response.reply(request, 486, to_tag="t"))
    assert drain(target, 100.0)[-1] == (32.0, ServerFailed(key))
    assert target.next_deadline() is None


def test_merged_requests_get_482_while_the_first_is_in_progress() -> None:
    target = endpoint()
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
    target = endpoint()
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
    target = endpoint()
    target.message_received(0.0, request_of("INVITE"), UDP)
    other = request_of("INVITE", branch="z9hG4bKby2", **change)  # type: ignore[arg-type]
    assert answers(target.message_received(0.1, other, UDP)) == [100]


# --- CANCEL of the peer -------------------------------------------------------------------------


def test_cancel_is_answered_and_reported() -> None:
    target = endpoint()
    key = key_of(target.message_received(0.0, request_of("INVITE"), UDP))
    cancel = request_of("CANCEL")
    effects = target.message_received(1.0, cancel, UDP)
    assert answers(effects) == [200]
    assert effects[1] == CancelReceived(key, cancel)
    assert target.message_received(1.1, request_of("CANCEL"), UDP) == effects[:1]


def test_the_answer_to_cancel_has_the_tag_of_the_answers_to_invite() -> None:
    target = endpoint()
    request = request_of("INVITE")
    key = key_of(target.message_received(0.0, request, UDP))
    target.respond(0.5, key, Response.reply(request, 180, to_tag="mine"))
    (answer,) = sent(target.message_received(1.0, request_of("CANCEL"), UDP))
    assert answer.to.tag == "mine"


@pytest.mark.parametrize("status", [200, 486])
def test_cancel_after_the_final_answer_has_no_effect(status: int) -> None:
    target = endpoint()
    request = request_of("INVITE")
    key = key_of(target.message_received(0.0, request, UDP))
    target.respond(0.5, key, Response.reply(request, status, to_tag="t"))
    effects = target.message_received(1.0, request_of("CANCEL"), UDP)
    assert answers(effects) == [200]
    assert len(effects) == 1


def test_cancel_of_nothing_gets_481() -> None:
    target = endpoint()
    effects = target.message_received(1.0, request_of("CANCEL"), UDP)
    assert answers(effects) == [481]
    assert len(effects) == 1


# --- RFC 2543 and RFC 4475 ----------------------------------------------------------------------


@pytest.mark.parametrize("branch", [None, "1", "z9hG4bK"])
def test_without_a_magic_cookie_the_old_rules_match(branch: str | None) -> None:
    target = endpoint()
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
    target = endpoint()
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
    target = endpoint()
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
    target = endpoint()
    bad = request_of("INVITE", cseq_method="OPTIONS")
    effects = target.message_received(0.0, bad, UDP)
    assert answers(effects) == [400]
    assert len(effects) == 1
    again = target.message_received(0.1, request_of("INVITE", cseq_method="OPTIONS"), UDP)
    assert again == effects


def test_bad_message_answers_what_can_be_read() -> None:
    target = endpoint()
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
    target = endpoint()
    error = SipError("Bad\r\nEvil: header", message=request_of("OPTIONS"))
    (answer,) = sent(target.bad_message(0.0, error, UDP))
    assert isinstance(answer, Response)
    assert answer.reason == "Bad??Evil: header"
    assert answer.header("Evil") is None


def test_bad_message_is_silent_where_nothing_can_be_answered() -> None:
    target = endpoint()
    assert target.bad_message(0.0, SipError("noise"), UDP) == []
    ack = SipError("bad", message=request_of("ACK"))
    assert target.bad_message(0.0, ack, UDP) == []
    reply = Response.reply(request_of("BYE"), 200, to_tag="t")
    assert target.bad_message(0.0, SipError("bad", message=reply), UDP) == []
    assert target.counts() == (0, 0)


def test_an_unreadable_via_is_answered_to_where_it_came_from() -> None:
    target = endpoint()
    bad = request_of("OPTIONS")
    bad.headers.set("Via", "nonsense")
    effects = target.message_received(0.0, bad, UDP)
    assert [effect.flow for effect in effects if isinstance(effect, SendBytes)] == [UDP]
    assert target.counts() == (0, 0)
    bad_ack = request_of("ACK")
    bad_ack.headers.set("Via", "nonsense")
    assert target.message_received(0.0, bad_ack, UDP) == []


def test_without_any_via_there_is_no_answer() -> None:
    target = endpoint()
    bad = request_of("OPTIONS")
    bad.headers.remove("Via")
    assert target.message_received(0.0, bad, UDP) == []


def test_an_unreadable_to_is_answered_without_a_transaction() -> None:
    target = endpoint()
    bad = request_of("OPTIONS")
    bad.headers.set("To", '"no end <sip:x>')
    effects = target.message_received(0.0, bad, UDP)
    assert len(effects) == 1
    assert target.counts() == (0, 0)


def test_bad_and_stray_responses_are_dropped() -> None:
    target = endpoint()
    _, data = start(target)
    stray = response_of(request_of("INVITE").encode(), 200)
    assert target.message_received(0.0, stray, UDP) == []
    wrong_method = response_of(data, 200)
    wrong_method.headers.set("CSeq", "1 BYE")
    assert target.message_received(0.0, wrong_method, UDP) == []
    unreadable = response_of(data, 200)
    unreadable.headers.set("CSeq", "x")
    assert target.message_received(0.0, unreadable, UDP) == []


# --- the way of responses -----------------------------------------------------------------------


def flows(effects: list[SipEffect]) -> list[Flow]:
    return [effect.flow for effect in effects if isinstance(effect, SendBytes)]


def test_rport_and_received_are_written_down_and_followed() -> None:
    target = endpoint()
    via = "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKn;rport"
    flow = Flow("udp", OUR_ADDRESS, ("203.0.113.5", 40000))
    effects = target.message_received(0.0, request_of("INVITE", via=via), flow)
    assert flows(effects) == [flow]
    (trying,) = sent(effects)
    assert (trying.top_via.received, trying.top_via.rport) == ("203.0.113.5", 40000)


def test_without_rport_the_port_of_sent_by_is_used() -> None:
    target = endpoint()
    via = "SIP/2.0/UDP 10.0.0.1:5090;branch=z9hG4bKn"
    flow = Flow("udp", OUR_ADDRESS, ("203.0.113.5", 40000))
    effects = target.message_received(0.0, request_of("INVITE", via=via), flow)
    assert flows(effects) == [Flow("udp", OUR_ADDRESS, ("203.0.113.5", 5090))]


def test_on_a_stream_responses_take_the_connection_or_a_new_one() -> None:
    target = endpoint()
    flow = Flow("tcp", OUR_ADDRESS, ("203.0.113.5", 40000), 7)
    via = "SIP/2.0/TCP 203.0.113.5:5090;branch=z9hG4bKn"
    request = request_of("INVITE", via=via)
    effects = target.message_received(0.0, request, flow)
    assert flows(effects) == [flow]
    assert target.flow_failed(1.0, flow) == []
    assert target.flow_failed(1.0, flow) == []
    ok = target.respond(2.0, key_of(effects), Response.reply(request, 200, to_tag="t"))
    assert flows(ok) == [Flow("tcp", OUR_ADDRESS, ("203.0.113.5", 5090), 0)]


def test_another_connection_of_the_peer_may_die() -> None:
    target = endpoint()
    request = request_of("INVITE", transport="TCP")
    effects = target.message_received(0.0, request, TCP)
    target.flow_failed(1.0, flow_to("tcp", 2))
    ok = target.respond(2.0, key_of(effects), Response.reply(request, 200, to_tag="t"))
    assert flows(ok) == [TCP]


# --- requests of ours ---------------------------------------------------------------------------


def test_our_via_is_the_only_one_and_asks_for_rport() -> None:
    target = endpoint()
    request = ours()
    request.headers.add("Via", "SIP/2.0/UDP old;branch=z9hG4bKold")
    key, effects = target.send_request(0.0, request, UDP)
    (message,) = sent(effects)
    (via,) = message.vias
    assert (via.branch, via.sent_by) == (key, "192.0.2.10:5060")
    assert via.has_param("rport")
    assert via.transport == "UDP"
    assert message.headers.items()[0][0] == "Via"


def test_our_ipv6_address_is_bracketed() -> None:
    target = endpoint()
    flow = Flow("tls", ("2001:db8::1", 5061), ("2001:db8::2", 5061))
    _, effects = target.send_request(0.0, ours(), flow)
    assert sent(effects)[0].header("Via").startswith("SIP/2.0/TLS [2001:db8::1]:5061;")  # type: ignore[union-attr]


def test_responses_come_back_under_the_key() -> None:
    target = endpoint()
    key, data = start(target)
    for status in (100, 180, 200, 200):
        response = response_of(data, status)
        assert target.message_received(1.0, response, UDP) == [ResponseReceived(key, response, UDP)]
    assert target.counts() == (1, 0)
    assert drain(target, 40.0) == []
    assert target.counts() == (0, 0)


def test_a_refusal_is_acknowledged_before_it_is_passed_up() -> None:
    target = endpoint()
    _, data = start(target)
    effects = target.message_received(1.0, response_of(data, 486), UDP)
    assert [type(effect) for effect in effects] == [SendBytes, ResponseReceived]
    again = target.message_received(2.0, response_of(data, 486), UDP)
    assert again == effects[:1]


def test_a_lost_request_is_repeated_byte_for_byte_and_fails() -> None:
    target = endpoint()
    key, data = start(target, "OPTIONS")
    happened = drain(target, 100.0)
    assert [at for at, _ in happened] == [0.5, 1.5, *(3.5 + 4 * i for i in range(8)), 32.0]
    assert all(effect == SendBytes(data, UDP) for _, effect in happened[:-1])
    assert happened[-1][1] == RequestFailed(key, "timeout")
    assert target.counts() == (0, 0)


def test_a_connection_that_cannot_be_opened_fails_its_requests() -> None:
    target = endpoint()
    closed = flow_to("tcp", 0)
    key, _ = start(target, "INVITE", closed)
    other, _ = start(target, "OPTIONS", closed)
    assert target.flow_failed(0.5, closed) == [
        RequestFailed(key, "transport"),
        RequestFailed(other, "transport"),
    ]
    assert target.counts() == (0, 0)
    assert target.next_deadline() is None


def test_a_dead_connection_is_replaced_before_a_request_fails() -> None:
    target = endpoint()
    key, data = start(target, "BYE", TCP)
    assert target.flow_failed(0.5, TCP) == [SendBytes(data, flow_to("tcp", 0))]
    # The new connection has a number that we never learnt; it dies too.
    assert target.flow_failed(0.6, flow_to("tcp", 9)) == [RequestFailed(key, "transport")]


def test_an_unreachable_udp_peer_fails_only_its_own_requests() -> None:
    target = endpoint()
    key, _ = start(target)
    elsewhere = Flow("udp", OUR_ADDRESS, ("203.0.113.9", 5060))
    assert target.flow_failed(0.1, elsewhere) == []
    assert target.flow_failed(0.1, UDP) == [RequestFailed(key, "transport")]


def test_ack_of_a_2xx_is_repeated_unchanged() -> None:
    target = endpoint()
    ack = ours("ACK")
    first = target.send_ack(0.0, ack, UDP)
    assert target.send_ack(1.0, ack, UDP) == first
    assert target.counts() == (0, 0)
    moved = Flow("udp", ("192.0.2.11", 5060), PEER_ADDRESS)
    (effect,) = target.send_ack(2.0, ack, moved)
    assert isinstance(effect, SendBytes)
    assert parse(effect.data).top_via.sent_by == "192.0.2.11:5060"


# --- CANCEL of ours -----------------------------------------------------------------------------


def test_cancel_waits_for_the_first_provisional() -> None:
    target = endpoint()
    key, data = start(target)
    assert target.cancel(0.1, key, (("Reason", "SIP;cause=200"),)) == []
    assert target.cancel(0.1, key) == []
    effects = target.message_received(1.0, response_of(data, 100), UDP)
    assert [type(effect) for effect in effects] == [ResponseReceived, SendBytes]
    (cancel,) = sent(effects)
    assert isinstance(cancel, Request)
    assert cancel.method == "CANCEL"
    assert cancel.top_via.branch == key
    assert cancel.header("Reason") == "SIP;cause=200"
    assert target.message_received(1.1, response_of(data, 180), UDP)[0].key == key  # type: ignore[union-attr]
    assert target.message_received(1.2, response_of(cancel.encode(), 200), UDP) == []
    final = target.message_received(1.3, response_of(data, 487), UDP)
    assert [type(effect) for effect in final] == [SendBytes, ResponseReceived]
    assert drain(target, 40.0) == []
    assert target.counts() == (0, 0)


def test_cancel_goes_out_at_once_after_a_provisional() -> None:
    target = endpoint()
    key, data = start(target)
    target.message_received(0.1, response_of(data, 180), UDP)
    assert [m.method for m in sent(target.cancel(0.2, key)) if isinstance(m, Request)] == ["CANCEL"]
    assert target.cancel(0.3, key) == []


def test_a_cancelled_invite_ends_without_its_487() -> None:
    target = endpoint()
    key, data = start(target)
    target.message_received(0.1, response_of(data, 180), UDP)
    target.cancel(1.0, key)
    happened = drain(target, 100.0)
    assert [effect for _, effect in happened if not isinstance(effect, SendBytes)] == [
        RequestFailed(key, "timeout")
    ]
    assert happened[-1][0] == 33.0
    assert target.counts() == (0, 0)


def test_cancel_of_a_silent_peer_ends_with_timer_b() -> None:
    target = endpoint()
    key, _ = start(target)
    target.cancel(1.0, key)
    assert drain(target, 100.0)[-1] == (32.0, RequestFailed(key, "timeout"))


@pytest.mark.parametrize("status", [200, 486])
def test_cancel_after_the_end_does_nothing(status: int) -> None:
    target = endpoint()
    key, data = start(target)
    target.message_received(0.1, response_of(data, status), UDP)
    assert target.cancel(0.2, key) == []
    assert target.cancel(0.2, "unknown") == []
    bye, _ = start(target, "BYE")
    assert target.cancel(0.3, bye) == []


def test_a_forgotten_invite_does_not_live_forever() -> None:
    target = endpoint(invite_patience=300.0)
    key, data = start(target)
    target.message_received(1.0, response_of(data, 180), UDP)
    assert drain(target, 1000.0) == [(301.0, RequestFailed(key, "timeout"))]


# --- the heap -----------------------------------------------------------------------------------


def test_the_heap_does_not_keep_what_is_over() -> None:
    target = endpoint()
    for number in range(5000):
        flow = flow_to("tcp", 0)
        _, effects = target.send_request(number / 1000, ours("OPTIONS"), flow)
        (effect,) = effects
        assert isinstance(effect, SendBytes)
        target.message_received(number / 1000, response_of(effect.data, 200), flow)
    assert target.counts() == (0, 0)
    assert len(target._heap) <= 1025
    assert target.next_deadline() is None
    assert target.handle_deadline(1000.0) == []
