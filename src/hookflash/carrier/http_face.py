"""The carrier over HTTP: what goes on, as JSON. REST faces of real carriers are further routes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Listing = Callable[[], Sequence[dict[str, object]]]


def http_app(calls: Listing, routes: Sequence[Route] = ()) -> Starlette:
    """`GET /calls`, and what else there is. `calls`: every call that lives."""

    async def listed(_: Request) -> Response:
        return JSONResponse({"calls": list(calls())})

    return Starlette(routes=[Route("/calls", listed, methods=["GET"]), *routes])
