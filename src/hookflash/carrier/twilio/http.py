"""Twilio's REST over HTTP: routes for `http_face.http_app`. What is set is obeyed at once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final, Protocol
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...base.ids import Ids
from ..config import NetworkConfig, TrunkConfig
from ..manners import Profile
from .account import Account
from .errors import NOT_ALLOWED, RestError
from .rest import RestRequest, TwilioRest
from .shown import API

LONGEST: Final = 16_384
"""Octets of a body."""
MOST_PARAMS: Final = 100
FORM: Final = "application/x-www-form-urlencoded"
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="Twilio API"'}


class TrunkServer(Protocol):
    """The carrier, as far as it is set up here (`service.CarrierService`)."""

    profile: Profile

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def serve(self, trunks: Sequence[TrunkConfig]) -> None:
        """These are its trunks from now on."""
        ...


def new_account(
    carrier: TrunkServer, network: NetworkConfig, *, seed: int | None = None
) -> Account:
    """The account of a carrier that begins with `network`; `seed` makes the SIDs the same every
    time."""
    ids = Ids(random.SystemRandom() if seed is None else random.Random(seed))
    return Account(carrier.now(), network, carrier.profile.manners, ids)


def twilio_routes(carrier: TrunkServer, account: Account) -> list[Route]:
    """Of trunking/v1 and of 2010-04-01."""
    rest = TwilioRest(account)

    async def answered(request: Request) -> Response:
        try:
            asked = await read_request(request)
        except RestError as error:
            return JSONResponse(error.body, error.status)
        answer = rest.answer(carrier.now(), asked)
        if asked.method != "GET" and answer.status < 300:
            carrier.serve(account.trunks())
        if answer.body is None:
            return Response(status_code=answer.status)
        return JSONResponse(answer.body, answer.status, CHALLENGE if answer.status == 401 else None)

    return [Route(f"/{root}/{{path:path}}", answered, methods=METHODS) for root in ("v1", API)]


async def read_request(request: Request) -> RestRequest:
    """A request, its body read; raises RestError."""
    body = await _body(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != FORM:
        raise RestError(415, NOT_ALLOWED, f"Invalid Content-Type: allowed: {FORM}")
    base = request.base_url
    # Names of Twilio's lead here only by TLS that somebody else ends.
    scheme = "https" if (base.hostname or "").endswith(".twilio.com") else base.scheme
    return RestRequest(
        method=request.method,
        path=str(request.scope["path"]),
        base=f"{scheme}://{base.netloc}",
        query=_params("query", request.scope["query_string"]),
        form=_params("body", body),
        authorization=request.headers.get("authorization", ""),
    )


async def _body(request: Request) -> bytes:
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > LONGEST:
            raise RestError(413, NOT_ALLOWED, f"Invalid body: allowed: at most {LONGEST} octets")
    return bytes(found)


def _params(where: str, encoded: bytes) -> dict[str, str]:
    """Parameters by name; of several of one name the last."""
    try:
        pairs = parse_qsl(
            encoded.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMS
        )
    except ValueError:
        text = f"Invalid {where}: allowed: at most {MOST_PARAMS} parameters, in UTF-8"
        raise RestError(400, NOT_ALLOWED, text) from None
    return dict(pairs)
