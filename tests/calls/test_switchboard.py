"""The switchboard: which message is whose, where requests go, when legs are due."""

from __future__ import annotations

import random
import weakref
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.simulation.endpoints import new_endpoint

from hookflash.base.errors import SipError
from hookflash.base.ids import Ids
from hookflash.calls.effects import (
    AbandonRequest,
    CancelRequest,
    LegEffect,
    LegFinished,
    LegRinging,
    Respond,
    SendAck,
    SendRequest,
)
from hookflash.calls.switchboard import (
    BoardEffect,
    Broken,
    ForOwner,
    Incoming,
    LegGone,
    Resolve,
    Switchboard,
)
from hookflash.sip.codec import parse
from hookflash.sip.effects import FailureReason, SendBytes
from hookflash.sip.endpoint import Endpoint
from hookflash.sip.flow import Flow
from hookflash.sip.message import Request, Response
from hookflash.sip.routing import Hop
from hookflash.sip.timers import Timers
from hookflash.sip.uri import Uri

US, PEER = ("192.0.2.1", 5060), ("192.0.2.9", 5070)
FLOW = Flow("udp", US, PEER)
HOP = Hop(Uri.parse("sip:them@192.0.2.9:5070"))


@dataclass
class FakeLeg:
    """Records its inputs, returns what it is told to."""

    call_id: str = "SCL_one"
    answers: list[LegEffect] = field(default_factory=list)
    inputs: list[tuple[object, ...]] = field(default_factory=list)
    due: float | None = None
    mistakes: int = 0
    """How many of the next inputs raise."""

    def _take(self, *seen: object) -> list[LegEffect]:
        self.inputs.append(seen)
        if self.mistakes:
            self.mistakes -= 1
            raise KeyError("a mistake")
        answers, self.answers = self.answers, []
        return answers

    def request_received(
        self, now: float, key: str, request: Request, flow: Flow
    ) -> list[LegEffect]:
        return self._take("request", request.method, key != "")

    def cancel_received(self, now: float, key: str, request: Request) -> list[LegEffect]:
        return self._take("cancel", key != "")

    def response_received(
        self, now: float, token: int, response: Response, flow: Flow
    ) -> list[LegEffect]:
        return self._take("response", token, response.status)

    def request_failed(
        self, now: float, token: int, reason: FailureReason, why: str = ""
    ) -> list[LegEffect]:
        return self._take("failed", token, reason, *([why] if why else []))

    def next_deadline(self) -> float | None:
        return self.due

    def handle_deadline(self, now: float) -> list[LegEffect]:
        self.due = None
        return self._take("due", now)

    def broken(self, now: float, *, due: bool) -> list[LegEffect]:
        return self._take("broken", due)


class Bench:
    """A switchboard with one route."""

    def __init__(self, *, route: Flow | None = FLOW) -> None:
        ids = Ids(random.Random(1))
        endpoint = Endpoint(
            timers=Timers(), ids=ids, via=lambda _flow: ("192.0.2.1", 5060), user_agent="test"
        )
        self.board = Switchboard(endpoint, lambda _request, _hop: route)

    def receive(self, now: float, message: Request | Response) -> list[BoardEffect]:
        return self.board.message_received(now, message, FLOW)


def drive(
    board: Switchboard, now: float, leg: FakeLeg, effects: list[LegEffect]
) -> list[BoardEffect]:
    """An input of the leg returned these."""
    return board.ask(now, leg, lambda: effects)


def request(method: str, *, to_tag: str | None = "SCL_one", branch: str = "z9hG4bKa1") -> Request:
    tag = f";tag={to_tag}" if to_tag is not None else ""
    return Request(
        method,
        "sip:us@192.0.2.1",
        [
            ("Via", f"SIP/2.0/UDP 192.0.2.9:5070;branch={branch}"),
            ("Max-Forwards", "70"),
            ("From", "<sip:them@192.0.2.9>;tag=them"),
            ("To", f"<sip:us@192.0.2.1>{tag}"),
            ("Call-ID", "call@peer"),
            ("CSeq", f"1 {method}"),
            ("Contact", "<sip:them@192.0.2.9:5070>"),
        ],
    )


