"""The transaction layer as its user sees it: requests of ours, and time."""

from __future__ import annotations

import pytest
from tests.simulation.endpoints import drain, new_endpoint, sent
from tests.support.sip_messages import (
    OUR_ADDRESS,
    PEER_ADDRESS,
    flow_to,
    request_of,
    response_of,
)

from hookflash.sip.codec import parse
from hookflash.sip.effects import (
    RequestFailed,
    ResponseReceived,
    SendBytes,
)
from hookflash.sip.endpoint import Endpoint
from hookflash.sip.flow import Flow
from hookflash.sip.message import Request, Response

UDP = flow_to()
TCP = flow_to("tcp")


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


# --- requests of ours ---------------------------------------------------------------------------


def test_our_via_is_the_only_one_and_asks_for_rport() -> None:
    target = new_endpoint()
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
    target = new_endpoint()
    flow = Flow("tls", ("2001:db8::1", 5061), ("2001:db8::2", 5061))
    _, effects = target.send_request(0.0, ours(), flow)
    assert sent(effects)[0].header("Via").startswith("SIP/2.0/TLS [2001:db8::1]:5061;")  # type: ignore[union-attr]


def test_responses_come_back_under_the_key() -> None:
    target = new_endpoint()
    key, data = start(target)
    for status in (100, 180, 200, 200):
        response = response_of(data, status)
        assert target.message_received(1.0, response, UDP) == [ResponseReceived(key, response, UDP)]
    assert target.counts() == (1, 0)
    assert drain(target, 40.0) == []
    assert target.counts() == (0, 0)


def test_a_refusal_is_acknowledged_before_it_is_passed_up() -> None:
    target = new_endpoint()
    _, data = start(target)
    effects = target.message_received(1.0, response_of(data, 486), UDP)
    assert [type(effect) for effect in effects] == [SendBytes, ResponseReceived]
    again = target.message_received(2.0, response_of(data, 486), UDP)
    assert again == effects[:1]


def test_who_answers_what_was_refused_gets_ack_and_bye() -> None:
    """A forking proxy passes on a 2xx behind a 486 (RFC 3261 §16.7 item 5)."""
    target = new_endpoint()
    _, data = start(target)
    target.message_received(1.0, response_of(data, 486), UDP)
    late = response_of(data, 200)
    late.headers.set("To", "<sip:200@198.51.100.7>;tag=late")
    late.headers.add("Record-Route", "<sip:192.0.2.77;lr>")
    late.headers.add("Contact", "<sip:late@192.0.2.99>")
    here = Flow("udp", OUR_ADDRESS, ("192.0.2.77", 5060))
    ack, bye = sent(target.message_received(2.0, late, here))
    for request, method in ((ack, "ACK"), (bye, "BYE")):
        assert isinstance(request, Request)
        assert (request.method, request.uri_text) == (method, "sip:late@192.0.2.99")
        assert (request.to_tag, request.from_tag, request.call_id) == ("late", "ours", "out-1")
        assert request.header("Route") == "<sip:192.0.2.77;lr>"
    assert (str(ack.cseq), str(bye.cseq)) == ("1 ACK", "2 BYE")
    (again,) = sent(target.message_received(2.5, late, here))
    assert isinstance(again, Request)
    assert again.method == "ACK"
    late.headers.set("To", "<sip:200@198.51.100.7>;tag=made-up")
    assert target.message_received(2.6, late, here) == []
    assert target.message_received(2.7, response_of(bye.encode(), 200), here) == []


def test_a_lost_request_is_repeated_byte_for_byte_and_fails() -> None:
    target = new_endpoint()
    key, data = start(target, "OPTIONS")
    happened = drain(target, 100.0)
    assert [at for at, _ in happened] == [0.5, 1.5, *(3.5 + 4 * i for i in range(8)), 32.0]
    assert all(effect == SendBytes(data, UDP) for _, effect in happened[:-1])
    assert happened[-1][1] == RequestFailed(key, "timeout")
    assert target.counts() == (0, 0)


def test_a_connection_that_cannot_be_opened_fails_its_requests() -> None:
    target = new_endpoint()
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
    target = new_endpoint()
    key, data = start(target, "BYE", TCP)
    assert target.flow_failed(0.5, TCP) == [SendBytes(data, flow_to("tcp", 0))]
    # The new connection has a number that we never learnt; it dies too.
    assert target.flow_failed(0.6, flow_to("tcp", 9)) == [RequestFailed(key, "transport")]


