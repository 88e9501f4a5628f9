from __future__ import annotations

import asyncio
import threading

import pytest
from google.protobuf.message import Message
from livekit.protocol.models import Room
from livekit.protocol.room import CreateRoomRequest
from structlog.testing import capture_logs
from tests.api.support import api, sign
from tests.support.manual_clock import ManualClock

from hookflash.access.grants import Claims
from hookflash.api.context import LARGE, Context, Method, Service
from hookflash.api.twirp_service import MAX_REQUEST_ID, UNIMPLEMENTED, TwirpRoutes
from hookflash.base.counts import MOST_ENTRIES, MOST_VALUES
from hookflash.twirp.codec import decode


def signed() -> dict[str, str]:
    return {"authorization": "Bearer " + sign({"sip": {"admin": True}})}


LIST = "/twirp/livekit.SIP/ListSIPInboundTrunk"
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_only_post(method: str) -> None:
    with api() as client:
        for path in (LIST, "/twirp/livekit.SIP/Nope", "/twirp/livekit.Egress/StartEgress"):
            answer = client.http(method, path)
            assert answer.status == 404
            assert answer.json == {
                "code": "bad_route",
                "msg": f'unsupported method "{method}" (only POST is allowed)',
                "meta": {"twirp_invalid_route": f"{method} {path}"},
            }


@pytest.mark.parametrize(
    "path", ["/twirp/livekit.SIP/Nope", "/twirp/livekit.SIP/", "/twirp/livekit.SIP", LIST + "/"]
)
def test_no_such_method(path: str) -> None:
    with api() as client:
        answer = client.http("POST", path, b"{}", JSON)
        assert answer.json["msg"] == f'no handler for path "{path}"'


@pytest.mark.parametrize("name", UNIMPLEMENTED)
def test_services_that_are_not_there_say_so(name: str) -> None:
    with api() as client:
        answer = client.http("POST", f"/twirp/livekit.{name}/StartIt", b"{}", JSON)
        assert answer.status == 501
        assert answer.json == {
            "code": "unimplemented",
            "msg": f"{name}.StartIt is not implemented by Hookflash",
        }


def test_content_types_are_exact() -> None:
    token = signed()
    with api() as client:
        for sent, answered in (
            ("application/json;charset=UTF-8", "application/json"),
            ("Application/Protobuf", "application/protobuf"),
        ):
            body = b"" if "Proto" in sent else b"{}"
            answer = client.http("POST", LIST, body, {"content-type": sent, **token})
            assert (answer.status, answer.content_type) == (200, answered)
            assert answer.headers[b"content-length"] == b"%d" % len(answer.body)
        refused = client.http("POST", LIST, b"\xff", {"content-type": "application/protobuf"})
        assert (refused.content_type, refused.json["code"]) == ("application/json", "malformed")
        assert client.http("POST", LIST, b"{}").json["msg"] == 'unexpected Content-Type: ""'


def test_bodies_too_large_and_cut_short() -> None:
    with api() as client:
        piece = b"x" * (6 * 1024 * 1024)
        answer = client.http("POST", LIST, [piece, piece], {**JSON, **signed()})
        assert (answer.status, answer.body) == (413, b"request body too large")
        assert answer.content_type == "text/plain; charset=utf-8"
        cut = client.http("POST", LIST, [], JSON)
        assert (cut.status, cut.json["msg"]) == (400, "failed to read request body")