def ours(method: str = "BYE") -> Request:
    return Request(
        method,
        "sip:them@192.0.2.9:5070",
        [
            ("From", "<sip:us@192.0.2.1>;tag=SCL_one"),
            ("To", "<sip:them@192.0.2.9>;tag=them"),
            ("Call-ID", "call@peer"),
            ("CSeq", f"2 {method}"),
            ("Max-Forwards", "70"),
        ],
    )


def statuses(effects: list[BoardEffect]) -> list[int]:
    sent = [parse(effect.data) for effect in effects if isinstance(effect, SendBytes)]
    return [message.status for message in sent if isinstance(message, Response)]


def reply_to(effects: list[BoardEffect], status: int) -> Response:
    (sent,) = [effect for effect in effects if isinstance(effect, SendBytes)]
    message = parse(sent.data)
    assert isinstance(message, Request)
    return Response.reply(message, status)


def test_an_invite_without_to_tag_is_a_new_call_and_gets_100_at_once() -> None:
    effects = Bench().receive(0.0, request("INVITE", to_tag=None))
    assert statuses(effects) == [100]
    assert isinstance(effects[-1], Incoming)


def test_a_request_with_a_legs_tag_is_that_legs() -> None:
    bench, leg = Bench(), FakeLeg()
    bench.board.add(leg)
    bench.receive(0.0, request("BYE"))
    bench.receive(0.0, request("ACK", branch="z9hG4bKa2"))
    assert leg.inputs == [("request", "BYE", True), ("request", "ACK", False)]


def test_a_leg_that_need_not_stay_is_gone_and_what_comes_late_is_answered() -> None:
    bench, leg = Bench(), FakeLeg()
    bench.board.add(leg)
    gone = drive(bench.board, 0.0, leg, [LegFinished(32.0, "call@peer", "them")])
    assert gone == [LegGone(leg)]
    assert drive(bench.board, 1.0, leg, []) == []  # somebody did not know, and asks it
    assert drive(bench.board, 1.0, leg, [LegFinished()]) == [LegGone(leg)]
    assert bench.board.next_deadline() == 32.0
    assert statuses(bench.receive(31.9, request("BYE"))) == [200]
    assert not leg.inputs
    assert bench.board.next_deadline() == 32.0
    (ended,) = bench.board.legs()
    assert bench.board.handle_deadline(32.0) == [LegGone(ended)]
    assert len(bench.board) == 0
    assert statuses(bench.receive(33.0, request("BYE", branch="z9hG4bKa2"))) == [481]


def test_a_request_for_no_leg_is_answered_and_an_ack_is_not() -> None:
    bench = Bench()
    assert statuses(bench.receive(0.0, request("BYE"))) == [481]
    assert statuses(bench.receive(0.0, request("OPTIONS", to_tag=None, branch="z9hG4bKb"))) == [200]
    assert bench.receive(0.0, request("ACK", branch="z9hG4bKc")) == []


@pytest.mark.parametrize("state", ["stopping", "full"])
def test_options_is_503_while_the_process_stops_or_is_full(state: str) -> None:
    bench = Bench()
    setattr(bench.board, state, True)
    assert statuses(bench.receive(0.0, request("OPTIONS", to_tag=None))) == [503]


def test_a_cancel_reaches_the_leg_of_its_invite() -> None:
    bench, leg = Bench(), FakeLeg()
    incoming = bench.receive(0.0, request("INVITE", to_tag=None))[-1]
    assert isinstance(incoming, Incoming)
    bench.board.add(leg, incoming)
    assert 200 in statuses(bench.receive(0.1, request("CANCEL", to_tag=None)))
    assert leg.inputs == [("cancel", True)]


