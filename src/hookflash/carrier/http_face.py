"""The carrier over HTTP: what goes on, and calls of its telephones, as JSON.

REST faces of real carriers are further routes. Nobody but they asks for a password: it is to listen
on loopback. A page in a browser cannot begin calls: it may not send JSON elsewhere unasked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..base.errors import ConfigError
from . import reading
from .agent import CarrierError
from .conversation import Conversation

LONGEST = 10_000
"""Octets of a body."""


class CallBook(Protocol):
    """The carrier, as far as HTTP sees it (`service.CarrierService`)."""

    def listing(self) -> list[dict[str, object]]:
        """Every call that lives, as JSON has it."""
        ...

    def call(self, number: str, dialled: str) -> Conversation:
        """A telephone calls; raises CarrierError where there is none with this number."""
        ...

    def end_call(self, call_id: str) -> None:
        """Everybody in this call is hung up on; raises CarrierError where there is no such call."""
        ...


def http_app(carrier: CallBook, routes: Sequence[Route] = ()) -> Starlette:
    """`/calls`, and what else there is."""

    async def listed(_: Request) -> Response:
        return JSONResponse({"calls": carrier.listing()})

    async def made(request: Request) -> Response:
        """`{"caller": "+1…", "called": "+1…"}`."""
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return error_answer(415, "the body is to be application/json")
        try:
            values = reading.read("body", await json_body(request), reading.mapping)
            reading.only("body", values, ("caller", "called"))
            caller = reading.read("caller", values.get("caller"), reading.number)
            called = reading.read("called", values.get("called"), reading.number)
            conversation = carrier.call(caller, called)
        except (ConfigError, CarrierError, ValueError) as error:
            return error_answer(400, str(error))
        return JSONResponse({"id": conversation.id}, 201)

    async def ended(request: Request) -> Response:
        try:
            carrier.end_call(str(request.path_params["id"]))
        except CarrierError as error:
            return error_answer(404, str(error))
        return Response(status_code=204)

    return Starlette(
        routes=[
            Route("/calls", listed, methods=["GET"]),
            Route("/calls", made, methods=["POST"]),
            Route("/calls/{id}", ended, methods=["DELETE"]),
            *routes,
        ]
    )


async def json_body(request: Request) -> object:
    """The body; raises ValueError where it is none, or too long."""
    if int(request.headers.get("content-length") or 0) > LONGEST:
        raise ValueError("the body is too long")
    found: object = await request.json()
    return found


def error_answer(status: int, text: str) -> Response:
    """What is wrong, as JSON."""
    return JSONResponse({"error": text}, status)
