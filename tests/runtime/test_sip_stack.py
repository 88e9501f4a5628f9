"""The way of requests: addresses, names, large requests, connections (calls.md §5)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit import api
from structlog.testing import capture_logs
from tests.support.lab import NUMBER, Lab, run

from hookflash.base.errors import SipError
from hookflash.base.line_limit import LINES
from hookflash.calls.switchboard import Resolve
from hookflash.carrier.phone import Behaviour
from hookflash.runtime import sip_stack
from hookflash.sip.flow import Flow
from hookflash.sip.location import Target
from hookflash.sip.message import Request, Response
from hookflash.sip.routing import Hop
from hookflash.sip.uri import Uri

CALLER = "+14150000001"


def test_a_large_refer_goes_by_tcp() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(refer=603))
        call = await caller.call(NUMBER, proxy=lab.sip)
        headers = {f"X-Long-{number}": "x" * 500 for number in range(3)}
        with pytest.raises(api.SipCallError):
            await lab.transfer(f"sip_{CALLER}", "tel:+15105550100", headers=headers)
        refer = await call.received("REFER")
        assert refer.top_via.transport == "TCP"

    run(check, sip__answer="immediately")


def test_a_peer_whose_tcp_is_silent_gets_large_requests_by_udp(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a second, and at once for an hour from then on."""
    assert sip_stack.LARGE_CONNECT == 1.0
    monkeypatch.setattr(sip_stack, "LARGE_CONNECT", 0.05)

    async def check(lab: Lab) -> None:
        stack, tried = lab.server.stack, []

        async def connect(*place: object, **_: object) -> Flow:
            tried.append(place)
            await asyncio.Event().wait()
            raise AssertionError("nobody answers")

        monkeypatch.setattr(lab.server.sockets, "connect", connect)
        request = Request("REFER", "sip:a@192.0.2.9", [("X-Long", "x" * 1400)])
        hop = Hop(Uri.parse("sip:a@192.0.2.9"))
        assert stack.route(request, hop) is None, "a connection is to be opened"
        async with asyncio.timeout(0.9):
            flow = await stack._find(request, hop)
        assert flow == stack.route(request, hop)
        assert flow is not None
        assert (flow.transport, flow.remote) == ("udp", ("192.0.2.9", 5060))
        assert tried == [("tcp", ("192.0.2.9", 5060))]

    run(check)


