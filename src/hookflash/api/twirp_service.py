"""The Twirp routes: from an HTTP request to a method of a service, and back (facts §1).

This is the way of every API call, so it is one callable: a dictionary finds the method by the
exact path, and nothing is worked out twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

import structlog
from google.protobuf.message import Message

from ..access.grants import Claims
from ..base.counts import MOST_ENTRIES, check_lists, has_many_values
from ..base.errors import ApiError
from ..base.protojson import JsonWriter
from ..ports import WorldClock
from ..twirp.codec import PROTOBUF, content_kind, decode
from ..twirp.errors import body as error_body
from ..twirp.errors import http_status
from .asgi import (
    JSON,
    MAX_BODY,
    TEXT,
    Disconnected,
    Headers,
    Receive,
    Send,
    TooLarge,
    announced,
    read_body,
    respond,
    respond_in_pieces,
)
from .backend import unimplemented
from .context import LARGE, LISTS, Context, Listing, Method, Service
from .slices import SliceWriter

PREFIX = "/twirp/"
NOT_FOUND = b"404 page not found\n"
UNIMPLEMENTED = (
    *("Egress", "Ingress", "Connector", "AgentSimulation", "CloudAgent"),
    "PhoneNumberService",
)
"""Services that LiveKit has and Hookflash has not: 501, not 404."""

MAX_REQUEST_ID = 128
"""Characters; the SDKs send a UUID."""

_log = structlog.get_logger("api")


class TwirpRoutes:
    """All services."""

    def __init__(self, services: Iterable[Service], clock: WorldClock) -> None:
        known = [*services, *(Service(f"livekit.{name}", None) for name in UNIMPLEMENTED)]
        self._services = {service.name: service for service in known}
        self._methods = {
            f"{PREFIX}{service.name}/{name}": method
            for service in known
            for name, method in (service.methods or {}).items()
        }
        self._clock = clock
        self._json = JsonWriter()
        self._slices = SliceWriter(self._json)
        self._reading = asyncio.Lock()
        """One body at a time is read beside the loop: several threads at once leave it no time."""

    async def answer(
        self,
        http_method: str,
        path: str,
        headers: Headers,
        claims: Claims | None,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer a request whose path begins with `/twirp/` and whose token, if any, is good."""
        try:
            kind, reply = await self._reply(http_method, path, headers, claims, receive)
        except ApiError as error:
            await respond(send, http_status(error.code), JSON, error_body(error))
        except TooLarge:
            await respond(send, 413, TEXT, b"request body too large")
        except _UnknownService:
            await respond(send, 404, TEXT, NOT_FOUND)
        except Exception:  # noqa: BLE001  # a bug of ours: logged, and told as LiveKit tells a panic
            _log.exception("request_failed", method=http_method, path=path)
            failure = ApiError("internal", "Internal service panic")
            await respond(send, 500, JSON, error_body(failure))
        else:
            if isinstance(reply, bytes):
                await respond(send, 200, kind, reply)
            else:
                await respond_in_pieces(send, 200, kind, reply)

    async def _reply(
        self,
        http_method: str,
        path: str,
        headers: Headers,
        claims: Claims | None,
        receive: Receive,
    ) -> tuple[bytes, bytes | deque[bytes]]:
        method = self._methods.get(path)
        if method is None or http_method != "POST":
            method = self._route(http_method, path)
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        kind = content_kind(content_type)
        if not kind:
            raise _bad_route(f'unexpected Content-Type: "{content_type}"', http_method, path)
        try:
            request = await _request(kind, method, claims, receive, headers, self._reading)
        except Disconnected:
            raise ApiError("malformed", "failed to read request body") from None
        context = Context(
            claims,
            self._clock.now(),
            self._clock.world(),
            _wait(headers.get(b"x-twirp-timeout-ms", b"")),
            _request_id(headers),
        )
        answer = await method.handler(context, request)
        content = b"application/protobuf" if kind == PROTOBUF else JSON
        if isinstance(answer, Listing):
            return content, await self._slices.write(kind, answer)
        if kind == PROTOBUF:
            return content, answer.SerializeToString()
        return content, self._json.encode(answer)

    def _route(self, http_method: str, path: str) -> Method:
        """The rare ways: a wrong method or path, or a service that is not there."""
        name, _, method_name = path.removeprefix(PREFIX).partition("/")
        service = self._services.get(name)
        if service is None:
            raise _UnknownService
        if http_method != "POST":
            text = f'unsupported method "{http_method}" (only POST is allowed)'
            raise _bad_route(text, http_method, path)
        if service.methods is None and method_name:
            raise unimplemented(f"{name.removeprefix('livekit.')}.{method_name}")
        raise _bad_route(f'no handler for path "{path}"', http_method, path)


def _request_id(headers: Headers) -> str:
    """What the answer is found by again when the request comes again; it is kept for a day."""
    given = headers.get(b"x-livekit-request-id", b"").decode("latin-1")
    if len(given) > MAX_REQUEST_ID:
        text = f"X-LiveKit-Request-Id has {len(given)} characters, at most {MAX_REQUEST_ID} allowed"
        raise ApiError("invalid_argument", text)
    return given


async def _request(
    kind: str,
    method: Method,
    claims: Claims | None,
    receive: Receive,
    headers: Headers,
    turn: asyncio.Lock,
) -> Message:
    """The request. One that is large or has many values is read beside the loop, for that takes
    long; without a token, or with one that will not do, it is refused whatever it says, and so not
    read at all."""
    refusal = _refusal(method, claims)
    most = method.body
    if refusal is not None:
        most = LARGE if claims is None else method.ungranted
    try:
        body = await read_body(receive, headers, most)
    except TooLarge:
        if refusal is None or announced(headers) > MAX_BODY:
            raise
        raise refusal from None
    crowded = kind != PROTOBUF and has_many_values(body)
    if crowded and refusal is not None and len(body) <= LARGE:
        raise refusal
    if len(body) <= LARGE and not crowded:
        request = decode(kind, body, method.request_type)
    else:
        async with turn:
            request = await asyncio.to_thread(decode, kind, body, method.request_type)
    if refusal is None and method.body < LISTS and len(body) > MOST_ENTRIES:
        check_lists(request)
    return request


def _refusal(method: Method, claims: Claims | None) -> ApiError | None:
    try:
        method.needs(claims)
    except ApiError as error:
        return error
    return None


class _UnknownService(Exception):  # noqa: N818  # never leaves this file
    """Answered as any other unknown path."""


def _bad_route(text: str, http_method: str, path: str) -> ApiError:
    return ApiError("bad_route", text, {"twirp_invalid_route": f"{http_method} {path}"})


def _wait(milliseconds: bytes) -> float | None:
    """Seconds of X-Twirp-Timeout-Ms; None where it is absent, no number or not positive."""
    milliseconds = milliseconds.strip()  # the HTTP parser leaves blanks at the end
    if not milliseconds.isdigit() or len(milliseconds) > 12:
        return None
    return int(milliseconds) / 1000 or None
