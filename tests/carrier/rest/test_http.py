"""A carrier's REST over HTTP: what is read, and who is told of a change. With a switch that obeys:
tests/carrier/twilio/test_http.py and tests/carrier/telnyx/test_http.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession
from starlette.applications import Starlette
from starlette.requests import Request

from hookflash.adapters.http import HttpServers
from hookflash.carrier.config import TrunkConfig
from hookflash.carrier.manners import CarrierManners, Profile
from hookflash.carrier.rest.http import (
    LONGEST,
    MOST_PARAMS,
    media_type,
    read_body,
    read_params,
    rest_routes,
)
from hookflash.carrier.rest.messages import RestAnswer, RestFaceError, RestRequest


class OwnRefusalError(RestFaceError):
    """Of no carrier."""

    @property
    def body(self) -> dict[str, Any]:
        return {"error": self.text}


class Server:
    """Remembers what it is told."""

    profile = Profile("plain", "Plain", CarrierManners(), ())

    def __init__(self) -> None:
        self.told: list[Sequence[TrunkConfig]] = []

    def now(self) -> float:
        return 7.0

    def serve(self, trunks: Sequence[TrunkConfig]) -> None:
        self.told.append(trunks)


def refused(status: int, text: str) -> OwnRefusalError:
    return OwnRefusalError(status, text)


TRUNKS = [TrunkConfig("a", (), None)]
ANSWERS = {
    "/v1/good": RestAnswer(200, {"at": 7.0}),
    "/v1/gone": RestAnswer(204),
    "/v1/who": RestAnswer(401, {}),
}


@asynccontextmanager
async def client(server: Server) -> AsyncIterator[ClientSession]:
    async def read(request: Request) -> RestRequest:
        return RestRequest(request.method, request.url.path)

    def answer(now: float, request: RestRequest) -> RestAnswer:
        assert now == 7.0
        if request.path not in ANSWERS:
            raise OwnRefusalError(404, "nothing there")
        return ANSWERS[request.path]

    challenge = {"WWW-Authenticate": "Bearer"}
    routes = rest_routes(("v1",), server, lambda: TRUNKS, read, answer, challenge)
    servers = HttpServers()
    await servers.start(Starlette(routes=routes), ["127.0.0.1"], 0)
    try:
        async with ClientSession(f"http://127.0.0.1:{servers.port}") as session:
            yield session
    finally:
        await servers.stop()


def test_the_carrier_is_told_of_changes_that_are_made() -> None:
    server = Server()

    async def check() -> None:
        async with client(server) as session:

            async def ask(method: str, path: str) -> tuple[int, bytes, str]:
                async with session.request(method, path) as found:
                    told = found.headers.get("www-authenticate", "")
                    return found.status, await found.read(), told

            assert await ask("GET", "/v1/good") == (200, b'{"at":7.0}', "")
            assert await ask("POST", "/v1/none") == (404, b'{"error":"nothing there"}', "")
            assert await ask("PATCH", "/v1/who") == (401, b"{}", "Bearer")
            assert server.told == []
            assert (await ask("PATCH", "/v1/good"))[0] == 200
            assert await ask("DELETE", "/v1/gone") == (204, b"", "")
            assert server.told == [TRUNKS, TRUNKS]
            assert (await ask("GET", "/v2/good"))[0] == 404

    asyncio.run(check())


def body_of(pieces: Sequence[bytes], kind: str = "") -> bytes:
    left = list(pieces)

    async def receive() -> dict[str, Any]:
        piece = left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    scope = {"type": "http", "headers": [(b"content-type", kind.encode())]}
    request = Request(scope, receive)
    assert media_type(request) == kind.partition(";")[0].strip().lower()
    return asyncio.run(read_body(request, refused))


def test_a_body_has_an_end() -> None:
    assert body_of([b"a", b"b"], "Application/JSON ; charset=utf-8") == b"ab"
    assert len(body_of([b"x" * LONGEST])) == LONGEST
    with pytest.raises(OwnRefusalError) as caught:
        body_of([b"x" * LONGEST, b"x", b"never asked for"])
    assert caught.value.status == 413


def test_parameters_by_name() -> None:
    assert read_params("query", b"a=1&a=2&b=&c=%C3%A9", refused) == {"a": "2", "b": "", "c": "é"}
    for wrong in (b"a=%ff", b"a=\xff", b"&".join([b"a=1"] * (MOST_PARAMS + 1))):
        with pytest.raises(OwnRefusalError, match="at most 100 parameters, in UTF-8"):
            read_params("query", wrong, refused)
