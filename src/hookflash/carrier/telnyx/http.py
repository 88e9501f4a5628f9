"""Telnyx's REST over HTTP: routes for `http_face.http_app`. What is set is obeyed at once."""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.requests import Request
from starlette.routing import Route

from ..config import NetworkConfig
from ..rest.http import TrunkServer, media_type, new_ids, read_body, read_params, rest_routes
from ..rest.messages import RestRequest
from .account import TelnyxHoldings
from .errors import BAD_REQUEST, INVALID_JSON, MEDIA_TYPE, TelnyxFaceError
from .rest import TelnyxRest

JSON: Final = "application/json"


def new_holdings(
    carrier: TrunkServer, network: NetworkConfig, *, seed: int | None = None
) -> TelnyxHoldings:
    """The account of a carrier that begins with `network`; `seed` makes the ids the same every
    time."""
    return TelnyxHoldings(carrier.now(), network, carrier.profile.manners, new_ids(seed))


def telnyx_routes(carrier: TrunkServer, account: TelnyxHoldings) -> list[Route]:
    """Of /v2."""
    answer = TelnyxRest(account).answer
    return rest_routes(("v2",), carrier, account.trunks, read_request, answer)


async def read_request(request: Request) -> RestRequest:
    """A request, its body read; raises TelnyxFaceError."""
    body = await read_body(request, _refused)
    if body and media_type(request) != JSON:
        raise TelnyxFaceError(415, MEDIA_TYPE, f"Invalid Content-Type: allowed: {JSON}")
    return RestRequest(
        method=request.method,
        path=str(request.scope["path"]),
        query=read_params("query", request.scope["query_string"], _refused),
        values=_values(body),
        authorization=request.headers.get("authorization", ""),
    )


def _values(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise TelnyxFaceError(400, INVALID_JSON, "the body is no JSON") from None
    if not isinstance(found, dict):
        raise TelnyxFaceError(400, BAD_REQUEST, "the body is no object")
    return found


def _refused(status: int, text: str) -> TelnyxFaceError:
    return TelnyxFaceError(status, BAD_REQUEST, text)
