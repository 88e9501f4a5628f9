"""The carrier over HTTP, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from hookflash.carrier.http_face import http_app


def get(path: str, method: str = "GET") -> tuple[int, bytes]:
    """Status and body."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
    asyncio.run(http_app(lambda: [{"id": "CA_1"}])(scope, receive, send))
    return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:])


def test_the_calls_as_json() -> None:
    assert get("/calls") == (200, b'{"calls":[{"id":"CA_1"}]}')
    assert get("/calls", "POST")[0] == 405
    assert get("/call")[0] == 404
