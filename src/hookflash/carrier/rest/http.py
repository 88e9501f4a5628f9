"""A carrier's REST over HTTP: routes for `http_face.http_app`. What is set is obeyed at once."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...base.ids import Ids
from ..config import TrunkConfig
from ..manners import Profile
from .messages import RestAnswer, RestFaceError, RestRequest

LONGEST: Final = 16_384
"""Octets of a body."""
MOST_PARAMS: Final = 100
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
Refuse = Callable[[int, str], RestFaceError]
"""The carrier's error, by status and text."""


class TrunkServer(Protocol):
    """The carrier, as far as it is set up here (`service.CarrierService`)."""

    profile: Profile

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def serve(self, trunks: Sequence[TrunkConfig]) -> None:
        """These are its trunks from now on."""
        ...


def new_ids(seed: int | None) -> Ids:
    """For the resources; `seed` makes them the same every time."""
    return Ids(random.SystemRandom() if seed is None else random.Random(seed))


def rest_routes(
    roots: Iterable[str],
    carrier: TrunkServer,
    trunks: Callable[[], Sequence[TrunkConfig]],
    read: Callable[[Request], Awaitable[RestRequest]],
    answer: Callable[[float, RestRequest], RestAnswer],
    challenge: Mapping[str, str] | None = None,
) -> list[Route]:
    """All below each root. `read` and `answer` may raise RestFaceError; `challenge`: headers of a
    401. After a change the carrier is told its trunks."""

    async def answered(request: Request) -> Response:
        try:
            found = answer(carrier.now(), await read(request))
        except RestFaceError as error:
            found = error.answer
        if request.method != "GET" and found.status < 300:
            carrier.serve(trunks())
        if found.body is None:
            return Response(status_code=found.status)
        return JSONResponse(found.body, found.status, challenge if found.status == 401 else None)

    return [Route(f"/{root}/{{path:path}}", answered, methods=METHODS) for root in roots]


async def read_body(request: Request, refuse: Refuse) -> bytes:
    """At most LONGEST octets; raises RestFaceError."""
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > LONGEST:
            raise refuse(413, f"Invalid body: allowed: at most {LONGEST} octets")
    return bytes(found)


def media_type(request: Request) -> str:
    """Of the body, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def read_params(where: str, encoded: bytes, refuse: Refuse) -> dict[str, str]:
    """Parameters of a query or a form by name; of several of one name the last. Raises
    RestFaceError."""
    try:
        pairs = parse_qsl(
            encoded.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMS
        )
    except ValueError:
        text = f"Invalid {where}: allowed: at most {MOST_PARAMS} parameters, in UTF-8"
        raise refuse(400, text) from None
    return dict(pairs)
