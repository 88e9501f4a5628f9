"""`livekit.AgentDispatchService` (facts §8)."""

from __future__ import annotations

from collections.abc import Mapping

from livekit.protocol import agent_dispatch as proto

from ..access.grants import need_room_admin, need_some_room_admin
from .backend import RoomBackend
from .context import TEXTS, Context, Listing, Method, Service


class DispatchService:
    """Dispatches live in their rooms."""

    def __init__(self, rooms: RoomBackend) -> None:
        self._rooms = rooms

    def service(self) -> Service:
        """For the Twirp routes."""
        methods: Mapping[str, Method] = {
            "CreateDispatch": Method(
                proto.CreateAgentDispatchRequest, self.create, need_some_room_admin, TEXTS
            ),
            "DeleteDispatch": Method(
                proto.DeleteAgentDispatchRequest, self.delete, need_some_room_admin
            ),
            "ListDispatch": Method(proto.ListAgentDispatchRequest, self.list, need_some_room_admin),
        }
        return Service("livekit.AgentDispatchService", methods)

    async def create(
        self, context: Context, request: proto.CreateAgentDispatchRequest
    ) -> proto.AgentDispatch:
        """CreateDispatch: makes the room if it is missing."""
        need_room_admin(context.claims, request.room)
        return await self._rooms.create_dispatch(request)

    async def delete(
        self, context: Context, request: proto.DeleteAgentDispatchRequest
    ) -> proto.AgentDispatch:
        """DeleteDispatch."""
        need_room_admin(context.claims, request.room)
        return await self._rooms.delete_dispatch(request)

    async def list(self, context: Context, request: proto.ListAgentDispatchRequest) -> Listing:
        """ListDispatch."""
        need_room_admin(context.claims, request.room)
        found = await self._rooms.list_dispatches(request)
        return Listing(proto.ListAgentDispatchResponse, found, "agent_dispatches")
