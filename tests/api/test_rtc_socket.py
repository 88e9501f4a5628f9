"""Where participants join: the checks of their requests, over a real server."""

from __future__ import annotations

import asyncio
import base64
import gzip
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from livekit.protocol.models import ClientInfo
from livekit.protocol.rtc import JoinRequest, WrappedJoinRequest
from tests.api.support import api, sign
from tests.api.test_websockets import refusal

from hookflash.access.grants import Claims
from hookflash.adapters.http import HttpServers
from hookflash.api.rtc_socket import RtcSocket
from hookflash.base.errors import ApiError
from hookflash.ports import MessageSocket
from hookflash.rooms.rules import MAX_ATTRIBUTES, MAX_METADATA
from hookflash.signalling.join import ClientJoin

PATHS = ("/rtc", "/rtc/v1")


class Backend:
    """Notes who comes; says what it hears."""

    def __init__(self) -> None:
        self.checked: list[tuple[Claims, ClientJoin]] = []
        self.joined: list[tuple[Claims, ClientJoin]] = []
        self.refusal: ApiError | None = None
        self.refused: list[str] = []

    async def check(self, claims: Claims, client: ClientJoin) -> None:
        self.checked.append((claims, client))
        if self.refusal is not None:
            raise self.refusal

    def join_refused(self, code: str) -> None:
        self.refused.append(code)

    async def session(self, claims: Claims, client: ClientJoin, socket: MessageSocket) -> None:
        self.joined.append((claims, client))
        socket.send(b"join")
        async for message in socket:
            socket.send(message)


Story = Callable[[Backend, str, aiohttp.ClientSession], Awaitable[Any]]


def run(story: Story) -> None:
    backend = Backend()
    rtc = RtcSocket(backend)
    sockets = rtc.sockets()
    with api(sockets=sockets, routes=rtc.routes()) as client:

        async def main() -> None:
            servers = HttpServers()
            await servers.start(client.app, ["127.0.0.1"], 0, websockets=sockets)
            async with aiohttp.ClientSession() as session:
                base = f"http://127.0.0.1:{servers.port}"
                await asyncio.wait_for(story(backend, base, session), 30)
            await servers.stop()

        client.runner.run(main())


def token(room: str = "lobby", sub: str = "ann", **video: Any) -> str:
    return sign({"video": {"roomJoin": True, "room": room, **video}}, sub=sub)


def wrapped(join: JoinRequest) -> str:
    packed = WrappedJoinRequest(
        compression=WrappedJoinRequest.GZIP, join_request=gzip.compress(join.SerializeToString())
    )
    return base64.urlsafe_b64encode(packed.SerializeToString()).decode().rstrip("=")


async def answers(
    base: str, session: aiohttp.ClientSession, path: str, query: str, bearer: str | None
) -> tuple[int, str]:
    """Of the upgrade, which is what `validate` says too."""
    headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
    status, text, _ = await refusal(base, session, path + query, **headers)
    async with session.get(f"{base}{path}/validate{query}", headers=headers) as answer:
        assert (answer.status, await answer.text()) == (status, text)
        assert answer.content_type == "text/plain"
    return status, text


def test_a_client_joins_by_either_way() -> None:
    async def story(backend: Backend, base: str, session: aiohttp.ClientSession) -> None:
        join = JoinRequest(client_info=ClientInfo(sdk=ClientInfo.SDK.JS))
        headers = {"Authorization": f"Bearer {token()}"}
        urls = (
            f"/rtc/v1?access_token={token()}&join_request={wrapped(join)}",
            f"//rtc?access_token={token()}&sdk=js",
        )
        for url in urls:
            async with session.ws_connect(base + url) as socket:
                assert await socket.receive_bytes() == b"join"
                await socket.send_bytes(b"ping")
                assert await socket.receive_bytes() == b"ping"
        async with session.ws_connect(base + "/rtc?sdk=js", headers=headers) as socket:
            assert await socket.receive_bytes() == b"join"
        assert backend.checked == backend.joined
        assert [client.single_connection for _, client in backend.joined] == [True, False, False]
        for claims, client in backend.joined:
            assert (claims.identity, client.room) == ("ann", "lobby")
            assert client.join.client_info.sdk == ClientInfo.SDK.JS

    run(story)