def test_what_a_leg_answers_goes_out_and_what_is_not_sip_comes_back() -> None:
    bench, leg = Bench(), FakeLeg()
    incoming = bench.receive(0.0, request("INVITE", to_tag=None))[-1]
    assert isinstance(incoming, Incoming)
    bench.board.add(leg, incoming)
    ringing = Response.reply(incoming.request, 180, to_tag="SCL_one")
    effects = drive(bench.board, 0.0, leg, [Respond(incoming.key, ringing), LegRinging()])
    assert statuses(effects) == [180]
    assert effects[-1] == ForOwner(leg, LegRinging())


def test_an_incoming_call_can_be_refused_without_a_leg() -> None:
    bench = Bench()
    incoming = bench.receive(0.0, request("INVITE", to_tag=None))[-1]
    assert isinstance(incoming, Incoming)
    refusal = Response.reply(incoming.request, 403, to_tag="x")
    assert statuses(bench.board.respond(0.0, incoming.key, refusal)) == [403]


def test_the_answer_to_a_request_comes_back_with_its_token() -> None:
    bench, leg = Bench(), FakeLeg()
    bench.board.add(leg)
    sent = drive(bench.board, 0.0, leg, [SendRequest(5, ours(), HOP)])
    bench.receive(0.1, reply_to(sent, 200))
    bench.receive(0.2, reply_to(sent, 200))
    assert leg.inputs == [("response", 5, 200)]


def test_a_repeated_2xx_to_invite_comes_every_time() -> None:
    bench, leg = Bench(), FakeLeg()
    bench.board.add(leg)
    sent = drive(bench.board, 0.0, leg, [SendRequest(5, ours("INVITE"), HOP)])
    bench.receive(0.1, reply_to(sent, 200))
    bench.receive(0.2, reply_to(sent, 200))
    assert leg.inputs == [("response", 5, 200), ("response", 5, 200)]
    ack = drive(bench.board, 0.3, leg, [SendAck(ours("ACK"), HOP)])
    assert len(ack) == 1


def test_a_request_that_nobody_answers_fails_with_its_token() -> None:
    bench, leg = Bench(), FakeLeg()
    bench.board.add(leg)
    drive(bench.board, 0.0, leg, [SendRequest(5, ours(), HOP)])
    while (deadline := bench.board.next_deadline()) is not None and not leg.inputs:
        bench.board.handle_deadline(deadline)
    assert leg.inputs == [("failed", 5, "timeout")]


def test_a_dead_connection_fails_the_request_on_it() -> None:
    flow = Flow("tcp", US, PEER, 3)
    bench, leg = Bench(route=flow), FakeLeg()
    bench.board.add(leg)
    drive(bench.board, 0.0, leg, [SendRequest(5, ours(), HOP)])
    (again,) = bench.board.flow_failed(0.1, flow)
    assert isinstance(again, SendBytes)
    bench.board.flow_failed(0.2, again.flow)
    assert leg.inputs == [("failed", 5, "transport")]


def test_a_request_without_a_known_way_waits_for_it() -> None:
    bench, leg = Bench(route=None), FakeLeg()
    bench.board.add(leg)
    (resolve,) = drive(bench.board, 0.0, leg, [SendRequest(5, ours(), HOP)])
    assert isinstance(resolve, Resolve)
    (sent,) = bench.board.resolved(0.1, resolve.ref, FLOW)
    assert isinstance(sent, SendBytes)


def test_a_way_that_is_not_found_fails_the_request_but_not_an_ack() -> None:
    bench, leg = Bench(route=None), FakeLeg()
    bench.board.add(leg)
    effects = drive(bench.board, 0.0, leg, [SendRequest(5, ours(), HOP), SendAck(ours("ACK"), HOP)])
    refs = [effect.ref for effect in effects if isinstance(effect, Resolve)]
    for ref in refs:
        bench.board.unresolved(0.1, ref, "transport", "timed out")
    assert leg.inputs == [("failed", 5, "transport", "timed out")]


