"""The way of requests: addresses, names, large requests, connections (calls.md §5)."""

from __future__ import annotations

import pytest
from livekit import api
from tests.support.lab import NUMBER, Lab, run

from hookflash.carrier.phone import Behaviour
from hookflash.sip.flow import Flow
from hookflash.sip.message import Request
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
        stack = lab.server.exchange.parts.stack
        request = Request("OPTIONS", "sip:a@127.0.0.1")
        flow = stack.route(request, Hop(Uri.parse("sip:a@127.0.0.1:5099")))
        assert flow == Flow("udp", lab.sip, ("127.0.0.1", 5099))
        assert stack.route(request, Hop(Uri.parse("sip:a@sip.example.com"))) is None
        assert stack.route(request, Hop(Uri.parse("sip:a@127.0.0.1;transport=tcp"))) is None

    run(check)


def test_contact_and_via_name_the_transport_and_the_port() -> None:
    async def check(lab: Lab) -> None:
        stack = lab.server.exchange.parts.stack
        flow = Flow("tcp", lab.sip, ("127.0.0.1", 5099), 1)
        assert stack.via(flow) == lab.sip
        assert str(stack.contact(flow)) == f"sip:127.0.0.1:{lab.sip[1]};transport=tcp"

    run(check)