def test_validate_says_success() -> None:
    async def story(backend: Backend, base: str, session: aiohttp.ClientSession) -> None:
        for path in PATHS:
            url = f"{base}{path}/validate?access_token={token()}"
            async with session.get(url) as answer:
                assert (answer.status, await answer.text()) == (200, "success")
        assert len(backend.checked) == 2
        assert backend.joined == []

    run(story)


def test_whom_the_token_does_not_let_in() -> None:
    async def story(backend: Backend, base: str, session: aiohttp.ClientSession) -> None:
        for path in PATHS:
            denied = (401, "permissions denied")
            assert await answers(base, session, path, "", None) == denied
            for grants in ({}, {"video": {"room": "lobby"}}, {"video": {"roomJoin": False}}):
                assert await answers(base, session, path, "", sign(grants, sub="a")) == denied
            assert backend.refused[-4:] == ["unauthenticated"] * 4
            assert await answers(base, session, path, "?room=a", token(room="", sub="")) == (
                400,
                "participant identity cannot be empty",
            )
            wrong = (401, "invalid authorization token")
            assert await answers(base, session, path, "", "nonsense") == wrong
            assert await answers(base, session, path, "", token(room="")) == (400, "no room name")
            assert await answers(base, session, path, "", token(room="r" * 257)) == (
                400,
                "room name length exceeds limits: max length 256",
            )
        assert backend.checked == []

    run(story)


def test_the_tokens_room_is_the_room() -> None:
    async def story(backend: Backend, base: str, session: aiohttp.ClientSession) -> None:
        for room, found in (("lobby", "lobby"), ("", "other")):
            url = f"{base}/rtc?room=other&access_token={token(room=room)}"
            async with session.ws_connect(url):
                assert backend.joined.pop()[1].room == found

    run(story)


def test_what_cannot_be_read_or_is_too_much() -> None:
    async def story(backend: Backend, base: str, session: aiohttp.ClientSession) -> None:
        async def refused(join: JoinRequest, **video: Any) -> tuple[int, str]:
            query = f"?join_request={wrapped(join)}"
            return await answers(base, session, "/rtc/v1", query, token(**video))

        bad = (400, "cannot base64 decode wrapped join request")
        assert await answers(base, session, "/rtc/v1", "?join_request=!", token()) == bad
        attributes = JoinRequest(participant_attributes={"a": "b"})
        metadata = JoinRequest(metadata="m")
        for join in (attributes, metadata):
            assert await refused(join) == (401, "permissions denied")
        own: dict[str, Any] = {"canUpdateOwnMetadata": True}
        big = JoinRequest(participant_attributes={"a": "b" * MAX_ATTRIBUTES})
        assert await refused(big, **own) == (
            400,
            f"attribute size exceeds limits {MAX_ATTRIBUTES}",
        )
        large = JoinRequest(metadata="m" * (MAX_METADATA + 1))
        assert (await refused(large, **own))[0] == 400
        url = f"{base}/rtc/v1?access_token={token(**own)}&join_request={wrapped(attributes)}"
        async with session.ws_connect(url):
            assert backend.joined[0][1].join.participant_attributes == {"a": "b"}

    run(story)


def test_what_the_rooms_refuse_is_the_answer() -> None:
    async def story(backend: Backend, base: str, session: aiohttp.ClientSession) -> None:
        for code, status in (
            ("not_found", 404),
            ("resource_exhausted", 429),
            ("permission_denied", 403),
            ("unavailable", 503),
        ):
            backend.refusal = ApiError(code, "twirp error unknown: the text of it")
            for path in PATHS:
                found = await answers(base, session, path, "", token())
                assert found == (status, "the text of it")
        assert backend.joined == []

    run(story)


def test_without_an_upgrade_there_is_nothing() -> None:
    async def story(backend: Backend, base: str, session: aiohttp.ClientSession) -> None:
        for path in PATHS:
            async with session.get(f"{base}{path}?access_token={token()}") as answer:
                assert answer.status == 404
        assert backend.checked == []

    run(story)
