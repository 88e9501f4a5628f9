"""`/rtc` and `/rtc/v1`, where participants join, and `…/validate`, which says what a join would be
answered (facts §3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ..access.grants import Claims, denied
from ..base.errors import ApiError
from ..rooms.rules import check_attributes, check_identity, check_metadata, check_room_name
from ..signalling.join import ClientJoin, JoinError, read_query
from ..twirp.errors import bare, http_status
from .app import SocketRoute
from .backend import RtcBackend
from .records import CLAIMS
from .websockets import WebSocket, first_values

PATHS = {"/rtc": False, "/rtc/v1": True}
"""Path → whether there is one peer connection only."""


class RtcSocket:
    """Tokens, parameters and their limits here; rooms and the session are the backend's."""

    def __init__(self, rtc: RtcBackend) -> None:
        self._rtc = rtc

    def sockets(self) -> Mapping[str, SocketRoute]:
        """For the app."""
        return {path: partial(self._join, single) for path, single in PATHS.items()}

    def routes(self) -> list[Route]:
        """For Starlette."""
        return [
            Route(f"{path}/validate", partial(self._validate, single))
            for path, single in PATHS.items()
        ]

    async def _join(self, single: bool, socket: WebSocket, claims: Claims | None) -> None:
        try:
            holder, client = _asked(claims, socket.query, single)
            await self._rtc.check(holder, client)
        except ApiError as error:
            self._rtc.join_refused(error.code)
            raise
        await socket.accept()
        await self._rtc.session(holder, client, socket)

    async def _validate(self, single: bool, request: Request) -> Response:
        try:
            asked = _asked(request.scope.get(CLAIMS), first_values(request.scope), single)
            await self._rtc.check(*asked)
        except ApiError as error:
            return PlainTextResponse(bare(error.msg), http_status(error.code))
        return PlainTextResponse("success")


def _asked(
    claims: Claims | None, query: Mapping[str, str], single: bool
) -> tuple[Claims, ClientJoin]:
    """Who asks for what, as far as it can be said without the rooms. Raises ApiError in LiveKit's
    order, with its texts."""
    if claims is None or not claims.video.room_join:
        raise denied()
    check_identity(claims.identity)
    try:
        asked = read_query(query, single_connection=single)
    except JoinError as error:
        raise ApiError("invalid_argument", str(error)) from None
    client = ClientJoin(asked.join, claims.video.room or asked.room, asked.single_connection)
    check_room_name(client.room)
    join = client.join
    if (join.metadata or join.participant_attributes) and not claims.video.can_update_own_metadata:
        raise denied()
    check_metadata(join.metadata)
    check_attributes(join.participant_attributes)
    return claims, client