def test_an_ack_whose_way_is_not_found_goes_back_to_where_the_2xx_came_from() -> None:
    bench, leg = Bench(route=None), FakeLeg()
    bench.board.add(leg)
    hop = replace(HOP, flow=FLOW)
    (resolve,) = drive(bench.board, 0.0, leg, [SendAck(ours("ACK"), hop)])
    assert isinstance(resolve, Resolve)
    (sent,) = bench.board.unresolved(0.1, resolve.ref, "unresolved")
    assert isinstance(sent, SendBytes)
    assert (sent.flow, sent.data[:4]) == (FLOW, b"ACK ")


def test_a_way_found_too_late_is_not_taken() -> None:
    bench, leg = Bench(route=None), FakeLeg()
    bench.board.add(leg)
    effects = drive(
        bench.board, 0.0, leg, [SendRequest(5, ours(), HOP), SendRequest(6, ours(), HOP)]
    )
    one, two = (effect.ref for effect in effects if isinstance(effect, Resolve))
    drive(bench.board, 0.1, leg, [LegFinished()])
    assert bench.board.resolved(0.2, one, FLOW) == []
    assert bench.board.unresolved(0.2, two, "unresolved") == []


def test_our_cancel_waits_for_the_first_1xx() -> None:
    bench, leg = Bench(), FakeLeg()
    bench.board.add(leg)
    sent = drive(bench.board, 0.0, leg, [SendRequest(5, ours("INVITE"), HOP)])
    assert drive(bench.board, 0.1, leg, [CancelRequest(5), CancelRequest(99)]) == []
    effects = bench.receive(0.2, reply_to(sent, 180))
    messages = [parse(effect.data) for effect in effects if isinstance(effect, SendBytes)]
    assert [message.method for message in messages if isinstance(message, Request)] == ["CANCEL"]


def test_a_leg_is_called_when_it_is_due_and_only_then() -> None:
    bench, leg = Bench(), FakeLeg(due=5.0)
    bench.board.add(leg)
    drive(bench.board, 0.0, leg, [])
    leg.due = 3.0
    drive(bench.board, 0.0, leg, [])
    assert bench.board.next_deadline() == 3.0
    assert bench.board.handle_deadline(2.0) == []
    bench.board.handle_deadline(3.0)
    assert leg.inputs == [("due", 3.0)]
    assert bench.board.next_deadline() is None
    bench.board.handle_deadline(10.0)
    assert len(leg.inputs) == 1


def test_a_finished_leg_leaves_nothing_behind() -> None:
    bench, leg = Bench(), FakeLeg(due=5.0)
    incoming = bench.receive(0.0, request("INVITE", to_tag=None))[-1]
    assert isinstance(incoming, Incoming)
    bench.board.add(leg, incoming)
    sent = drive(bench.board, 0.0, leg, [SendRequest(5, ours(), HOP)])
    assert len(bench.board) == 1
    assert list(bench.board.legs()) == [leg]
    assert bench.board.leg("SCL_one") is leg
    assert drive(bench.board, 0.1, leg, [LegFinished()]) == [LegGone(leg)]
    assert (len(bench.board), bench.board.leg("SCL_one")) == (0, None)
    bench.receive(0.2, reply_to(sent, 200))
    bench.board.handle_deadline(6.0)
    assert leg.inputs == []


def test_a_finished_leg_is_not_kept_for_a_deadline_far_ahead() -> None:
    """A session timer runs for a quarter of an hour, a call may last seconds."""
    board, gone = Bench().board, []
    for number in range(500):
        leg = FakeLeg(f"SCL_{number}")
        board.add(leg)
        for due in (32.0, 900.0 + number):
            leg.due = due
            drive(board, 0.0, leg, [])
        drive(board, 0.0, leg, [LegFinished()])
        gone.append(weakref.ref(leg))
    del leg
    assert [found for found in gone if found() is not None] == []
    assert len(board._deadlines._times) < 100


