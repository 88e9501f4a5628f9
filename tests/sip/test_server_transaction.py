"""Server transactions, every change of state and the exact times (RFC 3261 §17.2, RFC 6026)."""

from __future__ import annotations

from math import inf

import pytest
from tests.support.sip_messages import OUR_ADDRESS, flow_to, request_of

from hookflash.sip.effects import SendBytes, ServerFailed, SipEffect
from hookflash.sip.flow import Flow, Transport
from hookflash.sip.message import Response
from hookflash.sip.server_transaction import (
    InviteServerTransaction,
    NonInviteServerTransaction,
    ServerTransaction,
)
from hookflash.sip.timers import Timers
from hookflash.sip.transaction import Event, State

MATCH = ("branch", "host", "INVITE")


def invite(transport: Transport = "udp") -> InviteServerTransaction:
    return InviteServerTransaction("s1", MATCH, flow_to(transport), Timers())


def other(transport: Transport = "udp") -> NonInviteServerTransaction:
    return NonInviteServerTransaction(0.0, "s1", MATCH, flow_to(transport), Timers())


def respond(tx: ServerTransaction, now: float, status: int) -> list[SipEffect]:
    method = "INVITE" if isinstance(tx, InviteServerTransaction) else "BYE"
    tag = None if status == 100 else "ours"
    out: list[SipEffect] = []
    tx.respond(now, Response.reply(request_of(method), status, to_tag=tag), out)
    return out


def again(tx: ServerTransaction) -> list[SipEffect]:
    out: list[SipEffect] = []
    tx.request_received(out)
    return out


def run(tx: ServerTransaction, until: float) -> tuple[list[float], list[SipEffect]]:
    sent: list[float] = []
    others: list[SipEffect] = []
    while tx.due <= until:
        now = tx.due
        out: list[SipEffect] = []
        tx.handle_deadline(now, out)
        sent += [now for effect in out if isinstance(effect, SendBytes)]
        others += [effect for effect in out if not isinstance(effect, SendBytes)]
    return sent, others


def test_a_repeated_invite_gets_the_last_provisional() -> None:
    tx = invite()
    assert again(tx) == []
    respond(tx, 0.0, 100)
    ringing = respond(tx, 1.0, 180)
    assert again(tx) == ringing
    assert tx.state is State.PROCEEDING
    assert tx.to_tag == "ours"
    assert tx.due == inf


def test_every_success_goes_out_and_repeated_invites_are_absorbed() -> None:
    tx = invite()
    assert len(respond(tx, 1.0, 200)) == 1
    assert tx.state is State.ACCEPTED
    assert again(tx) == []
    assert len(respond(tx, 1.5, 200)) == 1
    assert respond(tx, 1.6, 486) == []
    assert respond(tx, 1.6, 180) == []
    assert not tx.ack_received(2.0)
    assert tx.state is State.ACCEPTED
    assert tx.data == b""
    assert run(tx, 32.9) == ([], [])
    assert run(tx, 33.0) == ([], [])
    assert tx.terminated


def test_a_failure_is_repeated_until_timer_h() -> None:
    tx = invite()
    respond(tx, 0.0, 486)
    assert tx.state is State.COMPLETED
    sent, others = run(tx, 100.0)
    assert sent == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert others == [ServerFailed("s1")]
    assert tx.terminated


def test_a_repeated_invite_gets_the_failure_again() -> None:
    tx = invite()
    busy = respond(tx, 0.0, 486)
    assert again(tx) == busy
    assert respond(tx, 0.1, 200) == []
    assert respond(tx, 0.1, 603) == []


def test_ack_confirms_and_timer_i_absorbs_the_rest() -> None:
    tx = invite()
    respond(tx, 0.0, 486)
    assert tx.ack_received(1.0)
    assert tx.state is State.CONFIRMED
    assert tx.ack_received(2.0)
    assert again(tx) == []
    assert tx.due == 6.0
    assert run(tx, 6.0) == ([], [])
    assert tx.terminated


