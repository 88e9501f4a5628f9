"""Rooms and participants of this process, as the API asks for them (`api.backend`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from livekit.protocol import agent_dispatch as dispatches
from livekit.protocol import room as proto
from livekit.protocol.agent import Job
from livekit.protocol.models import DataPacket, ParticipantInfo
from livekit.protocol.models import Room as RoomInfo

from ..base.errors import ApiError
from ..rooms.info import dispatch_info, participant_info, room_info, track_info
from ..rooms.orders import AgentOrder, Dispatch, ParticipantChange, Permission, RoomOptions
from ..rooms.room import Room
from ..rooms.tracks import named_tracks
from . import rpc
from .rooms import ParticipantOwner, RoomHost

DTMF_TOPIC = "hookflash.dtmf"
"""SendData with this topic plays its payload as digits to the phones."""
RPC_TIMEOUT = 10.0
"""Seconds, where PerformRpc names none."""


class LocalRooms:
    """`api.backend.RoomBackend`; `jobs_of` gives the jobs of a dispatch."""

    def __init__(
        self, rooms: RoomHost, jobs_of: Callable[[str], Sequence[Job]] = lambda dispatch_id: ()
    ) -> None:
        self._rooms = rooms
        self._jobs_of = jobs_of

    async def create_room(self, request: proto.CreateRoomRequest) -> RoomInfo:
        """CreateRoom."""
        options = RoomOptions.of(request)
        return room_info(self._rooms.create(request.name, options, request.room_preset))

    async def list_rooms(self, request: proto.ListRoomsRequest) -> proto.ListRoomsResponse:
        """ListRooms."""
        if not request.names:
            return proto.ListRoomsResponse(rooms=[room_info(room) for room in self._rooms.all()])
        named = (self._rooms.get(name) for name in dict.fromkeys(request.names))
        found = [room_info(room) for room in named if room is not None]
        return proto.ListRoomsResponse(rooms=found)

    async def delete_room(self, request: proto.DeleteRoomRequest) -> proto.DeleteRoomResponse:
        """DeleteRoom."""
        self._rooms.delete(request.room)
        return proto.DeleteRoomResponse()

    async def update_room_metadata(self, request: proto.UpdateRoomMetadataRequest) -> RoomInfo:
        """UpdateRoomMetadata."""
        return room_info(self._rooms.update_metadata(request.room, request.metadata))

    async def list_participants(
        self, request: proto.ListParticipantsRequest
    ) -> proto.ListParticipantsResponse:
        """ListParticipants."""
        room = self._rooms.get(request.room)
        present = room.participants.values() if room is not None else ()
        return proto.ListParticipantsResponse(participants=[participant_info(p) for p in present])

    async def get_participant(self, request: proto.RoomParticipantIdentity) -> ParticipantInfo:
        """GetParticipant."""
        return participant_info(self._rooms.find(request.room, request.identity))

    async def send_data(self, request: proto.SendDataRequest) -> proto.SendDataResponse:
        """SendData."""
        dtmf = request.topic == DTMF_TOPIC
        self._rooms.send_data(
            request.room,
            request.data,
            topic=request.topic,
            reliable=request.kind == DataPacket.Kind.RELIABLE,
            destinations=_destinations(request, self._rooms.get(request.room)),
            digits=request.data.decode("ascii", "ignore") if dtmf else "",
        )
        return proto.SendDataResponse()

    async def create_dispatch(
        self, request: dispatches.CreateAgentDispatchRequest
    ) -> dispatches.AgentDispatch:
        """CreateDispatch."""
        order = AgentOrder.of(request)
        return self._dispatch(self._rooms.create_dispatch(request.room, order))

    async def delete_dispatch(
        self, request: dispatches.DeleteAgentDispatchRequest
    ) -> dispatches.AgentDispatch:
        """DeleteDispatch."""
        jobs = self._jobs_of(request.dispatch_id)
        return dispatch_info(self._rooms.delete_dispatch(request.room, request.dispatch_id), jobs)

    async def list_dispatches(
        self, request: dispatches.ListAgentDispatchRequest
    ) -> Iterable[dispatches.AgentDispatch]:
        """ListDispatch."""
        return map(self._dispatch, self._rooms.list_dispatches(request.room, request.dispatch_id))

    def _dispatch(self, dispatch: Dispatch) -> dispatches.AgentDispatch:
        return dispatch_info(dispatch, self._jobs_of(dispatch.dispatch_id))


class LocalParticipants:
    """`api.backend.ParticipantBackend`. What only a connection can do is asked of its owner."""

    def __init__(self, rooms: RoomHost, owners: Sequence[ParticipantOwner] = ()) -> None:
        self._rooms = rooms
        self._owners = owners

    async def remove(
        self, request: proto.RoomParticipantIdentity
    ) -> proto.RemoveParticipantResponse:
        """RemoveParticipant."""
        self._rooms.remove(request.room, request.identity)
        return proto.RemoveParticipantResponse()

    async def update(self, request: proto.UpdateParticipantRequest) -> ParticipantInfo:
        """UpdateParticipant."""
        participant = self._rooms.find(request.room, request.identity)
        permission = request.permission if request.HasField("permission") else None
        change = ParticipantChange(
            name=request.name,
            metadata=request.metadata,
            permission=Permission.of(permission) if permission is not None else None,
            attributes=dict(request.attributes),
        )
        self._rooms.update_participant(participant, change)
        return participant_info(participant)

    async def mute_published_track(
        self, request: proto.MuteRoomTrackRequest
    ) -> proto.MuteRoomTrackResponse:
        """MutePublishedTrack."""
        participant = self._rooms.reach(request.room, request.identity)
        track = self._rooms.mute_published_track(participant, request.track_sid, request.muted)
        return proto.MuteRoomTrackResponse(track=track_info(track) if track is not None else None)

    async def update_subscriptions(
        self, request: proto.UpdateSubscriptionsRequest
    ) -> proto.UpdateSubscriptionsResponse:
        """UpdateSubscriptions."""
        participant = self._rooms.reach(request.room, request.identity)
        self._rooms.set_subscriptions(participant, named_tracks(request), request.subscribe)
        return proto.UpdateSubscriptionsResponse()

    async def forward(
        self, request: proto.ForwardParticipantRequest
    ) -> proto.ForwardParticipantResponse:
        """ForwardParticipant."""
        self._rooms.reach(request.room, request.identity)
        raise _not_implemented()

    async def move(self, request: proto.MoveParticipantRequest) -> proto.MoveParticipantResponse:
        """MoveParticipant."""
        participant = self._rooms.reach(request.room, request.identity)
        if not any(owner.can_move(participant) for owner in self._owners):
            raise _not_implemented()
        self._rooms.move(participant, request.destination_room)
        return proto.MoveParticipantResponse()

    async def perform_rpc(self, request: proto.PerformRpcRequest) -> proto.PerformRpcResponse:
        """PerformRpc."""
        participant = self._rooms.reach(request.room, request.destination_identity)
        ways = (owner.rpc(participant) for owner in self._owners)
        call = next((way for way in ways if way is not None), None)
        if call is None:
            raise rpc.not_connected()
        limit = request.response_timeout_ms / 1000 or RPC_TIMEOUT
        payload = await call(request.method, request.payload, limit)
        return proto.PerformRpcResponse(payload=payload)


def _not_implemented() -> ApiError:
    """500, LiveKit's own server's answer."""
    return ApiError("unknown", "not implemented")


def _destinations(request: proto.SendDataRequest, room: Room | None) -> tuple[str, ...]:
    """Identities; the deprecated SIDs as well, one that nobody has staying as it is."""
    identities = list(request.destination_identities)
    if request.destination_sids:
        present = () if room is None else room.participants.values()
        by_sid = {participant.sid: participant.identity for participant in present}
        identities += [by_sid.get(sid, sid) for sid in request.destination_sids]
    return tuple(identities)