def test_a_finished_leg_that_is_asked_once_more_holds_up_no_other() -> None:
    board, gone, other = Bench().board, FakeLeg("SCL_1"), FakeLeg("SCL_2")
    for leg in (gone, other):
        board.add(leg)
        leg.due = 5.0
    drive(board, 0.0, gone, [LegFinished()])
    drive(board, 0.0, gone, [])
    drive(board, 0.0, other, [])
    board.handle_deadline(5.0)
    assert (gone.inputs, other.inputs) == ([], [("due", 5.0)])


def test_deadlines_that_move_are_not_all_remembered() -> None:
    board, legs = Bench().board, [FakeLeg(f"SCL_{number}") for number in range(20)]
    for leg in legs:
        board.add(leg)
    for step in range(100):
        for number, leg in enumerate(legs):
            leg.due = 1000.0 - step + number / 100
            drive(board, 0.0, leg, [])
    assert len(board._deadlines._times) < 200
    board.handle_deadline(2000.0)
    assert [leg.inputs for leg in legs] == [[("due", 2000.0)]] * 20


def test_what_is_no_message_is_answered_where_that_is_possible() -> None:
    bench = Bench()
    error = SipError("bad", message=request("INVITE", to_tag=None))
    assert statuses(bench.board.bad_message(0.0, error, FLOW)) == [400]


def test_an_invite_whose_refusal_is_never_acknowledged_is_forgotten() -> None:
    bench, leg = Bench(), FakeLeg()
    incoming = bench.receive(0.0, request("INVITE", to_tag=None))[-1]
    assert isinstance(incoming, Incoming)
    bench.board.add(leg, incoming)
    refusal = Response.reply(incoming.request, 486, to_tag="SCL_one")
    drive(bench.board, 0.0, leg, [Respond(incoming.key, refusal)])
    for _ in range(20):
        deadline = bench.board.next_deadline()
        if deadline is None:
            break
        bench.board.handle_deadline(deadline)
    assert sum(bench.board.endpoint.counts()) == 0


def test_an_invite_that_is_given_up_before_its_way_is_found_never_goes_out() -> None:
    board = Switchboard(new_endpoint(), lambda _request, _hop: None)
    both: list[LegEffect] = [CancelRequest(1), AbandonRequest(1)]
    for number, give_up in enumerate(both):
        leg = FakeLeg(f"SCL_{number}")
        board.add(leg)
        invite = Request("INVITE", "sip:a@b.example", (("CSeq", "1 INVITE"),))
        (resolve,) = drive(board, 0.0, leg, [SendRequest(1, invite, HOP)])
        assert isinstance(resolve, Resolve)
        assert drive(board, 0.0, leg, [give_up]) == []
        assert leg.inputs == [("failed", 1, "transport")]
        assert board.resolved(0.0, resolve.ref, FLOW) == []
        assert board.unresolved(0.0, resolve.ref, "timeout") == []
        assert drive(board, 0.0, leg, [give_up]) == []


# --- mistakes of our own --------------------------------------------------------------------------


def told(effects: list[BoardEffect]) -> list[type]:
    return [type(effect) for effect in effects if not isinstance(effect, SendBytes)]


def test_a_request_that_a_leg_fails_at_is_answered_500() -> None:
    bench, leg = Bench(), FakeLeg(mistakes=1)
    bench.board.add(leg)
    effects = bench.receive(0.0, request("INFO"))
    assert (statuses(effects), told(effects)) == ([500], [Broken])
    assert leg.inputs == [("request", "INFO", True), ("broken", False)]
    leg.mistakes = 1
    assert statuses(bench.receive(0.0, request("ACK", branch="z9hG4bKc"))) == []


