"""The sound of a telephone over HTTP: a WebSocket, at whose other end a person speaks and listens.

`GET /sound?number=%2B14155550100`. Each message, in either direction, is what comes next: int16
samples, the lower octet first, at 8 kHz. When it ends, the telephone hangs up.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import numpy as np
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..audio.tone_bank import Pcm
from .agent import CarrierError
from .http_face import error_answer
from .people import OccupiedError, People
from .person import Person

PATH: Final = "/sound"
LONGEST: Final = 3200
"""Octets of a message: 200 ms."""
WAITING: Final = 25
"""Packets that wait for a terminal that does not read them; the oldest are lost then."""
UNSUPPORTED: Final = 1003
"""Close code for what is no sound (RFC 6455 §7.4.1)."""


def sound_routes(people: People) -> list[WebSocketRoute]:
    """For `http_face.http_app`; whoever serves it allows a WebSocket at `PATH`."""

    async def attended(socket: WebSocket) -> None:
        number = socket.query_params.get("number", "")
        if "origin" in socket.headers:  # a page in a browser may open one anywhere
            await _deny(socket, 403, "this is not for pages in a browser")
            return
        heard = Heard()
        try:
            person = people.come(number, heard.put)
        except CarrierError as error:
            status = 409 if isinstance(error, OccupiedError) else 404
            await _deny(socket, status, str(error))
            return
        try:
            with contextlib.suppress(WebSocketDisconnect):  # it is gone while it is answered
                await socket.accept()
                await _exchange(socket, person, heard)
        finally:
            people.leave(person)

    return [WebSocketRoute(PATH, attended)]


class Heard:
    """What waits to be sent to a terminal."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()

    def put(self, samples: Pcm) -> None:
        """The next packet."""
        if self._queue.qsize() >= WAITING:
            self._queue.get_nowait()
        self._queue.put_nowait(samples.astype("<i2").tobytes())

    async def get(self) -> bytes:
        """The next message."""
        return await self._queue.get()


async def _exchange(socket: WebSocket, person: Person, heard: Heard) -> None:
    """Until the terminal closes it, or says what is no sound."""
    sending = asyncio.get_running_loop().create_task(_send(socket, heard))
    try:
        while (message := await socket.receive())["type"] == "websocket.receive":
            data = message.get("bytes")
            if data is None or len(data) % 2 or len(data) > LONGEST:
                await socket.close(UNSUPPORTED)
                return
            person.says(np.frombuffer(data, "<i2").astype(np.int16))
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _send(socket: WebSocket, heard: Heard) -> None:
    while True:
        await socket.send_bytes(await heard.get())


async def _deny(socket: WebSocket, status: int, text: str) -> None:
    await socket.receive()  # websocket.connect
    with contextlib.suppress(WebSocketDisconnect):
        await socket.send_denial_response(error_answer(status, text))
