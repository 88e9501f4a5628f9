"""Client transactions, every change of state and the exact times (RFC 3261 §17.1, table 4)."""

from __future__ import annotations

import pytest
from tests.support.sip_messages import flow_to, request_of, response_of

from hookflash.sip.client_transaction import (
    ClientTransaction,
    InviteClientTransaction,
    NonInviteClientTransaction,
    acknowledge,
    cancellation,
)
from hookflash.sip.codec import parse
from hookflash.sip.effects import RequestFailed, ResponseReceived, SendBytes, SipEffect
from hookflash.sip.flow import Transport
from hookflash.sip.message import Request, Response
from hookflash.sip.timers import Timers
from hookflash.sip.transaction import Event, State

KEY = "z9hG4bKours"


def client(
    method: str = "INVITE", transport: Transport = "udp", *, internal: bool = False
) -> tuple[ClientTransaction, list[SipEffect]]:
    request = request_of(
        method, branch=KEY, headers=[("Route", "<sip:p1;lr>"), ("Route", "<sip:p2;lr>")]
    )
    flow = flow_to(transport)
    tx: ClientTransaction
    if method == "INVITE":
        tx = InviteClientTransaction(KEY, request, request.encode(), flow, Timers(), 600.0)
    else:
        tx = NonInviteClientTransaction(
            KEY, request, request.encode(), flow, Timers(), internal=internal
        )
    out: list[SipEffect] = []
    tx.start(0.0, out)
    assert out == [SendBytes(request.encode(), flow)]
    return tx, []


def answer(tx: ClientTransaction, now: float, status: int, tag: str = "r") -> list[SipEffect]:
    out: list[SipEffect] = []
    data = request_of(str(tx.match[1]), branch=KEY).encode()
    tx.response_received(now, response_of(data, status, tag=tag), tx.flow, out)
    return out


def run(tx: ClientTransaction, until: float) -> tuple[list[float], list[SipEffect]]:
    """Let time pass: when something was sent, and everything else that came."""
    sent: list[float] = []
    others: list[SipEffect] = []
    while tx.due <= until:
        now = tx.due
        out: list[SipEffect] = []
        tx.handle_deadline(now, out)
        sent += [now for effect in out if isinstance(effect, SendBytes)]
        others += [effect for effect in out if not isinstance(effect, SendBytes)]
    return sent, others


def statuses(effects: list[SipEffect]) -> list[int]:
    return [e.response.status for e in effects if isinstance(e, ResponseReceived)]


def test_invite_is_repeated_at_doubling_intervals_until_timer_b() -> None:
    tx, _ = client()
    sent, others = run(tx, 1000.0)
    assert sent == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert others == [RequestFailed(KEY, "timeout")]
    assert tx.terminated
    assert tx.request is None


def test_others_are_repeated_at_intervals_up_to_t2_until_timer_f() -> None:
    tx, _ = client("OPTIONS")
    sent, others = run(tx, 1000.0)
    assert sent == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert others == [RequestFailed(KEY, "timeout")]


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_nothing_is_repeated_on_streams(method: str, transport: Transport) -> None:
    tx, _ = client(method, transport)
    assert tx.due == 32.0
    assert run(tx, 1000.0) == ([], [RequestFailed(KEY, "timeout")])


def test_a_late_timer_gives_one_repetition_not_many() -> None:
    tx, out = client()
    tx.handle_deadline(10.0, out)
    assert len(out) == 1
    assert tx.due == 11.0


def test_a_provisional_answer_ends_the_repetition_of_invite() -> None:
    tx, _ = client()
    assert statuses(answer(tx, 0.2, 100)) == [100]
    assert tx.state is State.PROCEEDING
    assert statuses(answer(tx, 5.0, 180)) == [180]
    assert tx.due == 605.0
    sent, others = run(tx, 605.0)
    assert (sent, others) == ([], [RequestFailed(KEY, "timeout")])


def test_a_provisional_answer_slows_the_repetition_of_others_to_t2() -> None:
    tx, _ = client("OPTIONS")
    assert run(tx, 0.6) == ([0.5], [])
    assert statuses(answer(tx, 0.7, 100)) == [100]
    assert statuses(answer(tx, 0.8, 182)) == [182]
    # Timer E that is running ends first; only then is it set to T2 (§17.1.2.2).
    sent, others = run(tx, 1000.0)
    assert sent == [1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5]
    assert others == [RequestFailed(KEY, "timeout")]


@pytest.mark.parametrize("early", [False, True])
def test_success_is_passed_up_every_time_for_timer_m(early: bool) -> None:
    tx, _ = client()
    if early:
        answer(tx, 0.5, 180)
    assert statuses(answer(tx, 1.0, 200)) == [200]
    assert tx.state is State.ACCEPTED
    assert (tx.request, tx.data) == (None, b"")
    assert statuses(answer(tx, 1.5, 200)) == [200]
    assert statuses(answer(tx, 1.6, 200, "fork")) == [200]
    assert answer(tx, 1.7, 180) == []
    assert answer(tx, 1.8, 486) == []
    assert tx.due == 33.0
    assert run(tx, 33.0) == ([], [])
    assert tx.terminated


