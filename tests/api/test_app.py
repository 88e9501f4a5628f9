from __future__ import annotations

import asyncio
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.api.support import Answer, api, sign

TEXT = "text/plain; charset=utf-8"
JSON = {"content-type": "application/json"}
ADMIN = {"sip": {"admin": True}}


def test_root_says_whether_all_is_well() -> None:
    well = True
    with api(healthy=lambda: well) as client:
        answer = client.http("GET", "/")
        assert (answer.status, answer.body, answer.content_type) == (200, b"OK", TEXT)
        assert client.http("GET", "/", headers={"authorization": "nonsense"}).status == 200
        well = False
        answer = client.http("GET", "/")
        assert (answer.status, answer.body) == (406, b"Not Ready")


def test_unknown_paths() -> None:
    with api() as client:
        for path in (
            *("/settings/regions", "/twirp", "/hookflash", "/twirp/livekit.Nope/A"),
            *("/rtc", "/rtc/validate"),
        ):
            answer = client.http("POST", path, b"", JSON)
            assert (answer.status, answer.body) == (404, b"404 page not found\n")
            assert answer.content_type == TEXT
        assert client.http("DELETE", "/").status == 405


def test_a_doubled_slash_is_one() -> None:
    with api() as client:
        token = {"authorization": "Bearer " + sign(ADMIN)}
        answer = client.http(
            "POST", "//twirp/livekit.SIP/ListSIPInboundTrunk", b"{}", {**JSON, **token}
        )
        assert (answer.status, answer.json) == (200, {"items": []})


def test_the_token_may_be_a_parameter() -> None:
    path = "/twirp/livekit.SIP/ListSIPInboundTrunk"
    with api() as client:
        good = client.http("POST", f"{path}?access_token={sign(ADMIN)}", b"{}", JSON)
        assert good.status == 200
        bad = client.http("POST", f"{path}?x=1&access_token=abc", b"{}", JSON)
        assert (bad.status, bad.body) == (401, b"invalid authorization token")
        none = client.http("POST", f"{path}?access_token=", b"{}", JSON)
        assert none.json["code"] == "unauthenticated"


def test_a_bad_token_is_refused_before_routing_and_never_repeated() -> None:
    token = sign(ADMIN, exp=int(time.time()) - 3600)
    with api() as client:
        for path in ("/twirp/livekit.SIP/Nope", "/settings/regions", "/hookflash/transfers"):
            answer = client.http("GET", path, b"", {"authorization": f"Bearer {token}"})
            assert (answer.status, answer.content_type) == (401, TEXT)
            assert token.encode() not in answer.body
            assert answer.body.endswith(b"token is expired")


def allowed(answer: Answer) -> bytes | None:
    return answer.headers.get(b"access-control-allow-origin")


def test_cors() -> None:
    with api() as client:
        preflight = client.http(
            "OPTIONS",
            "/twirp/livekit.SIP/ListSIPInboundTrunk",
            b"",
            {
                "origin": "https://a",
                "access-control-request-method": "POST",
                "access-control-request-headers": "authorization",
            },
        )
        assert (preflight.status, allowed(preflight)) == (204, b"*")
        assert preflight.headers[b"access-control-max-age"] == b"86400"
        assert preflight.headers[b"access-control-allow-headers"] == b"authorization"
        for path in ("/", "/twirp/livekit.SIP/Nope", "/nope"):
            assert allowed(client.http("POST", path, b"", {"origin": "https://a"})) == b"*"
            assert allowed(client.http("POST", path, b"")) is None
        assert client.http("OPTIONS", "/twirp/livekit.SIP/Nope").json["code"] == "bad_route"
        bare = client.http(
            "OPTIONS", "/", b"", {"origin": "https://a", "access-control-request-method": "POST"}
        )
        assert b"access-control-allow-headers" not in bare.headers


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


def test_further_routes() -> None:
    with api(routes=[Route("/hello", hello)]) as client:
        assert client.http("GET", "/hello").body == b"hello"


def test_lifespan() -> None:
    with api() as client:
        sent: list[Any] = []
        waiting = iter(({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}))

        async def receive() -> Any:
            return next(waiting)

        async def send(message: Any) -> None:
            sent.append(message["type"])

        async def life() -> None:
            await client.app({"type": "lifespan"}, receive, send)

        client.runner.run(asyncio.wait_for(life(), 5))
        assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
