"""What is held of each call's messages, and of strangers'."""

from __future__ import annotations

import pytest
from tests.support.sip_messages import flow_to, request_of

from hookflash.sip.codec import StreamDecoder, parse
from hookflash.sip.message import Request, Response
from hookflash.sip.trace import MOST_BYTES, MOST_MESSAGES, SipTraces

FLOW = flow_to()


def traces(*, keeps: bool = True) -> SipTraces:
    return SipTraces(lambda remote: f"here for {remote}", keeps=keeps)


def invite(call_id: str) -> Request:
    return request_of("INVITE", call_id=call_id)


def answer(call_id: str, status: int = 100) -> bytes:
    return Response.reply(invite(call_id), status).encode()


def test_a_message_has_the_bytes_that_it_came_as() -> None:
    wire = b"OPTIONS sip:a@b SIP/2.0\ni: x\nv:  SIP/2.0/UDP h\n\nbody"
    assert parse(wire).wire is wire
    decoder = StreamDecoder()
    sent = invite("a").encode()
    (message,) = decoder.feed(sent)
    assert isinstance(message, Request)
    assert message.wire == sent
    assert Request("OPTIONS", "sip:a@b").wire == b""


def test_the_bytes_are_the_very_ones_that_came_and_went() -> None:
    kept, first, out = traces(), invite("a"), answer("a")
    kept.received(1.0, first, FLOW)
    kept.sent(2.0, out, FLOW)
    trace = kept.begin("a")
    assert trace is not None
    kept.sent(3.0, answer("a", 180), FLOW)
    taken = trace.taken()
    assert [(at, received) for at, _, received, _ in taken.entries] == [
        (1.0, True),
        (2.0, False),
        (3.0, False),
    ]
    assert taken.entries[0][3] is first.wire
    assert taken.entries[1][3] is out
    assert taken.here == "here for 198.51.100.7"
    assert taken.dropped == 0


def test_of_strangers_one_turn_is_held_at_most() -> None:
    kept = traces()
    for number in range(500):
        kept.received(1.0, invite(f"{number}"), FLOW)
        kept.sent(1.0, answer(f"{number}", 403), FLOW)
    assert not len(kept)
    assert len(kept._held) == 2
    trace = kept.begin("0")
    assert trace is not None
    assert trace.taken().entries == ()
    for _ in range(500):
        kept.sent(1.0, answer("499", 403), FLOW)
    assert len(kept._held) == MOST_MESSAGES // 2


def test_a_finished_call_is_forgotten_and_what_comes_later_is_a_strangers() -> None:
    kept = traces()
    kept.begin("a")
    kept.begin("a")
    kept.end("a")
    assert len(kept) == 1
    kept.end("a")
    kept.end("a")
    assert not len(kept)


def test_a_message_without_a_call_id_is_passed_over() -> None:
    kept = traces()
    kept.received(1.0, parse(b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n"), FLOW)
    assert kept._held == []


def test_nothing_is_kept_where_nothing_is_to_be_kept() -> None:
    kept = traces(keeps=False)
    kept.received(1.0, invite("a"), FLOW)
    kept.sent(1.0, answer("a"), FLOW)
    assert kept.begin("a") is None
    assert kept._held == []


@pytest.mark.parametrize("size", [10, 4000])
def test_the_beginning_and_the_end_of_a_long_call_are_kept(size: int) -> None:
    kept = traces()
    trace = kept.begin("a")
    assert trace is not None
    assert (MOST_MESSAGES, MOST_BYTES) == (200, 262_144)
    number = 1000
    for at in range(number):
        message = request_of("INFO", call_id="a", body=bytes(size))
        kept.received(float(at), message, FLOW)
    taken = trace.taken()
    assert len(taken.entries) <= MOST_MESSAGES
    assert sum(len(entry[3]) for entry in taken.entries) <= MOST_BYTES
    assert len(taken.entries) + taken.dropped == number == trace.count
    times = [int(entry[0]) for entry in taken.entries]
    half = len(times) // 2
    assert times[:half] == list(range(half))
    assert times[half - number % 2 :][-half:] == list(range(number - half, number))


def test_messages_stay_in_their_order_behind_a_large_one() -> None:
    kept = traces()
    trace = kept.begin("a")
    assert trace is not None
    for at, size in enumerate((40_000, 40_000, 40_000, 40_000, 10)):
        kept.received(float(at), request_of("INFO", call_id="a", body=bytes(size)), FLOW)
    assert [entry[0] for entry in trace.taken().entries] == [0.0, 1.0, 2.0, 3.0, 4.0]
