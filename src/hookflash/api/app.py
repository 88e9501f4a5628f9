"""The HTTP surface as one ASGI app: tokens, CORS, Twirp, and the few plain routes.

Twirp requests take a short way of their own; all else is Starlette's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from urllib.parse import parse_qs

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from ..access.grants import Claims, bearer
from ..adapters.store.store import Store
from ..adapters.tokens import TokenVerifier
from ..base.errors import ApiError
from ..base.ids import Ids
from ..base.light import light_dataclass
from ..calls.trunks.table import TrunkTable
from ..ports import WorldClock
from ..twirp.errors import bare, http_status
from .asgi import TEXT, Headers, Message, Receive, Scope, Send, respond
from .backend import ParticipantBackend, RoomBackend, SipBackend
from .context import Service
from .dispatch_service import DispatchService
from .pace import Pacing
from .records import CLAIMS, Records
from .room_service import RoomService
from .sip_service import sip_service
from .twirp_service import NOT_FOUND, PREFIX, TwirpRoutes
from .websockets import WebSocket

SocketRoute = Callable[[WebSocket, Claims | None], Awaitable[None]]
"""Who answers a request for a WebSocket, and what happens there until its end. Raises ApiError
before it has accepted or denied: an HTTP answer with the status of that code, and its text."""

_log = structlog.get_logger("api")
PREFLIGHT_AGE = b"86400"


class ApiApp:
    """`healthy` says whether `GET /` answers OK; `routes` are those besides Twirp, `sockets` the
    WebSockets by path."""

    def __init__(
        self,
        twirp: TwirpRoutes,
        verifier: TokenVerifier,
        routes: Iterable[BaseRoute] = (),
        healthy: Callable[[], bool] = lambda: True,
        sockets: Mapping[str, SocketRoute] | None = None,
    ) -> None:
        self._sockets = sockets or {}
        self._pacing = Pacing()
        self._twirp = twirp
        self._verifier = verifier
        self._healthy = healthy
        self._plain = Starlette(
            routes=[Route("/", self._root), *routes],
            exception_handlers={HTTPException: _plain_error},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "websocket":
            await self._socket(WebSocket(scope, receive, send, self._pacing), scope)
            return
        if scope["type"] != "http":
            await self._plain(scope, receive, send)
            return
        headers: Headers = dict(scope["headers"])
        if b"origin" in headers:
            if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
                await _preflight(headers, send)
                return
            send = _with_cors(send)
        path = _path(scope)
        try:
            claims = self._claims(scope, headers) if path != "/" else None
        except ApiError as error:
            await respond(send, 401, TEXT, error.msg.encode())
            return
        if path.startswith(PREFIX):
            await self._twirp.answer(scope["method"], path, headers, claims, receive, send)
            return
        scope[CLAIMS] = claims
        await self._plain(scope, receive, send)

    async def _socket(self, socket: WebSocket, scope: Scope) -> None:
        """The token is looked at before anything is accepted."""
        route = self._sockets.get(_path(scope))
        try:
            if route is None:
                await socket.deny(404, NOT_FOUND.decode())
            else:
                await route(socket, self._claims(scope, dict(scope["headers"])))
        except ApiError as error:
            if not socket.answered:
                await socket.deny(http_status(error.code), bare(error.msg))
            else:
                socket.close(1011)
        except Exception:  # noqa: BLE001  # one client's session; the others go on
            _log.exception("internal_error", path=scope["path"])
            if not socket.answered:
                await socket.deny(500, "internal error")
            else:
                socket.close(1011)
        finally:
            await socket.end()

    def _claims(self, scope: Scope, headers: Headers) -> Claims | None:
        """Those of the request's token; None without one. Raises ApiError for a wrong one."""
        token = bearer(*_credentials(scope, headers))
        return None if token is None else self._verifier.verify(token)

    async def _root(self, request: Request) -> Response:
        if self._healthy():
            return PlainTextResponse("OK")
        return PlainTextResponse("Not Ready", 406)


@light_dataclass(frozen=True, slots=True)
class ApiParts:
    """What the API works on; wired once, in `server.py`."""

    trunks: TrunkTable
    store: Store
    ids: Ids
    rooms: RoomBackend
    participants: ParticipantBackend
    sip: SipBackend
    clock: WorldClock
    keys: Mapping[str, str]
    """API key → secret."""


def make_app(
    parts: ApiParts,
    *,
    hide_passwords: bool = False,
    healthy: Callable[[], bool] = lambda: True,
    services: Iterable[Service] = (),
    routes: Iterable[BaseRoute] = (),
    sockets: Mapping[str, SocketRoute] | None = None,
) -> ApiApp:
    """The whole API, with room for further services, routes and WebSockets."""
    sip = sip_service(
        parts.trunks, parts.store, parts.ids, parts.sip, hide_passwords=hide_passwords
    )
    rooms = RoomService(parts.rooms, parts.participants).service()
    dispatches = DispatchService(parts.rooms).service()
    twirp = TwirpRoutes([sip, rooms, dispatches, *services], parts.clock)
    verifier = TokenVerifier(parts.keys, parts.clock.world)
    plain = [*Records(parts.store, parts.sip).routes(), *routes]
    return ApiApp(twirp, verifier, plain, healthy, sockets)


async def _plain_error(request: Request, error: Exception) -> Response:
    """Unknown paths and methods as Go's router answers them."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return PlainTextResponse(NOT_FOUND, 404)
    detail = error.detail if isinstance(error, HTTPException) else ""
    return PlainTextResponse(f"{detail}\n", status)


def _path(scope: Scope) -> str:
    """A URL that ends with a slash gives `//rtc`."""
    path: str = scope["path"]
    if path.startswith("//"):
        scope["path"] = path = path[1:]
    return path


def _credentials(scope: Scope, headers: Headers) -> tuple[str | None, str | None]:
    """The Authorization header and the access_token parameter."""
    authorization = headers.get(b"authorization")
    if authorization:
        return authorization.decode("latin-1"), None
    query: bytes = scope.get("query_string", b"")
    if b"access_token=" not in query:
        return None, None
    return None, parse_qs(query.decode("latin-1")).get("access_token", [""])[0]


def _with_cors(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            allowed = [(b"access-control-allow-origin", b"*"), (b"vary", b"Origin")]
            message["headers"] = [*message["headers"], *allowed]
        await send(message)

    return sending


async def _preflight(headers: Headers, send: Send) -> None:
    asked = headers.get(b"access-control-request-headers")
    allowed = {
        b"access-control-allow-origin": b"*",
        b"access-control-allow-methods": headers[b"access-control-request-method"],
        b"access-control-max-age": PREFLIGHT_AGE,
    }
    if asked:
        allowed[b"access-control-allow-headers"] = asked
    lines = list(allowed.items())
    await send({"type": "http.response.start", "status": 204, "headers": lines})
    await send({"type": "http.response.body", "body": b""})