def test_an_invite_is_not_left_unanswered_by_a_leg_that_fails() -> None:
    bench, leg = Bench(), FakeLeg()
    incoming = bench.receive(0.0, request("INVITE", to_tag=None))[-1]
    assert isinstance(incoming, Incoming)
    bench.board.add(leg, incoming)
    assert bench.board.leg_of(incoming) is leg
    leg.due, leg.mistakes = 1.0, 1
    drive(bench.board, 0.0, leg, [])
    effects = bench.board.handle_deadline(1.0)
    assert (statuses(effects), told(effects)) == ([500], [Broken])
    assert leg.inputs[-1] == ("broken", True)


def test_an_answered_invite_gets_no_second_answer() -> None:
    bench, leg = Bench(), FakeLeg()
    incoming = bench.receive(0.0, request("INVITE", to_tag=None))[-1]
    assert isinstance(incoming, Incoming)
    bench.board.add(leg, incoming)
    busy = Response.reply(incoming.request, 486, to_tag="SCL_one")
    drive(bench.board, 0.0, leg, [Respond(incoming.key, busy)])
    assert bench.board.broken(0.0, leg) == []


def test_a_leg_that_cannot_even_end_is_removed() -> None:
    bench, leg = Bench(), FakeLeg(mistakes=2)
    incoming = bench.receive(0.0, request("INVITE", to_tag=None))[-1]
    assert isinstance(incoming, Incoming)
    bench.board.add(leg, incoming)
    effects = bench.receive(0.1, request("CANCEL", to_tag=None))
    assert statuses(effects) == [200, 500]
    assert told(effects) == [Broken, Broken, LegGone]
    assert len(bench.board) == 0


def test_a_mistake_costs_no_other_leg_its_turn() -> None:
    bench = Bench()
    legs = [FakeLeg("SCL_one", mistakes=1), FakeLeg("SCL_two", answers=[LegRinging()])]
    for leg in legs:
        bench.board.add(leg)
        leg.due = 1.0
        leg_mistakes, leg.mistakes = leg.mistakes, 0
        drive(bench.board, 0.0, leg, [])
        leg.mistakes = leg_mistakes
    assert told(bench.board.handle_deadline(1.0)) == [Broken, ForOwner]


def test_effects_that_cannot_be_performed_break_their_leg() -> None:
    bench, leg = Bench(), FakeLeg()
    bench.board.add(leg)
    unwritable: Any = Respond("s1", None)  # type: ignore[arg-type]
    assert told(drive(bench.board, 0.0, leg, [unwritable])) == [Broken]
    assert leg.inputs == [("broken", False)]


def test_what_was_done_before_a_mistake_is_not_lost() -> None:
    bench, leg = Bench(), FakeLeg()
    incoming = bench.receive(0.0, request("INVITE", to_tag=None))[-1]
    assert isinstance(incoming, Incoming)
    bench.board.add(leg, incoming)
    answer = Respond(incoming.key, Response.reply(incoming.request, 200, to_tag="SCL_one"))
    unwritable: Any = SendRequest(5, None, HOP)  # type: ignore[arg-type]
    effects = drive(bench.board, 0.0, leg, [answer, LegRinging(), unwritable])
    assert (statuses(effects), told(effects)) == ([200], [ForOwner, Broken])


@pytest.mark.parametrize("way", ["response", "failed", "unresolved"])
def test_a_mistake_about_a_request_of_ours(way: str) -> None:
    bench, leg = Bench(route=None if way == "unresolved" else FLOW), FakeLeg()
    bench.board.add(leg)
    sent = drive(bench.board, 0.0, leg, [SendRequest(5, ours(), HOP)])
    leg.mistakes = 1
    if way == "response":
        effects = bench.receive(0.1, reply_to(sent, 200))
    elif way == "failed":
        effects = bench.board.handle_deadline(33.0)
    else:
        assert isinstance(sent[0], Resolve)
        effects = bench.board.unresolved(0.1, sent[0].ref, "unresolved")
    assert Broken in told(effects)
    assert leg.inputs[-1] == ("broken", False)
