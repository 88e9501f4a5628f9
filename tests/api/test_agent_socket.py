"""`/agent` and `GET /hookflash/agents`, over a real server."""

from __future__ import annotations

import asyncio
import gc
from contextlib import AsyncExitStack

import aiohttp
import pytest
import uvloop
from livekit.protocol.agent import AvailabilityRequest, WorkerMessage, WorkerPing, WorkerPong
from tests.interop.support.waiting import wait_until
from tests.support.lab import Lab, run
from tests.support.worker import agent_token, connected

from hookflash.adapters.http_guard import GuardedHttp
from hookflash.adapters.http_websocket import GuardedWebSocket
from hookflash.api.websockets import WebSocket


async def refused(lab: Lab, token: str | None) -> tuple[int, str]:
    """Of an upgrade."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    url = f"http://127.0.0.1:{lab.server.http_port}/agent"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
            await session.ws_connect(url, headers=headers)
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        async with session.get(url, headers={**headers, **upgrade}) as answer:
            assert answer.status == raised.value.status
            return answer.status, await answer.text()


def test_a_token_with_the_agent_grant_is_needed_and_an_upgrade() -> None:
    async def check(lab: Lab) -> None:
        assert await refused(lab, None) == (401, "permissions denied")
        assert await refused(lab, agent_token(room_admin=True)) == (401, "permissions denied")
        assert await refused(lab, "nonsense") == (401, "invalid authorization token")
        url = f"http://127.0.0.1:{lab.server.http_port}/agent"
        async with aiohttp.ClientSession() as session:
            for method in ("GET", "POST"):
                bearer = {"Authorization": f"Bearer {agent_token()}"}
                async with session.request(method, url, headers=bearer) as answer:
                    assert answer.status == 404

    run(check)


def test_a_worker_registers_in_either_form() -> None:
    async def check(lab: Lab) -> None:
        for as_json in (False, True):
            async with connected(lab.server.http_port, as_json=as_json) as worker:
                assert (await worker.register()).startswith("AW_")
                await worker.say(ping=WorkerPing(timestamp=7))
                assert (await worker.hear(WorkerPong)).last_timestamp == 7

    run(check)


def test_a_worker_that_changes_its_form_is_answered_in_the_new_one() -> None:
    async def check(lab: Lab) -> None:
        async with connected(lab.server.http_port) as worker:
            await worker.register()
            await worker.socket.send_str('{"ping": {"timestamp": "1"}}')
            assert '"lastTimestamp":"1"' in await worker.socket.receive_str()
            await worker.say(ping=WorkerPing(timestamp=2))
            assert (await worker.hear(WorkerPong)).last_timestamp == 2

    run(check)


def test_whoever_cannot_be_read_is_closed() -> None:
    async def check(lab: Lab) -> None:
        for frame in (b"\xff", "nonsense"):
            async with connected(lab.server.http_port) as worker:
                await worker.register()
                if isinstance(frame, bytes):
                    await worker.socket.send_bytes(frame)
                else:
                    await worker.socket.send_str(frame)
                await worker.socket.receive()
                assert worker.socket.close_code == 1007
        async with connected(lab.server.http_port) as worker:
            await worker.say(register=WorkerMessage(register={"type": 9}).register)
            await worker.socket.receive()
            assert worker.socket.close_code == 1008

    run(check)


def test_the_workers_and_what_waits_are_shown_to_who_may_list_rooms() -> None:
    async def check(lab: Lab) -> None:
        url = f"http://127.0.0.1:{lab.server.http_port}/hookflash/agents"
        async with aiohttp.ClientSession() as session:
            for token in (None, agent_token(room_admin=True)):
                headers = {} if token is None else {"Authorization": f"Bearer {token}"}
                async with session.get(url, headers=headers) as answer:
                    assert answer.status == 401
                    assert (await answer.json())["code"] == "unauthenticated"
            bearer = {"Authorization": f"Bearer {agent_token(room_list=True)}"}
            async with session.get(url, headers=bearer) as answer:
                assert await answer.json() == {"workers": [], "waiting": []}

    run(check)


def test_the_end_of_the_exchange_is_told() -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            async with Lab() as lab:
                worker = await stack.enter_async_context(connected(lab.server.http_port))
                await worker.register()
                heard = asyncio.create_task(worker.socket.receive())
            await heard
            assert worker.socket.close_code == 1001

    uvloop.run(main())


def test_an_unnamed_worker_is_asked_for_every_room() -> None:
    async def check(lab: Lab) -> None:
        async with connected(lab.server.http_port) as worker:
            await worker.register("")
            for name in ("one", "two"):
                lab.server.rooms.create(name)
                assert (await worker.hear(AvailabilityRequest)).job.room.name == name

    run(check)


OF_A_SOCKET = (GuardedHttp, GuardedWebSocket, WebSocket)


def nothing_left() -> bool:
    """Of sockets, though no garbage is looked for."""
    return not any(isinstance(one, OF_A_SOCKET) for one in gc.get_objects())


@pytest.mark.parametrize("broken", [False, True])
def test_a_socket_that_is_over_leaves_no_garbage(*, broken: bool) -> None:
    """Thousands come and go before garbage is looked for."""

    async def check(lab: Lab) -> None:
        gc.collect()
        gc.disable()
        try:
            async with connected(lab.server.http_port) as worker:
                await worker.register()
                if broken:
                    transport = worker.socket._writer.transport
                    assert transport is not None
                    transport.abort()
            await wait_until(nothing_left, "the end of the socket's parts")
        finally:
            gc.enable()

    run(check)
