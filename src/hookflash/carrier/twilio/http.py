"""Twilio's REST over HTTP: routes for `http_face.http_app`. What is set is obeyed at once."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.routing import Route

from ..config import NetworkConfig
from ..rest.http import TrunkServer, media_type, new_ids, read_body, read_params, rest_routes
from ..rest.messages import RestRequest
from .account import Account
from .errors import NOT_ALLOWED, RestError
from .rest import TwilioRest
from .shown import API

FORM: Final = "application/x-www-form-urlencoded"
CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="Twilio API"'}


def new_account(
    carrier: TrunkServer, network: NetworkConfig, *, seed: int | None = None
) -> Account:
    """The account of a carrier that begins with `network`; `seed` makes the SIDs the same every
    time."""
    return Account(carrier.now(), network, carrier.profile.manners, new_ids(seed))


def twilio_routes(carrier: TrunkServer, account: Account) -> list[Route]:
    """Of trunking/v1 and of 2010-04-01."""
    answer = TwilioRest(account).answer
    return rest_routes(("v1", API), carrier, account.trunks, read_request, answer, CHALLENGE)


async def read_request(request: Request) -> RestRequest:
    """A request, its body read; raises RestError."""
    body = await read_body(request, _refused)
    if body and media_type(request) != FORM:
        raise _refused(415, f"Invalid Content-Type: allowed: {FORM}")
    base = request.base_url
    # Names of Twilio's lead here only by TLS that somebody else ends.
    scheme = "https" if (base.hostname or "").endswith(".twilio.com") else base.scheme
    return RestRequest(
        method=request.method,
        path=str(request.scope["path"]),
        base=f"{scheme}://{base.netloc}",
        query=read_params("query", request.scope["query_string"], _refused),
        form=read_params("body", body, _refused),
        authorization=request.headers.get("authorization", ""),
    )


def _refused(status: int, text: str) -> RestError:
    return RestError(status, NOT_ALLOWED, text)
