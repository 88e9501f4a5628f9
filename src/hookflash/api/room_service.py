"""`livekit.RoomService` over the rooms (facts §6.1)."""

from __future__ import annotations

from collections.abc import Mapping

from livekit.protocol import room as proto
from livekit.protocol.models import DataPacket, ParticipantInfo
from livekit.protocol.models import Room as RoomInfo

from ..access.grants import (
    need_destination,
    need_room_admin,
    need_room_create,
    need_room_list,
)
from ..base.errors import ApiError
from ..rooms import rules
from ..rooms.events import RoomEvent
from ..rooms.info import participant_info, room_info, track_info
from ..rooms.orders import ParticipantChange, Permission, RoomOptions
from ..rooms.registry import Rooms
from ..rooms.room import Room
from ..twirp.errors import argument, prefixed
from .backend import Telephony
from .context import Context, Method, Service

DTMF_TOPIC = "hookflash.dtmf"
"""SendData with this topic plays its payload as digits to the phones."""
RPC_TIMEOUT = 10.0
NONCE_BYTES = 16


class RoomService:
    """Changes go to `Rooms`; what comes of them is performed by `Telephony.tell`."""

    def __init__(self, rooms: Rooms, telephony: Telephony) -> None:
        self._rooms = rooms
        self._telephony = telephony

    def service(self) -> Service:
        """For the Twirp routes."""
        one = proto.RoomParticipantIdentity
        methods: Mapping[str, Method] = {
            "CreateRoom": Method(proto.CreateRoomRequest, self.create),
            "ListRooms": Method(proto.ListRoomsRequest, self.list),
            "DeleteRoom": Method(proto.DeleteRoomRequest, self.delete),
            "UpdateRoomMetadata": Method(proto.UpdateRoomMetadataRequest, self.update_metadata),
            "ListParticipants": Method(proto.ListParticipantsRequest, self.list_participants),
            "GetParticipant": Method(one, self.get_participant),
            "RemoveParticipant": Method(one, self.remove_participant),
            "UpdateParticipant": Method(proto.UpdateParticipantRequest, self.update_participant),
            "MutePublishedTrack": Method(proto.MuteRoomTrackRequest, self.mute_track),
            "UpdateSubscriptions": Method(proto.UpdateSubscriptionsRequest, self.subscribe),
            "SendData": Method(proto.SendDataRequest, self.send_data),
            "ForwardParticipant": Method(proto.ForwardParticipantRequest, self.forward),
            "MoveParticipant": Method(proto.MoveParticipantRequest, self.move),
            "PerformRpc": Method(proto.PerformRpcRequest, self.perform_rpc),
        }
        return Service("livekit.RoomService", methods)

    # --- rooms ------------------------------------------------------------------------------

    async def create(self, context: Context, request: proto.CreateRoomRequest) -> RoomInfo:
        """CreateRoom: an existing room comes back as it is."""
        need_room_create(context.claims)
        options = RoomOptions.of(request)
        room, events = self._rooms.create(context.now, request.name, options, request.room_preset)
        self._telephony.tell(events)
        return room_info(room)

    async def list(
        self, context: Context, request: proto.ListRoomsRequest
    ) -> proto.ListRoomsResponse:
        """ListRooms."""
        need_room_list(context.claims)
        if request.names:
            named = (self._rooms.get(name) for name in dict.fromkeys(request.names))
            found = [room_info(room) for room in named if room is not None]
        else:
            found = [room_info(room) for room in self._rooms.all()]
        return proto.ListRoomsResponse(rooms=found)

    async def delete(
        self, context: Context, request: proto.DeleteRoomRequest
    ) -> proto.DeleteRoomResponse:
        """DeleteRoom: everybody is out, phones get BYE."""
        need_room_create(context.claims)
        self._telephony.tell(self._rooms.delete(context.now, request.room))
        return proto.DeleteRoomResponse()

    async def update_metadata(
        self, context: Context, request: proto.UpdateRoomMetadataRequest
    ) -> RoomInfo:
        """UpdateRoomMetadata; sizes come before grants."""
        rules.check_metadata(request.metadata)
        need_room_admin(context.claims, request.room)
        room, events = self._rooms.update_metadata(context.now, request.room, request.metadata)
        self._telephony.tell(events)
        return room_info(room)

    # --- participants -----------------------------------------------------------------------

    async def list_participants(
        self, context: Context, request: proto.ListParticipantsRequest
    ) -> proto.ListParticipantsResponse:
        """ListParticipants; an unknown room has none."""
        need_room_admin(context.claims, request.room)
        room = self._rooms.get(request.room)
        present = [] if room is None else [participant_info(p) for p in room.participants.values()]
        return proto.ListParticipantsResponse(participants=present)

    async def get_participant(
        self, context: Context, request: proto.RoomParticipantIdentity
    ) -> ParticipantInfo:
        """GetParticipant."""
        need_room_admin(context.claims, request.room)
        return participant_info(self._rooms.find(request.room, request.identity))

    async def remove_participant(
        self, context: Context, request: proto.RoomParticipantIdentity
    ) -> proto.RemoveParticipantResponse:
        """RemoveParticipant: a phone gets BYE."""
        need_room_admin(context.claims, request.room)
        self._telephony.tell(self._rooms.remove(context.now, request.room, request.identity))
        return proto.RemoveParticipantResponse()

    async def update_participant(
        self, context: Context, request: proto.UpdateParticipantRequest
    ) -> ParticipantInfo:
        """UpdateParticipant; sizes come before grants."""
        rules.check_metadata(request.metadata)
        rules.check_name(request.name)
        rules.check_attributes(request.attributes)
        need_room_admin(context.claims, request.room)
        participant = self._rooms.find(request.room, request.identity)
        change = ParticipantChange(
            name=request.name,
            metadata=request.metadata,
            permission=Permission.of(request.permission)
            if request.HasField("permission")
            else None,
            attributes=dict(request.attributes),
        )
        self._telephony.tell(self._rooms.update_participant(context.now, participant, change))
        return participant_info(participant)

    async def mute_track(
        self, context: Context, request: proto.MuteRoomTrackRequest
    ) -> proto.MuteRoomTrackResponse:
        """MutePublishedTrack; an unknown track answers with none."""
        need_room_admin(context.claims, request.room)
        participant = self._rooms.reach(request.room, request.identity)
        track, events = self._rooms.mute_published_track(
            context.now, participant, request.track_sid, request.muted
        )
        self._telephony.tell(events)
        return proto.MuteRoomTrackResponse(track=track_info(track) if track is not None else None)

    async def subscribe(
        self, context: Context, request: proto.UpdateSubscriptionsRequest
    ) -> proto.UpdateSubscriptionsResponse:
        """UpdateSubscriptions."""
        need_room_admin(context.claims, request.room)
        participant = self._rooms.reach(request.room, request.identity)
        sids = [*request.track_sids]
        for tracks in request.participant_tracks:
            sids += tracks.track_sids
        events = self._rooms.set_subscriptions(context.now, participant, sids, request.subscribe)
        self._telephony.tell(events)
        return proto.UpdateSubscriptionsResponse()

    async def forward(
        self, context: Context, request: proto.ForwardParticipantRequest
    ) -> proto.ForwardParticipantResponse:
        """ForwardParticipant: as LiveKit's own server, which cannot do it."""
        self._elsewhere(context, request)
        raise ApiError("unknown", "not implemented")

    async def move(
        self, context: Context, request: proto.MoveParticipantRequest
    ) -> proto.MoveParticipantResponse:
        """MoveParticipant."""
        self._elsewhere(context, request)
        await self._telephony.move(request.room, request.identity, request.destination_room)
        return proto.MoveParticipantResponse()

    def _elsewhere(
        self,
        context: Context,
        request: proto.ForwardParticipantRequest | proto.MoveParticipantRequest,
    ) -> None:
        need_destination(context.claims, request.room, request.destination_room)
        if request.destination_room == request.room:
            raise argument("destination room cannot be the same as source room")
        self._rooms.reach(request.room, request.identity)

    # --- data -------------------------------------------------------------------------------

    async def send_data(
        self, context: Context, request: proto.SendDataRequest
    ) -> proto.SendDataResponse:
        """SendData; on the topic `hookflash.dtmf` the payload is digits for the phones."""
        need_room_admin(context.claims, request.room)
        if len(request.nonce) not in (0, NONCE_BYTES):
            raise ApiError(
                "invalid_argument",
                f"nonce should be 16-bytes or not present, got: {len(request.nonce)} bytes",
            )
        room = self._rooms.get(request.room)
        destinations = _destinations(request, room)
        events: list[RoomEvent] = self._rooms.send_data(
            context.now,
            request.room,
            request.data,
            topic=request.topic,
            reliable=request.kind == DataPacket.Kind.RELIABLE,
            destinations=destinations,
        )
        if request.topic == DTMF_TOPIC and room is not None:
            digits = request.data.decode("ascii", "ignore")
            events += self._rooms.server_dtmf(context.now, room, digits, destinations)
        self._telephony.tell(events)
        return proto.SendDataResponse()

    async def perform_rpc(
        self, context: Context, request: proto.PerformRpcRequest
    ) -> proto.PerformRpcResponse:
        """PerformRpc."""
        need_room_admin(context.claims, request.room)
        if not request.destination_identity:
            raise prefixed("invalid_argument", "destination identity is required")
        self._rooms.reach(request.room, request.destination_identity)
        payload = await self._telephony.perform_rpc(
            request.room,
            request.destination_identity,
            request.method,
            request.payload,
            request.response_timeout_ms / 1000 or RPC_TIMEOUT,
        )
        return proto.PerformRpcResponse(payload=payload)


def _destinations(request: proto.SendDataRequest, room: Room | None) -> tuple[str, ...]:
    """Identities; the deprecated SIDs as well, one that nobody has staying as it is."""
    identities = list(request.destination_identities)
    if request.destination_sids:
        present = () if room is None else room.participants.values()
        by_sid = {participant.sid: participant.identity for participant in present}
        identities += [by_sid.get(sid, sid) for sid in request.destination_sids]
    return tuple(identities)
