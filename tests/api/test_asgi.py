from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest

from hookflash.api.asgi import (
    TEXT,
    Disconnected,
    Message,
    TooLarge,
    read_body,
    respond,
    respond_in_pieces,
)


def body(*pieces: bytes, headers: dict[bytes, bytes] | None = None, ends: bool = True) -> bytes:
    def messages() -> Iterator[Any]:
        for index, piece in enumerate(pieces):
            more = not ends or index + 1 < len(pieces)
            yield {"type": "http.request", "body": piece, "more_body": more}
        yield {"type": "http.disconnect"}

    waiting = messages()

    async def receive() -> Any:
        return next(waiting)

    return asyncio.run(read_body(receive, headers or {}, limit=10))


def test_whole_bodies() -> None:
    assert body(b"abc") == b"abc"
    assert body(b"abc", b"", b"de") == b"abcde"
    assert body(b"x" * 10, headers={b"content-length": b"10"}) == b"x" * 10
    assert body(b"abc", headers={b"content-length": b"many"}) == b"abc"


@pytest.mark.parametrize("announced", [b"11", b"9" * 30])
def test_announced_too_large(announced: bytes) -> None:
    with pytest.raises(TooLarge):
        body(b"abc", headers={b"content-length": announced})


def test_too_large_as_it_comes() -> None:
    with pytest.raises(TooLarge):
        body(b"x" * 11)
    with pytest.raises(TooLarge):
        body(b"x" * 6, b"x" * 6)


def test_a_client_that_goes_away() -> None:
    with pytest.raises(Disconnected):
        body()
    with pytest.raises(Disconnected):
        body(b"abc", ends=False)


def test_respond() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(respond(send, 200, b"a/b", b"xyz", {b"x": b"y"}))
    assert sent[0]["headers"] == [
        (b"content-type", b"a/b"),
        (b"content-length", b"3"),
        (b"x", b"y"),
    ]
    assert sent[1]["body"] == b"xyz"


def test_a_body_in_pieces_has_its_length_and_an_end() -> None:
    async def sent(pieces: list[bytes]) -> list[Message]:
        messages: list[Message] = []

        async def send(message: Message) -> None:
            messages.append(message)

        await respond_in_pieces(send, 200, TEXT, deque(pieces))
        return messages

    start, *bodies = asyncio.run(sent([b"one", b"two"]))
    assert dict(start["headers"])[b"content-length"] == b"6"
    assert [(body["body"], body["more_body"]) for body in bodies] == [
        (b"one", True),
        (b"two", False),
    ]
    start, *bodies = asyncio.run(sent([]))
    assert dict(start["headers"])[b"content-length"] == b"0"
    assert [(body["body"], body["more_body"]) for body in bodies] == [(b"", False)]