def test_a_large_body_is_read_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    readers: list[int] = []

    def noticed(kind: str, body: bytes, message_type: type[Message]) -> Message:
        readers.append(threading.get_ident())
        return decode(kind, body, message_type)

    monkeypatch.setattr("hookflash.api.twirp_service.decode", noticed)
    with api() as client:
        numbers = [f"+1{number:07d}" for number in range(LARGE // 10)]
        made = client.call("CreateSIPInboundTrunk", {"trunk": {"numbers": numbers}})
        assert made.json["numbers"] == numbers
        assert client.call("ListSIPInboundTrunk").status == 200
        bad = client.http("POST", LIST, b"{" * (LARGE + 1), {**JSON, **signed()})
        assert (bad.status, bad.json["code"]) == (400, "malformed")
    here = threading.get_ident()
    assert [reader == here for reader in readers] == [False, True, False]


def test_a_large_body_without_a_token_is_not_read_at_all() -> None:
    with api() as client:
        answers = [
            client.http("POST", LIST, body, JSON)
            for body in (b"{}", b"{" + b" " * (LARGE - 1), b"{" * (LARGE + 1))
        ]
    assert [answer.json["code"] for answer in answers] == [
        "unauthenticated",
        "malformed",
        "unauthenticated",
    ]


def test_json_of_many_values_is_read_beside_the_loop_and_only_with_the_grant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Thirty kilobytes of empty objects took 40 ms of it, without a token too."""
    readers: list[int] = []

    def noticed(kind: str, body: bytes, message_type: type[Message]) -> Message:
        readers.append(threading.get_ident())
        return decode(kind, body, message_type)

    monkeypatch.setattr("hookflash.api.twirp_service.decode", noticed)
    create, few = "/twirp/livekit.RoomService/CreateRoom", MOST_VALUES // 2 - 2
    token = sign({"video": {"roomCreate": True}})
    with api() as client:
        codes = [
            client.http("POST", create, b'{"agents":[' + b"{}," * count + b"{}]}", headers).json[
                "code"
            ]
            for count in (few, few + 1, MOST_ENTRIES)
            for headers in (JSON, {**JSON, "authorization": f"Bearer {token}"})
        ]
    assert codes == [*["unauthenticated", "invalid_argument"] * 3]
    here = threading.get_ident()
    assert [reader == here for reader in readers] == [True, True, False, False]


def test_one_body_at_a_time_is_read_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six at once left the loop 5 ms in each 30."""
    reading: list[int] = []
    most: list[int] = []
    body = b"{" + b" " * LARGE + b"}"

    async def story() -> None:
        loop = asyncio.get_running_loop()

        def slow(kind: str, body: bytes, message_type: type[Message]) -> Message:
            reading.append(1)
            for _ in range(3):  # the others have had their turns of the loop
                asyncio.run_coroutine_threadsafe(nothing(), loop).result()
            most.append(len(reading))
            reading.pop()
            return decode(kind, body, message_type)

        async def nothing() -> None:
            pass

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": body}

        async def send(message: object) -> None:
            pass

        monkeypatch.setattr("hookflash.api.twirp_service.decode", slow)
        routes = TwirpRoutes([Seen().service()], ManualClock())
        headers = {b"content-type": b"application/json"}
        ask = ("POST", "/twirp/livekit.Test/Do", headers, Claims("key", "ann"), receive, send)
        await asyncio.gather(*(routes.answer(*ask) for _ in range(3)))

    asyncio.run(story())
    assert most == [1, 1, 1]


class Seen:
    def __init__(self) -> None:
        self.context: Context | None = None

    async def handler(self, context: Context, request: CreateRoomRequest) -> Message:
        self.context = context
        if request.name == "bug":
            raise KeyError("a bug of ours")
        return Room(name=request.name)

    def service(self) -> Service:
        return Service(
            "livekit.Test", {"Do": Method(CreateRoomRequest, self.handler, lambda claims: claims)}
        )


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("2500", 2.5),
        (" 2500 ", 2.5),
        ("0", None),
        ("-1", None),
        ("x", None),
        ("", None),
        ("9" * 20, None),
    ],
)
def test_deadline_and_request_id(header: str, wait: float | None) -> None:
    seen = Seen()
    with api(services=[seen.service()]) as client:
        headers = {**JSON, "x-twirp-timeout-ms": header, "x-livekit-request-id": "uuid"}
        answer = client.http("POST", "/twirp/livekit.Test/Do", b'{"name":"n"}', headers)
        assert answer.json["name"] == "n"
        assert seen.context is not None
        assert (seen.context.wait, seen.context.request_id) == (wait, "uuid")
        assert seen.context.claims is None


def test_a_request_id_has_so_many_characters() -> None:
    """It is kept for a day."""
    seen = Seen()
    with api(services=[seen.service()]) as client:
        for length, status in ((MAX_REQUEST_ID, 200), (MAX_REQUEST_ID + 1, 400)):
            headers = {**JSON, "x-livekit-request-id": "i" * length}
            answer = client.http("POST", "/twirp/livekit.Test/Do", b"{}", headers)
            assert answer.status == status
        assert answer.json["code"] == "invalid_argument"
        assert "at most 128" in answer.json["msg"]


def test_a_bug_is_logged_and_answered() -> None:
    with api(services=[Seen().service()]) as client, capture_logs() as lines:
        answer = client.http("POST", "/twirp/livekit.Test/Do", b'{"name":"bug"}', JSON)
        assert answer.status == 500
        assert answer.json == {"code": "internal", "msg": "Internal service panic"}
        assert [line["event"] for line in lines] == ["request_failed"]