def test_an_unreachable_udp_peer_fails_only_its_own_requests() -> None:
    target = new_endpoint()
    key, _ = start(target)
    elsewhere = Flow("udp", OUR_ADDRESS, ("203.0.113.9", 5060))
    assert target.flow_failed(0.1, elsewhere) == []
    assert target.flow_failed(0.1, UDP) == [RequestFailed(key, "transport")]


def test_ack_of_a_2xx_is_repeated_unchanged() -> None:
    target = new_endpoint()
    ack = ours("ACK")
    first = target.send_ack(0.0, ack, UDP)
    assert target.send_ack(1.0, ack, UDP) == first
    assert target.counts() == (0, 0)
    moved = Flow("udp", ("192.0.2.11", 5060), PEER_ADDRESS)
    (effect,) = target.send_ack(2.0, ack, moved)
    assert isinstance(effect, SendBytes)
    assert parse(effect.data).top_via.sent_by == "192.0.2.11:5060"


def test_bad_and_stray_responses_are_dropped() -> None:
    target = new_endpoint()
    _, data = start(target)
    stray = response_of(request_of("INVITE").encode(), 200)
    assert target.message_received(0.0, stray, UDP) == []
    wrong_method = response_of(data, 200)
    wrong_method.headers.set("CSeq", "1 BYE")
    assert target.message_received(0.0, wrong_method, UDP) == []
    unreadable = response_of(data, 200)
    unreadable.headers.set("CSeq", "x")
    assert target.message_received(0.0, unreadable, UDP) == []


# --- CANCEL of ours -----------------------------------------------------------------------------


def test_cancel_waits_for_the_first_provisional() -> None:
    target = new_endpoint()
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
    target = new_endpoint()
    key, data = start(target)
    target.message_received(0.1, response_of(data, 180), UDP)
    assert [m.method for m in sent(target.cancel(0.2, key)) if isinstance(m, Request)] == ["CANCEL"]
    assert target.cancel(0.3, key) == []


def test_a_cancelled_invite_ends_without_its_487() -> None:
    target = new_endpoint()
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
    target = new_endpoint()
    key, _ = start(target)
    target.cancel(1.0, key)
    assert drain(target, 100.0)[-1] == (32.0, RequestFailed(key, "timeout"))


@pytest.mark.parametrize("status", [200, 486])
def test_cancel_after_the_end_does_nothing(status: int) -> None:
    target = new_endpoint()
    key, data = start(target)
    target.message_received(0.1, response_of(data, status), UDP)
    assert target.cancel(0.2, key) == []
    assert target.cancel(0.2, "unknown") == []
    bye, _ = start(target, "BYE")
    assert target.cancel(0.3, bye) == []


def test_a_forgotten_invite_does_not_live_forever() -> None:
    target = new_endpoint(invite_patience=300.0)
    key, data = start(target)
    target.message_received(1.0, response_of(data, 180), UDP)
    assert drain(target, 1000.0) == [(301.0, RequestFailed(key, "timeout"))]


# --- the agenda ---------------------------------------------------------------------------------


def test_the_agenda_does_not_keep_what_is_over() -> None:
    target = new_endpoint()
    for number in range(5000):
        flow = flow_to("tcp", 0)
        _, effects = target.send_request(number / 1000, ours("OPTIONS"), flow)
        (effect,) = effects
        assert isinstance(effect, SendBytes)
        target.message_received(number / 1000, response_of(effect.data, 200), flow)
    assert target.counts() == (0, 0)
    assert len(target._deadlines) == 0
    assert len(target._deadlines._times) <= 65
    assert target.next_deadline() is None
    assert target.handle_deadline(1000.0) == []


def test_answered_requests_are_not_unanswered_though_they_linger() -> None:
    target = new_endpoint()
    start(target, "OPTIONS")
    assert target.unanswered() == 1
    _, data = start(target, "BYE")
    assert target.unanswered() == 2
    bye = parse(data)
    assert isinstance(bye, Request)
    target.message_received(0.1, Response.reply(bye, 200, to_tag="t"), UDP)
    assert (target.unanswered(), target.counts().client) == (1, 2)


def test_an_abandoned_invite_is_repeated_no_more_and_cancelled_if_it_rings() -> None:
    endpoint = new_endpoint()
    key, data = start(endpoint, "INVITE")
    assert endpoint.abandon(4.0, key) == []
    assert endpoint.handle_deadline(8.0) == []
    invite = parse(data)
    assert isinstance(invite, Request)
    effects = endpoint.message_received(9.0, Response.reply(invite, 180, to_tag="t"), UDP)
    assert [message.method for message in sent(effects) if isinstance(message, Request)] == [
        "CANCEL"
    ]
    assert endpoint.abandon(9.0, "unknown") == []