@pytest.mark.parametrize("early", [False, True])
def test_failure_is_acknowledged_every_time_and_passed_up_once(early: bool) -> None:
    tx, _ = client()
    if early:
        answer(tx, 0.5, 180)
    out = answer(tx, 1.0, 486)
    assert isinstance(out[0], SendBytes)
    assert statuses(out) == [486]
    assert tx.state is State.COMPLETED
    assert tx.request is None
    assert answer(tx, 2.0, 486) == [out[0]]
    assert answer(tx, 2.5, 200) == []
    assert answer(tx, 2.5, 180) == []
    assert tx.due == 33.0
    assert run(tx, 40.0) == ([], [])
    assert tx.terminated


def test_the_ack_of_a_failure_is_built_from_request_and_response() -> None:
    tx, _ = client()
    sent = answer(tx, 1.0, 486)[0]
    assert isinstance(sent, SendBytes)
    ack = parse(sent.data)
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri_text) == ("ACK", "sip:100@192.0.2.10")
    assert ack.top_via.branch == KEY
    assert len(ack.vias) == 1
    assert ack.to.tag == "r"
    assert ack.from_.tag == "peer"
    assert (ack.cseq.number, ack.cseq.method) == (1, "ACK")
    assert [str(route.uri) for route in ack.routes] == ["sip:p1;lr", "sip:p2;lr"]
    assert ack.header("Contact") is None


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_on_streams_a_failure_ends_invite_at_once(transport: Transport) -> None:
    tx, _ = client("INVITE", transport)
    assert len(answer(tx, 1.0, 603)) == 2
    assert tx.terminated


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("early", [False, True])
def test_others_complete_for_timer_k(status: int, early: bool) -> None:
    tx, _ = client("BYE")
    if early:
        answer(tx, 0.1, 100)
    assert statuses(answer(tx, 1.0, status)) == [status]
    assert tx.state is State.COMPLETED
    assert answer(tx, 2.0, status) == []
    assert answer(tx, 2.0, 100) == []
    assert tx.due == 6.0
    assert run(tx, 6.0) == ([], [])
    assert tx.terminated


def test_on_streams_others_end_with_the_final_answer() -> None:
    tx, _ = client("BYE", "tcp")
    answer(tx, 1.0, 200)
    assert tx.terminated


def test_a_broken_connection_is_replaced_once_while_nothing_has_come() -> None:
    tx, out = client("BYE", "tcp")
    tx.flow_failed(out)
    assert out == [SendBytes(tx.data, flow_to("tcp", 0))]
    assert tx.state is State.TRYING
    tx.flow_failed(out)
    assert out[1:] == [RequestFailed(KEY, "transport")]
    assert tx.terminated


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_after_a_provisional_a_broken_connection_ends_nothing(method: str) -> None:
    tx, out = client(method, "tcp")
    answer(tx, 1.0, 100)
    tx.flow_failed(out)
    tx.flow_failed(out)
    assert out == []
    assert tx.state is State.PROCEEDING
    assert tx.flow.connection == 0
    assert statuses(answer(tx, 2.0, 200)) == [200]


def test_an_unreachable_datagram_peer_fails_at_once() -> None:
    tx, out = client()
    tx.flow_failed(out)
    assert out == [RequestFailed(KEY, "transport")]


def test_an_internal_transaction_reports_nothing() -> None:
    tx, _ = client("OPTIONS", internal=True)
    assert answer(tx, 1.0, 100) == []
    assert answer(tx, 1.0, 200) == []
    tx, _ = client("OPTIONS", internal=True)
    assert run(tx, 40.0)[1] == []


def test_cancel_is_due_after_the_first_provisional_only() -> None:
    tx, _ = client()
    assert isinstance(tx, InviteClientTransaction)
    tx.cancel_headers = ()
    assert not tx.cancel_due
    answer(tx, 1.0, 100)
    assert tx.cancel_due
    tx.cancel_sent(2.0)
    assert not tx.cancel_due
    answer(tx, 3.0, 180)
    assert tx.due == 34.0
    assert run(tx, 34.0) == ([], [RequestFailed(KEY, "timeout")])


def test_cancel_is_a_request_like_its_invite() -> None:
    request = request_of("INVITE", branch=KEY, headers=[("Route", "<sip:p1;lr>")], cseq=7)
    cancel = cancellation(request, (("Reason", "SIP;cause=200"),))
    read = parse(cancel.encode())
    assert isinstance(read, Request)
    assert read.method == "CANCEL"
    assert (read.cseq.number, read.cseq.method) == (7, "CANCEL")
    assert read.top_via.branch == KEY
    assert read.header("Reason") == "SIP;cause=200"
    assert read.to.tag is None
    assert [str(route.uri) for route in read.routes] == ["sip:p1;lr"]


def test_only_the_top_via_goes_into_the_ack() -> None:
    request = request_of("INVITE", via="SIP/2.0/UDP a;branch=z9hG4bKa, SIP/2.0/UDP b;branch=x")
    response = Response.reply(request, 486, to_tag="t")
    ack = acknowledge(request, response)
    assert ack.headers.get_all("Via") == ["SIP/2.0/UDP a;branch=z9hG4bKa"]


def test_the_base_class_has_no_rules() -> None:
    tx, _ = client("BYE")
    response = response_of(tx.data, 200)
    with pytest.raises(NotImplementedError):
        ClientTransaction.response_received(tx, 0.0, response, tx.flow, [])
    with pytest.raises(NotImplementedError):
        ClientTransaction.next_interval(tx)
    assert not tx.move(Event.ACK)
