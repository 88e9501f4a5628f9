"""The pump around the transaction layer: timers, failures, and what a trace says."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from hookflash.adapters.clock import SystemClock
from hookflash.base.ids import Ids
from hookflash.carrier.agent import CarrierError, Traced, UserAgent
from hookflash.sip.flow import Address, Flow, Transport
from hookflash.sip.message import Request, Response
from hookflash.sip.routing import Hop
from hookflash.sip.timers import Timers
from hookflash.sip.uri import Uri

QUICK = Timers(t1=0.01, t2=0.04, t4=0.05)


class Server:
    """Answers requests with `status`, or never (None)."""

    def __init__(self, status: int | None = 200) -> None:
        self.status = status
        self.agent: UserAgent
        self.requests: list[Request] = []
        self.cancelled: list[str] = []

    def request_received(self, key: str, request: Request, flow: Flow) -> None:
        self.requests.append(request)
        if self.status is not None and request.method != "ACK":
            self.agent.respond(key, Response.reply(request, self.status, to_tag="b"))

    def cancel_received(self, key: str) -> None:
        self.cancelled.append(key)
        invite = self.requests[0]
        self.agent.respond(key, Response.reply(invite, 487, to_tag="b"))


def request(method: str, to: Address, transport: str = "udp") -> Request:
    uri = Uri.sip("b", *to, (("transport", transport),))
    items = [
        ("Max-Forwards", "70"),
        ("From", "<sip:a@127.0.0.1>;tag=a"),
        ("To", f"<{uri}>"),
        ("Call-ID", f"c-{method}"),
        ("CSeq", f"1 {method}"),
        ("Contact", "<sip:a@127.0.0.1>"),
    ]
    return Request(method, uri, items)


def run(
    test: Callable[[UserAgent, UserAgent, Server], Awaitable[None]],
    status: int | None = 200,
    trace: Callable[[Traced], None] | None = None,
) -> None:
    async def main() -> None:
        ids, clock, server = Ids(random.Random(3)), SystemClock(), Server(status)
        client = UserAgent(clock=clock, ids=ids, handler=Server(), trace=trace, timers=QUICK)
        server.agent = UserAgent(clock=clock, ids=ids, handler=server, timers=QUICK)
        try:
            await client.start()
            await server.agent.start()
            await test(client, server.agent, server)
        finally:
            await client.stop()
            await server.agent.stop()

    asyncio.run(main())


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_request_and_its_answer(transport: Transport) -> None:
    async def test(client: UserAgent, server: UserAgent, _: Server) -> None:
        asked = request("OPTIONS", server.address, transport)
        sent = client.send(asked, client.flow_to(server.address, transport))
        assert (await sent.final).status == 200
        if transport == "tcp":
            assert client.flow_to(server.address, "tcp").connection > 0

    run(test)


def test_no_answer_is_408_and_nothing_is_left() -> None:
    async def test(client: UserAgent, server: UserAgent, _: Server) -> None:
        statuses: list[int] = []
        sent = client.send(
            request("OPTIONS", server.address),
            client.flow_to(server.address),
            lambda response, flow: statuses.append(response.status),
        )
        assert (await sent.final).status == 408
        assert statuses == [408]
        assert client.idle()

    run(test, status=None)


def test_no_connection_is_503() -> None:
    async def test(client: UserAgent, server: UserAgent, _: Server) -> None:
        address = server.address
        await server.stop()
        sent = client.send(request("OPTIONS", address), client.flow_to(address, "tcp"))
        assert (await sent.final).status == 503

    run(test)


def test_an_invite_is_cancelled() -> None:
    async def test(client: UserAgent, server: UserAgent, handler: Server) -> None:
        sent = client.send(request("INVITE", server.address), client.flow_to(server.address))
        client.cancel(sent)
        assert (await sent.final).status == 487
        assert handler.cancelled

    run(test, status=180)


def test_a_refusal_that_nobody_confirms_is_forgotten() -> None:
    async def test(client: UserAgent, server: UserAgent, handler: Server) -> None:
        invite, (ip, port) = request("INVITE", server.address), client.address
        invite.headers.insert_first("Via", f"SIP/2.0/UDP {ip}:{port};branch=z9hG4bK1")
        server.message_received(invite, server.flow_to(client.address))  # the client sends no ACK
        assert [asked.method for asked in handler.requests] == ["INVITE"]
        assert not server.idle()
        server.handle_deadline(server.clock.now() + QUICK.transaction)
        assert server.idle()
        sent = client.send(request("OPTIONS", server.address), client.flow_to(server.address))
        assert (await sent.final).status == 486

    run(test, status=486)


def test_it_knows_no_names() -> None:
    async def test(client: UserAgent, server: UserAgent, _: Server) -> None:
        with pytest.raises(CarrierError, match="knows no names"):
            client.flow_of(Hop(Uri.parse("sip:b@example.com")))

    run(test)


def test_who_waits_at_the_end_is_cancelled() -> None:
    async def test(client: UserAgent, server: UserAgent, _: Server) -> None:
        sent = client.send(request("OPTIONS", server.address), client.flow_to(server.address))
        await client.stop()
        with pytest.raises(asyncio.CancelledError):
            await sent.final

    run(test, status=None)


def test_noise_gets_its_400_and_the_agent_goes_on() -> None:
    async def test(client: UserAgent, server: UserAgent, _: Server) -> None:
        heard: asyncio.Queue[bytes] = asyncio.Queue()

        class Peer(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: object) -> None:
                heard.put_nowait(data)

        loop = asyncio.get_running_loop()
        wire, _protocol = await loop.create_datagram_endpoint(Peer, remote_addr=server.address)
        bad = request("OPTIONS", server.address).encode().replace(b"1 OPTIONS", b"one OPTIONS")
        port = wire.get_extra_info("sockname")[1]
        via = f"\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK1\r\n".encode()
        wire.sendto(b"noise")
        wire.sendto(bad.replace(b"\r\n", via, 1))
        assert (await asyncio.wait_for(heard.get(), 2)).startswith(b"SIP/2.0 400")
        wire.close()

    run(test)


def test_a_trace_has_both_directions() -> None:
    traced: list[Traced] = []

    async def test(client: UserAgent, server: UserAgent, _: Server) -> None:
        await client.send(request("OPTIONS", server.address), client.flow_to(server.address)).final
        assert [(t.label, t.sent) for t in traced] == [("OPTIONS", True), ("200 OK", False)]
        assert [t.receiver for t in traced] == [server.address, client.address]
        assert [t.sender for t in traced] == [client.address, server.address]

    run(test, trace=traced.append)


def test_labels() -> None:
    def label(message: Request | Response) -> str:
        return Traced(0.0, ("a", 1), ("b", 2), message, sent=True).label

    notify = request("NOTIFY", ("127.0.0.1", 5060))
    assert label(notify) == "NOTIFY"
    notify.body = b"SIP/2.0 486 Busy Here\r\n"
    assert label(notify) == "NOTIFY 486 Busy Here"
    notify.body = b"SIP/2.0 200\r\n"
    assert label(notify) == "NOTIFY 200"
    assert label(Response(603)) == "603 Decline"
    assert label(Response(200, "")) == "200"
