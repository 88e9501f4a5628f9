"""`/agent`: where agent workers connect (facts §5.1), and `GET /hookflash/agents`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from ..access.grants import Claims, denied, need_room_list
from .app import SocketRoute
from .backend import AgentBackend
from .records import endpoint
from .websockets import WebSocket

PATH = "/agent"


class AgentSocket:
    """Tokens here, all else is the backend's. Without an upgrade the path is unknown: 404."""

    def __init__(self, agents: AgentBackend) -> None:
        self._agents = agents

    def sockets(self) -> Mapping[str, SocketRoute]:
        """For the app."""
        return {PATH: self._worker}

    def routes(self) -> list[Route]:
        """For Starlette."""
        return [Route("/hookflash/agents", endpoint(self.report))]

    async def report(self, request: Request, claims: Claims | None) -> Any:
        """The workers, and the rooms that wait for one: needs roomList."""
        need_room_list(claims)
        return self._agents.report()

    async def _worker(self, socket: WebSocket, claims: Claims | None) -> None:
        if claims is None or not claims.video.agent:
            raise denied()
        await socket.accept()
        await self._agents.session(claims, socket)
