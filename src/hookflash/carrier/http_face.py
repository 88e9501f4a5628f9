"""The carrier over HTTP: what goes on, and its telephones, as JSON.

REST faces of real carriers are further routes. Nobody but they asks for a password: it is to listen
on loopback. A page in a browser cannot begin calls: it may not send JSON elsewhere unasked.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..base.errors import ConfigError
from . import reading
from .agent import CarrierError
from .config import PhoneConfig
from .conversation import Conversation
from .recordings import Recordings
from .speaking import Speaker
from .speech import Speech
from .wave_files import read_wave

LONGEST = 10_000
"""Octets of a body."""
NOT_JSON = "the body is to be application/json"
LONGEST_CALL = 3_000_000
"""Octets of a body that says what a telephone says: two minutes at 8 kHz, in base64."""


class CallBook(Protocol):
    """The carrier, as far as HTTP sees it (`service.CarrierService`)."""

    recordings: Recordings
    speaker: Speaker

    def listing(self) -> list[dict[str, object]]:
        """Every call that lives, as JSON has it."""
        ...

    def call(
        self, number: str, dialled: str, speech: Speech | None = None, *, records: bool = False
    ) -> Conversation:
        """A telephone calls; raises CarrierError where there is none with this number."""
        ...

    def end_call(self, call_id: str) -> None:
        """Everybody in this call is hung up on; raises CarrierError where there is no such call."""
        ...

    def telephone(self, number: str) -> PhoneConfig:
        """That with this number, however it is written; raises CarrierError where there is none."""
        ...

    def press(self, number: str, keys: str) -> None:
        """A telephone presses keys; raises CarrierError where it talks to nobody."""
        ...

    def hold(self, number: str, *, held: bool) -> None:
        """A telephone puts the other side on hold, or takes it back; raises CarrierError where it
        is in no call."""
        ...


def http_app(carrier: CallBook, routes: Sequence[BaseRoute] = ()) -> Starlette:
    """`/calls`, `/telephones`, and what else there is."""
    return Starlette(routes=[*_calls(carrier), *_telephones(carrier), *routes])


def _calls(carrier: CallBook) -> list[Route]:
    async def listed(_: Request) -> Response:
        return JSONResponse({"calls": carrier.listing()})

    async def made(request: Request) -> Response:
        """`{"caller": "+1…", "called": "+1…"}`; `says`: a text, or `wave`: a WAV file in base64;
        `records`: whether it records."""
        if not _is_json(request):
            return error_answer(415, NOT_JSON)
        try:
            values = reading.read("body", await json_body(request, LONGEST_CALL), reading.mapping)
            reading.only("body", values, ("caller", "called", "says", "wave", "records"))
            caller = reading.read("caller", values.get("caller"), reading.number)
            called = reading.read("called", values.get("called"), reading.number)
            records = reading.read("records", values.get("records", False), reading.boolean)
            speech = await _speech(carrier.speaker, values)
            conversation = carrier.call(caller, called, speech, records=records)
        except (ConfigError, CarrierError, ValueError) as error:
            return error_answer(400, str(error))
        return JSONResponse({"id": conversation.id}, 201)

    async def ended(request: Request) -> Response:
        try:
            carrier.end_call(str(request.path_params["id"]))
        except CarrierError as error:
            return error_answer(404, str(error))
        return Response(status_code=204)

    return [
        Route("/calls", listed, methods=["GET"]),
        Route("/calls", made, methods=["POST"]),
        Route("/calls/{id}", ended, methods=["DELETE"]),
    ]


def _telephones(carrier: CallBook) -> list[Route]:
    async def found(request: Request) -> Response:
        """Its number as the carrier writes it, and as `/calls` does."""
        try:
            phone = carrier.telephone(str(request.path_params["number"]))
        except CarrierError as error:
            return error_answer(404, str(error))
        return JSONResponse({"number": phone.number})

    async def pressed(request: Request) -> Response:
        """`{"keys": "12#"}`."""

        def press(number: str, values: reading.Mapped) -> None:
            carrier.press(number, reading.read("keys", values.get("keys"), reading.keys))

        return await _told(request, "keys", press)

    async def held(request: Request) -> Response:
        """`{"held": true}`."""

        def hold(number: str, values: reading.Mapped) -> None:
            carrier.hold(number, held=reading.read("held", values.get("held"), reading.boolean))

        return await _told(request, "held", hold)

    async def recorded(request: Request) -> Response:
        number = str(request.path_params["number"])
        found = carrier.recordings.of(number)
        if found is None:
            return error_answer(404, f"{number} has recorded nothing")
        return Response(await asyncio.to_thread(found.wave), media_type="audio/wav")

    return [
        Route("/telephones/{number}", found, methods=["GET"]),
        Route("/telephones/{number}/keys", pressed, methods=["POST"]),
        Route("/telephones/{number}/hold", held, methods=["POST"]),
        Route("/telephones/{number}/recording", recorded, methods=["GET"]),
    ]


async def _speech(speaker: Speaker, values: reading.Mapped) -> Speech | None:
    """What the telephone is to say; raises ConfigError, or ValueError where it is no base64."""
    says, wave = values.get("says"), values.get("wave")
    if wave is not None:
        text = wave if isinstance(wave, str) else ""
        data = base64.b64decode(text, validate=True)
        return await asyncio.to_thread(lambda: Speech(read_wave("wave", data)))
    if says is None:
        return None
    text = reading.read("says", says, reading.says)
    if reading.is_wave(text):  # whoever asks is not to learn what files there are
        raise ConfigError("says", text, "a text; a file goes into `wave`, in base64")
    return await speaker.speech(text)


async def _told(
    request: Request, key: str, tell: Callable[[str, reading.Mapped], None]
) -> Response:
    """A telephone is told to do something."""
    if not _is_json(request):
        return error_answer(415, NOT_JSON)
    try:
        values = reading.read("body", await json_body(request), reading.mapping)
        reading.only("body", values, (key,))
        tell(str(request.path_params["number"]), values)
    except CarrierError as error:
        return error_answer(404, str(error))
    except (ConfigError, ValueError) as error:
        return error_answer(400, str(error))
    return Response(status_code=204)


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0] == "application/json"


async def json_body(request: Request, longest: int = LONGEST) -> object:
    """The body; raises ValueError where it is none, or too long."""
    if int(request.headers.get("content-length") or 0) > longest:
        raise ValueError("the body is too long")
    found: object = await request.json()
    return found


def error_answer(status: int, text: str) -> Response:
    """What is wrong, as JSON."""
    return JSONResponse({"error": text}, status)
