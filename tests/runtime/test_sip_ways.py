"""Where requests go whose way has to be found first, and what becomes of them where there is none
(calls.md §5)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from tests.support.lab import NUMBER, Lab, run

from hookflash.calls.switchboard import Resolve
from hookflash.carrier.agent import CarrierError
from hookflash.runtime.sip_stack import SipStack
from hookflash.sip.flow import Flow, Transport
from hookflash.sip.location import Target
from hookflash.sip.message import Request
from hookflash.sip.routing import Hop
from hookflash.sip.uri import Uri

CALLER = "+14150000001"
NAMED = Hop(Uri.parse("sip:a@carrier.example"))
REQUEST = Request("OPTIONS", "sip:a@carrier.example")


def stack_of(lab: Lab) -> SipStack:
    return lab.server.stack


def found(lab: Lab, *targets: Target) -> None:
    """The name service gives these for every name; it is real in tests/adapters/test_dns.py."""

    async def locate(uri: Uri, transports: Sequence[Transport]) -> list[Target]:
        return list(targets)

    stack_of(lab)._resolver.locate = locate  # type: ignore[method-assign]


def closed_port() -> asyncio.Future[int]:
    """A TCP port that nobody listens at: it was just given back."""

    async def taken() -> int:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        return port

    return asyncio.ensure_future(taken())


def fates(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> asyncio.Queue[tuple[str, str]]:
    """Fills with (reason, why) of the requests that found no way."""
    queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def unresolved(_now: float, _ref: int, reason: str, why: str) -> list[Any]:
        queue.put_nowait((reason, why))
        return []

    monkeypatch.setattr(stack_of(lab)._attached(), "unresolved", unresolved)
    return queue


def test_the_first_place_that_takes_a_connection_is_it() -> None:
    async def check(lab: Lab) -> None:
        port = await closed_port()
        found(lab, Target("tcp", "127.0.0.1", port), Target("tcp", *lab.sip))
        flow = await stack_of(lab)._find(REQUEST, NAMED)
        assert flow is not None
        assert (flow.transport, flow.remote) == ("tcp", lab.sip)
        assert flow.connection
        assert await stack_of(lab)._find(REQUEST, NAMED) == flow, "it is open, and used again"

    run(check)


def test_a_place_of_udp_needs_no_connection() -> None:
    async def check(lab: Lab) -> None:
        found(lab, Target("udp", "127.0.0.1", 5099))
        flow = await stack_of(lab)._find(REQUEST, NAMED)
        assert flow == Flow("udp", lab.sip, ("127.0.0.1", 5099))

    run(check)


def test_a_place_of_an_ip_family_that_we_lack_is_passed_over() -> None:
    async def check(lab: Lab) -> None:
        stack, six = stack_of(lab), Target("udp", "2001:db8::5", 5060)
        here = Target("udp", "127.0.0.1", 5099)
        found(lab, six, here)
        flow = await stack._find(REQUEST, NAMED)
        assert flow == Flow("udp", lab.sip, ("127.0.0.1", 5099))
        places: asyncio.Queue[list[Target]] = asyncio.Queue()
        stack.locate(NAMED.uri, places.put_nowait)
        assert await places.get() == [here]
        back = Flow("udp", lab.sip, ("127.0.0.1", 5098))
        found(lab, six)
        assert await stack._find(REQUEST, Hop(NAMED.uri, back)) == back
        assert await stack._find(REQUEST, Hop(NAMED.uri, back, routed=True)) is None
        assert lab.logged("sip_other_family")[0]["found"] == "2001:db8::5"
        stack.locate(Uri.parse("sip:a@[2001:db8::5]"), places.put_nowait)
        assert await places.get() == []

    run(check)


def test_where_no_place_takes_a_connection_the_last_one_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(lab: Lab) -> None:
        port = await closed_port()
        fate = fates(lab, monkeypatch)
        found(lab, Target("tcp", "127.0.0.1", port))
        stack_of(lab).resolve(Resolve(1, REQUEST, NAMED))
        reason, why = await fate.get()
        assert reason == "transport"
        assert "refused" in why.lower()
        (line,) = lab.logged("sip_connect_failed")
        assert (line["to"], line["error"]) == ("carrier.example", why)

    run(check)


@pytest.mark.parametrize("named", [False, True])
def test_where_no_connection_can_be_opened_the_peer_is_reached_where_it_sends_from(
    named: bool,
) -> None:
    """An answered INVITE has its ACK, and a call its BYE, whatever the Contact names."""

    async def check(lab: Lab) -> None:
        port = await closed_port()
        found(lab, Target("tcp", "127.0.0.1", port))
        host = "phone.example" if named else "127.0.0.1"
        uri = Uri.parse(f"sip:a@{host}:{port};transport=tcp")
        back = Flow("udp", lab.sip, ("127.0.0.1", 5098))
        stack = stack_of(lab)
        assert await stack._find(REQUEST, Hop(uri, back)) == back
        larger = Request("REFER", "sip:a@b", [("X-Long", "x" * 66_000)])
        for request, hop in (
            (larger, Hop(uri, back)),
            (REQUEST, Hop(uri, back, routed=True)),
            (REQUEST, Hop(uri)),
        ):
            with pytest.raises(OSError, match=r"(?i)connect"):
                await stack._find(request, hop)

    run(check)


def test_a_name_without_a_place_is_unresolved(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(lab: Lab) -> None:
        fate = fates(lab, monkeypatch)
        found(lab)
        stack_of(lab).resolve(Resolve(1, REQUEST, NAMED))
        assert await fate.get() == ("unresolved", "")

    run(check)


def test_a_connection_to_an_address_is_opened() -> None:
    async def check(lab: Lab) -> None:
        host, port = lab.sip
        hop = Hop(Uri.parse(f"sip:a@{host}:{port};transport=tcp"))
        flow = await stack_of(lab)._find(REQUEST, hop)
        assert flow is not None
        assert flow.connection
        assert stack_of(lab).route(REQUEST, hop) == flow

    run(check)


def test_a_large_request_goes_by_tcp_where_a_connection_can_be_opened() -> None:
    async def check(lab: Lab) -> None:
        large = Request("REFER", "sip:a@carrier.example", [("X-Long", "x" * 1400)])
        host, port = lab.sip
        flow = await stack_of(lab)._find(large, Hop(Uri.parse(f"sip:a@{host}:{port}")))
        assert flow is not None
        assert (flow.transport, flow.remote) == ("tcp", lab.sip)

    run(check)


def test_looking_up_ends_with_the_server() -> None:
    stopped: list[bool] = []

    async def check(lab: Lab) -> None:
        looking = asyncio.Event()

        async def locate(uri: Uri, transports: Sequence[Transport]) -> list[Target]:
            looking.set()
            try:
                await asyncio.Event().wait()
            finally:
                stopped.append(True)
            return []

        stack_of(lab)._resolver.locate = locate  # type: ignore[method-assign]
        stack_of(lab).resolve(Resolve(1, REQUEST, NAMED))
        await looking.wait()

    run(check)
    assert stopped == [True]


def test_over_tls_our_name_is_in_contact_and_via() -> None:
    async def check(lab: Lab) -> None:
        stack = stack_of(lab)
        flow = Flow("tls", lab.sip, ("127.0.0.1", 5061), 1)
        assert stack.via(flow)[0] == "sip.example.com"
        assert stack.contact(flow).host == "sip.example.com"
        assert stack.contact(Flow("udp", lab.sip, ("127.0.0.1", 5060))).host == "127.0.0.1"

    run(check, sip__sip_hostname="sip.example.com")


def test_who_is_shut_out_gets_no_answer() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        shield = lab.server.exchange.parts.admission.shield
        shield._guessers.add(lab.server.exchange.parts.clock.now(), "127.0.0.1")
        with pytest.raises(CarrierError):
            await caller.call(NUMBER, proxy=lab.sip, within=0.3)
        assert shield.dropped
        assert not lab.server.exchange.calls
        shield._guessers.remove("127.0.0.1")
        call = await caller.call(NUMBER, proxy=lab.sip)
        await call.hang_up()

    run(check, sip__answer="immediately")


def test_a_stack_without_a_switchboard_says_so() -> None:
    async def check(lab: Lab) -> None:
        parts = lab.server.exchange.parts
        stack = SipStack(
            clock=parts.clock,
            sockets=lab.server.sockets,
            resolver=stack_of(lab)._resolver,
            addresses=stack_of(lab)._addresses,
        )
        assert stack.next_deadline() is None
        with pytest.raises(RuntimeError, match="attach"):
            stack.arm()
        await asyncio.wait_for(stack.stop(), 1.0)

    run(check)
