"""`livekit.AgentDispatchService` (facts §8). The jobs themselves come with the agents."""

from __future__ import annotations

from collections.abc import Mapping

from livekit.protocol import agent_dispatch as proto

from ..access.grants import need_room_admin
from ..rooms.info import dispatch_info
from ..rooms.orders import AgentOrder
from ..rooms.registry import Rooms
from .backend import Telephony
from .context import Context, Method, Service


class DispatchService:
    """Dispatches live in their rooms."""

    def __init__(self, rooms: Rooms, telephony: Telephony) -> None:
        self._rooms = rooms
        self._telephony = telephony

    def service(self) -> Service:
        """For the Twirp routes."""
        methods: Mapping[str, Method] = {
            "CreateDispatch": Method(proto.CreateAgentDispatchRequest, self.create),
            "DeleteDispatch": Method(proto.DeleteAgentDispatchRequest, self.delete),
            "ListDispatch": Method(proto.ListAgentDispatchRequest, self.list),
        }
        return Service("livekit.AgentDispatchService", methods)

    async def create(
        self, context: Context, request: proto.CreateAgentDispatchRequest
    ) -> proto.AgentDispatch:
        """CreateDispatch: makes the room if it is missing."""
        need_room_admin(context.claims, request.room)
        order = AgentOrder(
            agent_name=request.agent_name,
            metadata=request.metadata,
            restart_policy=request.restart_policy,
            deployment=request.deployment,
            attributes=dict(request.attributes),
        )
        dispatch, events = self._rooms.create_dispatch(context.now, request.room, order)
        self._telephony.tell(events)
        return dispatch_info(dispatch)

    async def delete(
        self, context: Context, request: proto.DeleteAgentDispatchRequest
    ) -> proto.AgentDispatch:
        """DeleteDispatch."""
        need_room_admin(context.claims, request.room)
        dispatch, events = self._rooms.delete_dispatch(
            context.now, request.room, request.dispatch_id
        )
        self._telephony.tell(events)
        return dispatch_info(dispatch)

    async def list(
        self, context: Context, request: proto.ListAgentDispatchRequest
    ) -> proto.ListAgentDispatchResponse:
        """ListDispatch."""
        need_room_admin(context.claims, request.room)
        found = self._rooms.list_dispatches(request.room, request.dispatch_id)
        return proto.ListAgentDispatchResponse(agent_dispatches=[dispatch_info(d) for d in found])
