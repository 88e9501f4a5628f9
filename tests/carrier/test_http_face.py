"""The carrier over HTTP, without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from hookflash.carrier.agent import CarrierError
from hookflash.carrier.config import PhoneConfig
from hookflash.carrier.conversation import Conversation, PhoneEnd
from hookflash.carrier.http_face import LONGEST, http_app
from hookflash.carrier.telephone import Telephone

CALLER, CALLED = "+14155550100", "+15105550123"


class Book:
    """One telephone and one call."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    def listing(self) -> list[dict[str, object]]:
        return [{"id": "CA_1"}]

    def call(self, number: str, dialled: str) -> Conversation:
        if number != CALLER:
            raise CarrierError(f"no telephone has the number {number}")
        end = PhoneEnd("PH_1", Telephone(PhoneConfig(number)))
        return Conversation("CA_1", end, end, number, dialled, 0.0)

    def end_call(self, call_id: str) -> None:
        if call_id != "CA_1":
            raise CarrierError(f"there is no call {call_id}")
        self.ended.append(call_id)


def ask(
    method: str,
    path: str,
    body: bytes = b"",
    kind: str = "application/json",
    book: Book | None = None,
) -> tuple[int, Any]:
    """Status, and the body as JSON."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "headers": headers}
    scope["query_string"] = b""
    asyncio.run(http_app(book or Book())(scope, receive, send))
    answer = b"".join(one.get("body", b"") for one in sent[1:])
    return sent[0]["status"], json.loads(answer) if answer[:1] == b"{" else answer.decode()


def test_the_calls_as_json() -> None:
    assert ask("GET", "/calls") == (200, {"calls": [{"id": "CA_1"}]})
    assert ask("GET", "/call")[0] == 404
    assert ask("PUT", "/calls")[0] == 405


def test_a_telephone_calls() -> None:
    body = json.dumps({"caller": CALLER, "called": CALLED}).encode()
    assert ask("POST", "/calls", body) == (201, {"id": "CA_1"})
    status, answer = ask("POST", "/calls", body, "text/plain")
    assert status == 415, "a page in a browser may send that anywhere"
    assert answer == {"error": "the body is to be application/json"}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "Expecting value"),
        (b"[]", "body: [] is not allowed; allowed: a mapping"),
        (b"{}", "caller: None is not allowed; allowed: a number such as"),
        (b'{"caller": "+1415", "called": 7}', "called: 7 is not allowed"),
        (b'{"caller": "+1415", "called": "+1415", "x": 1}', "body: 'x' is unknown"),
        (b'{"caller": "+1415", "called": "+1415"}', "no telephone has the number +1415"),
        (b" " * (LONGEST + 1), "the body is too long"),
    ],
)
def test_what_cannot_be_done(body: bytes, fault: str) -> None:
    status, answer = ask("POST", "/calls", body)
    assert status == 400
    assert fault in answer["error"]


def test_a_call_is_ended() -> None:
    book = Book()
    assert ask("DELETE", "/calls/CA_1", book=book) == (204, "")
    assert book.ended == ["CA_1"]
    assert ask("DELETE", "/calls/CA_2") == (404, {"error": "there is no call CA_2"})
