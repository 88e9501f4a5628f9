"""Faults of the carrier over HTTP: `GET /faults`, and `POST /faults` with those that are to be."""

from __future__ import annotations

from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..base.errors import ConfigError
from . import reading
from .faults import Faults, read_faults, shown
from .http_face import error_answer, json_body


class Faulty(Protocol):
    """The carrier, as far as its faults go (`service.CarrierService`)."""

    @property
    def faults(self) -> Faults:
        """Those of now."""
        ...

    def go_wrong(self, faults: Faults, seconds: float | None = None) -> None:
        """These from now on; `seconds`: and none after that time."""
        ...


def fault_routes(carrier: Faulty) -> list[Route]:
    """For `http_face.http_app`."""

    async def told(_: Request) -> Response:
        return JSONResponse({"faults": shown(carrier.faults)})

    async def asked(request: Request) -> Response:
        """`{"sip_loss": 0.1, …}`, and `for`: seconds after which all is well; `{}`: at once."""
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return error_answer(415, "the body is to be application/json")
        try:
            values = dict(reading.read("body", await json_body(request), reading.mapping))
            seconds = values.pop("for", None)
            until = None if seconds is None else reading.read("for", seconds, reading.seconds)
            carrier.go_wrong(read_faults("body", values), until)
        except (ConfigError, ValueError) as error:
            return error_answer(400, str(error))
        return await told(request)

    return [
        Route("/faults", told, methods=["GET"]),
        Route("/faults", asked, methods=["POST"]),
    ]