def test_a_request_that_no_datagram_holds_fails_at_once_where_tcp_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would wait for an answer to what was never sent, and the next transfer with it."""

    async def check(lab: Lab) -> None:
        async def connect(*_: object, **__: object) -> Flow:
            raise ConnectionRefusedError

        monkeypatch.setattr(lab.server.sockets, "connect", connect)
        stack, hop = lab.server.stack, Hop(Uri.parse("sip:a@192.0.2.9"))
        held = Request("REFER", "sip:a@192.0.2.9", [("X-Long", "x" * 60_000)])
        assert await stack._find(held, hop) == stack.route(held, hop)
        larger = Request("REFER", "sip:a@192.0.2.9", [("X-Long", "ü" * 35_000)])
        assert stack.route(larger, hop) is None
        with pytest.raises(ConnectionRefusedError):
            await stack._find(larger, hop)

    run(check)


def test_a_small_refer_goes_by_udp() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(refer=603))
        call = await caller.call(NUMBER, proxy=lab.sip)
        with pytest.raises(api.SipCallError):
            await lab.transfer(f"sip_{CALLER}", "tel:+15105550100")
        assert (await call.received("REFER")).top_via.transport == "UDP"

    run(check, sip__answer="immediately")


def test_in_dialog_requests_of_a_tcp_caller_come_by_its_own_connection() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(refer=603))
        call = await caller.call(NUMBER, proxy=lab.sip, transport="tcp")
        with pytest.raises(api.SipCallError):
            await lab.transfer(f"sip_{CALLER}", "tel:+15105550100")
        assert (await call.received("REFER")).top_via.transport == "TCP"
        assert len(lab.server.sockets._connections) == 1

    run(check, sip__answer="immediately")


def test_a_way_is_known_at_once_for_addresses_and_not_for_names() -> None:
    async def check(lab: Lab) -> None:
        stack = lab.server.stack
        request = Request("OPTIONS", "sip:a@127.0.0.1")
        flow = stack.route(request, Hop(Uri.parse("sip:a@127.0.0.1:5099")))
        assert flow == Flow("udp", lab.sip, ("127.0.0.1", 5099))
        assert stack.route(request, Hop(Uri.parse("sip:a@sip.example.com"))) is None
        assert stack.route(request, Hop(Uri.parse("sip:a@127.0.0.1;transport=tcp"))) is None

    run(check)


def test_contact_and_via_name_the_transport_and_the_port() -> None:
    async def check(lab: Lab) -> None:
        stack = lab.server.stack
        flow = Flow("tcp", lab.sip, ("127.0.0.1", 5099), 1)
        assert stack.via(flow) == lab.sip
        assert str(stack.contact(flow)) == f"sip:127.0.0.1:{lab.sip[1]};transport=tcp"

    run(check)


MISTAKE = ("internal_error",)


def fails(*_: object, **__: object) -> Any:
    raise KeyError("a mistake")


def test_a_request_that_nothing_came_of_is_answered_500(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(lab: Lab) -> None:
        stack = lab.server.stack
        sent: list[bytes] = []
        monkeypatch.setattr(lab.server.sockets, "send", lambda data, _flow: sent.append(data))
        monkeypatch.setattr(stack._attached(), "message_received", fails)
        flow = Flow("udp", lab.sip, ("127.0.0.1", 9))
        request = Request(
            "OPTIONS",
            "sip:a@127.0.0.1",
            [
                ("Via", "SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx"),
                ("From", "<sip:b@127.0.0.1>;tag=b"),
                ("To", "<sip:a@127.0.0.1>"),
                ("Call-ID", "c"),
                ("CSeq", "1 OPTIONS"),
            ],
        )
        stack.message_received(request, flow)
        assert sent[0].startswith(b"SIP/2.0 500 ")
        monkeypatch.setattr(stack._attached(), "bad_message", fails)
        stack.message_received(request, flow)
        stack.message_received(Response.reply(request, 200), flow)
        assert len(sent) == 1
        stack.bad_message(SipError("Bad Via", message=request), flow)
        monkeypatch.setattr(stack._attached(), "flow_failed", fails)
        stack.flow_failed(flow)
        assert len(sent) == 1

    run(check, errors=MISTAKE)


def test_so_many_messages_that_cannot_be_read_are_told() -> None:
    """A stranger decides how many there are: a log has so many lines, the counter all of them."""

    async def check(lab: Lab) -> None:
        await lab.ready()
        stack = lab.server.stack
        flow = Flow("udp", ("127.0.0.1", 5060), ("127.0.0.1", 9))
        for _ in range(LINES + 3):
            stack._malformed_lines.take(stack._clock.now() - 5)
        with capture_logs() as lines:
            for _ in range(5 * LINES):
                stack.bad_message(SipError("Bad Via"), flow)
        assert lines[0]["event"] == "refusals_not_logged"
        assert lines[0]["count"] == 3
        assert LINES <= len(lines) <= 3 * LINES
        assert stack.malformed == 5 * LINES

    run(check)


def test_the_timer_goes_on_after_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        stack = lab.server.stack
        with monkeypatch.context() as broken:
            broken.setattr(stack._attached(), "next_deadline", lambda: 0.0)
            broken.setattr(stack._attached(), "handle_deadline", fails)
            stack._alarm._due()
        call = await (await lab.carrier.phone(CALLER)).call(NUMBER, proxy=lab.sip)
        await call.hang_up()

    run(check, errors=MISTAKE, sip__answer="immediately")


def test_a_look_up_that_fails_by_our_mistake_is_one_that_found_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(lab: Lab) -> None:
        stack = lab.server.stack
        monkeypatch.setattr(stack._resolver, "locate", fails)
        found: asyncio.Future[list[Target]] = asyncio.get_running_loop().create_future()
        stack.locate(Uri.parse("sip:a@example.com"), found.set_result)
        assert await found == []
        failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def unresolved(_now: float, _ref: int, reason: str, _why: str) -> list[object]:
            failed.set_result(reason)
            return []

        monkeypatch.setattr(stack._attached(), "unresolved", unresolved)
        uri = Uri.parse("sip:a@example.com")
        stack.resolve(Resolve(1, Request("BYE", "sip:a@example.com"), Hop(uri)))
        assert await failed == "transport"

    run(check, errors=MISTAKE)