def test_an_ack_too_early_is_absorbed() -> None:
    tx = invite()
    assert tx.ack_received(0.0)
    assert len(respond(tx, 0.0, 180)) == 1


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_on_streams_a_failure_is_not_repeated_but_its_ack_awaited(transport: Transport) -> None:
    tx = invite(transport)
    respond(tx, 0.0, 486)
    assert tx.due == 32.0
    assert tx.ack_received(1.0)
    assert tx.terminated
    tx = invite(transport)
    respond(tx, 0.0, 486)
    assert run(tx, 32.0) == ([], [ServerFailed("s1")])


def test_a_request_is_absorbed_until_it_is_answered() -> None:
    tx = other()
    assert again(tx) == []
    trying = respond(tx, 1.0, 100)
    assert tx.state is State.PROCEEDING
    assert again(tx) == trying
    assert len(respond(tx, 1.5, 182)) == 1
    done = respond(tx, 2.0, 200)
    assert again(tx) == done
    assert respond(tx, 2.5, 404) == []
    assert tx.due == 34.0
    assert run(tx, 34.0) == ([], [])
    assert tx.terminated


@pytest.mark.parametrize("status", [200, 404])
def test_a_final_answer_at_once(status: int) -> None:
    tx = other()
    assert len(respond(tx, 0.0, status)) == 1
    assert tx.state is State.COMPLETED


def test_on_streams_the_final_answer_is_the_end() -> None:
    tx = other("tcp")
    assert len(respond(tx, 0.0, 200)) == 1
    assert tx.terminated


@pytest.mark.parametrize("provisional", [False, True])
def test_a_request_that_nobody_answers_ends_without_408(provisional: bool) -> None:
    tx = other()
    if provisional:
        respond(tx, 1.0, 100)
    assert run(tx, 32.0) == ([], [])
    assert tx.terminated


def test_responses_find_another_way_when_the_connection_has_died() -> None:
    tx = invite("tcp")
    tx.alternative = way = Flow("tcp", OUR_ADDRESS, ("198.51.100.7", 5060), 0)
    respond(tx, 0.0, 180)
    out: list[SipEffect] = []
    tx.flow_failed(out)
    assert out == []
    assert [e.flow for e in respond(tx, 1.0, 486) if isinstance(e, SendBytes)] == [way]
    tx.flow_failed(out)
    assert out == [ServerFailed("s1")]
    assert tx.terminated


def test_a_refusal_that_may_be_lost_goes_out_again_by_the_other_way() -> None:
    tx = invite("tcp")
    tx.alternative = way = Flow("tcp", OUR_ADDRESS, ("198.51.100.7", 5060), 0)
    respond(tx, 0.0, 486)
    out: list[SipEffect] = []
    tx.flow_failed(out)
    assert out == [SendBytes(tx.data, way)]


def test_without_another_way_the_state_decides() -> None:
    out: list[SipEffect] = []
    waiting = invite()
    waiting.flow_failed(out)
    assert out == []
    assert not waiting.terminated
    tx = other()
    tx.flow_failed(out)
    assert out == []


def test_busy_means_no_refusal_yet() -> None:
    tx = invite()
    assert tx.in_progress
    respond(tx, 0.0, 200)
    assert tx.in_progress
    tx = invite()
    respond(tx, 0.0, 407)
    assert not tx.in_progress


def test_the_base_class_has_no_rules() -> None:
    with pytest.raises(NotImplementedError):
        ServerTransaction.answered(invite(), 0.0, Event.SUCCESS, State.PROCEEDING)


def test_a_wait_that_nothing_began_is_a_mistake_of_ours() -> None:
    tx = other()
    with pytest.raises(AssertionError, match="nothing expires in trying"):
        tx.expire()
    respond(tx, 0.0, 200)
    tx.expire()
    assert tx.terminated
