"""The lite agent behind its sockets, against somebody else's full agent (aioice), and over TCP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from time import monotonic
from typing import Any

import aioice
import pytest
import uvloop

from hookflash.adapters.rtc_connection import RtcPath
from hookflash.adapters.rtc_socket import RtcSockets
from hookflash.base.ids import Ids
from hookflash.webrtc import stun
from hookflash.webrtc.ice import IceAgents


class Exchange:
    """Answers checks, and sends packets of admitted paths back to where media goes."""

    def __init__(self) -> None:
        self.agents: IceAgents[RtcPath] = IceAgents(Ids(Random(5)))
        self.sockets = RtcSockets(self)
        self.agent = self.agents.new(monotonic())
        self.not_admitted = 0
        self.heard = asyncio.Event()

    def received(self, path: RtcPath, data: bytes, now: float) -> None:
        self.heard.set()
        if stun.is_stun(data):
            message = stun.parse(data)
            agent = self.agents.find(message)
            answer = agent.request(path, message, now) if agent is not None else None
            if answer is not None:
                path.send(answer)
        elif self.agents.at(path) is None:
            self.not_admitted += 1
            path.send(b"no")
        else:
            selected = self.agent.selected
            assert selected is not None
            selected.send(b"back: " + data)

    def admits(self, path: RtcPath) -> bool:
        return self.agents.at(path) is not None

    def closed(self, path: RtcPath) -> None:
        self.agents.path_closed(path)
        self.heard.set()


def run(story: Callable[[], Awaitable[Any]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 30))
    uvloop.run(asyncio.wait_for(story(), 30))


async def full_agent(
    exchange: Exchange, ip: str, *, controlling: bool = True, password: str = ""
) -> aioice.Connection:
    """One that knows our candidate, and has not begun."""
    client = aioice.Connection(ice_controlling=controlling, use_ipv4=True, use_ipv6=True)
    client.remote_is_lite = True
    client.remote_username = exchange.agent.ufrag
    client.remote_password = password or exchange.agent.password
    await client.gather_candidates()
    await client.add_remote_candidate(
        aioice.Candidate("1", 1, "udp", 2130706431, ip, exchange.sockets.udp_port, "host")
    )
    await client.add_remote_candidate(None)
    return client


@pytest.fixture(autouse=True)
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """aioice leaves these out."""
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: ["127.0.0.1", "::1"])


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("controlling", [True, False])
def test_a_full_agent_connects(ip: str, controlling: bool) -> None:
    """Also one that begins as the controlled one: it is told, and takes the other role."""

    async def story() -> None:
        exchange = Exchange()
        await exchange.sockets.start(["127.0.0.1", "::1"], 0)
        client = await full_agent(exchange, ip, controlling=controlling)
        await client.connect()
        assert client.ice_controlling
        assert (exchange.agents.refused["role_conflict"] > 0) is not controlling
        await client.send(b"media")
        assert await client.recv() == b"back: media"
        selected = exchange.agent.selected
        assert selected is not None
        assert selected.remote[0] == ip
        assert exchange.agents.paths == 1
        await client.close()
        await exchange.sockets.stop()

    run(story)


def test_a_wrong_password_does_not_connect() -> None:
    async def story() -> None:
        exchange = Exchange()
        await exchange.sockets.start(["127.0.0.1"], 0)
        client = await full_agent(exchange, "127.0.0.1", password="x" * 32)
        connecting = asyncio.ensure_future(client.connect())
        while exchange.agents.refused["unauthorized"] < 2:
            exchange.heard.clear()
            await exchange.heard.wait()
        connecting.cancel()
        await asyncio.wait({connecting})
        assert exchange.agent.selected is None
        assert exchange.agents.paths == 0
        await client.close()
        await exchange.sockets.stop()

    run(story)


def test_a_client_that_comes_from_elsewhere_is_followed() -> None:
    """First without, then with new credentials of ours."""

    async def story() -> None:
        exchange = Exchange()
        await exchange.sockets.start(["127.0.0.1"], 0)
        clients = []
        for restart in (False, False, True):
            if restart:
                exchange.agent.restart()
            client = await full_agent(exchange, "127.0.0.1")
            clients.append(client)
            await client.connect()
            await client.send(b"media")
            assert await client.recv() == b"back: media"
        assert exchange.agents.paths == 3
        for client in clients:
            await client.close()
        await exchange.sockets.stop()

    run(story)


async def _frame(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))


def test_over_tcp() -> None:
    """No client library has TCP candidates of its own: the frames of RFC 4571 are made here."""

    async def story() -> None:
        exchange = Exchange()
        await exchange.sockets.start(["127.0.0.1"], 0, 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", exchange.sockets.tcp_port)

        def send(data: bytes) -> None:
            writer.write(len(data).to_bytes(2, "big") + data)

        def check(number: int, *more: tuple[int, bytes]) -> bytes:
            attributes = (
                (stun.USERNAME, f"{exchange.agent.ufrag}:them".encode()),
                (stun.ICE_CONTROLLING, bytes(8)),
                *more,
            )
            return stun.request(
                bytes((*bytes(11), number)), attributes, password=exchange.agent.password
            )

        send(stun.request(bytes(12), ((stun.USERNAME, b"nobody:them"), (0x8022, bytes(64)))))
        send(b"\x80media")
        assert await _frame(reader) == b"no"
        assert exchange.not_admitted == 1
        send(check(1, (stun.USE_CANDIDATE, b"")))
        answer = stun.parse(await _frame(reader))
        assert answer.kind == "success"
        assert answer.mapped_address() == writer.get_extra_info("sockname")
        assert answer.is_signed_with(exchange.agent.password)
        send(b"\x80media")
        assert await _frame(reader) == b"back: \x80media"

        client = await full_agent(exchange, "127.0.0.1")  # from TCP to UDP
        await client.connect()
        send(b"\x80media")
        assert await client.recv() == b"back: \x80media"
        send(check(2, (stun.USE_CANDIDATE, b"")))  # and back
        assert stun.parse(await _frame(reader)).kind == "success"
        await client.send(b"\x80media")
        assert await _frame(reader) == b"back: \x80media"
        writer.close()
        while exchange.agents.paths == 2:
            exchange.heard.clear()
            await exchange.heard.wait()
        await client.send(b"\x80media")
        assert await client.recv() == b"back: \x80media"
        await client.close()
        await exchange.sockets.stop()

    run(story)
