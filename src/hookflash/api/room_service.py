"""`livekit.RoomService` (facts §6.1): grants and limits; the rest is the backends'."""

from __future__ import annotations

from collections.abc import Mapping

from livekit.protocol import room as proto
from livekit.protocol.models import ParticipantInfo
from livekit.protocol.models import Room as RoomInfo

from ..access.grants import (
    need_destination,
    need_room_admin,
    need_room_create,
    need_room_list,
    need_some_room_admin,
)
from ..base.errors import ApiError
from ..rooms import rules
from ..twirp.errors import argument, prefixed
from .backend import ParticipantBackend, RoomBackend
from .context import SMALL, TEXTS, Context, Method, Service

NONCE_BYTES = 16


class RoomService:
    """Rooms, and who is in them."""

    def __init__(self, rooms: RoomBackend, participants: ParticipantBackend) -> None:
        self._rooms = rooms
        self._participants = participants

    def service(self) -> Service:
        """For the Twirp routes."""
        one = proto.RoomParticipantIdentity
        methods: Mapping[str, Method] = {
            "CreateRoom": Method(proto.CreateRoomRequest, self.create, need_room_create, TEXTS),
            "ListRooms": Method(proto.ListRoomsRequest, self.list, need_room_list),
            "DeleteRoom": Method(proto.DeleteRoomRequest, self.delete, need_room_create),
            "UpdateRoomMetadata": Method(
                proto.UpdateRoomMetadataRequest,
                self.update_metadata,
                need_some_room_admin,
                TEXTS,
                ungranted=SMALL,  # sizes come before grants
            ),
            "ListParticipants": Method(
                proto.ListParticipantsRequest, self.list_participants, need_some_room_admin
            ),
            "GetParticipant": Method(one, self.get_participant, need_some_room_admin),
            "RemoveParticipant": Method(one, self.remove_participant, need_some_room_admin),
            "UpdateParticipant": Method(
                proto.UpdateParticipantRequest,
                self.update_participant,
                need_some_room_admin,
                TEXTS,
                ungranted=SMALL,  # sizes come before grants
            ),
            "MutePublishedTrack": Method(
                proto.MuteRoomTrackRequest, self.mute_track, need_some_room_admin
            ),
            "UpdateSubscriptions": Method(
                proto.UpdateSubscriptionsRequest, self.subscribe, need_some_room_admin
            ),
            "SendData": Method(proto.SendDataRequest, self.send_data, need_some_room_admin),
            "ForwardParticipant": Method(
                proto.ForwardParticipantRequest, self.forward, need_some_room_admin
            ),
            "MoveParticipant": Method(
                proto.MoveParticipantRequest, self.move, need_some_room_admin
            ),
            "PerformRpc": Method(proto.PerformRpcRequest, self.perform_rpc, need_some_room_admin),
        }
        return Service("livekit.RoomService", methods)

    # --- rooms ------------------------------------------------------------------------------

    async def create(self, context: Context, request: proto.CreateRoomRequest) -> RoomInfo:
        """CreateRoom: an existing room comes back as it is."""
        need_room_create(context.claims)
        return await self._rooms.create_room(request)

    async def list(
        self, context: Context, request: proto.ListRoomsRequest
    ) -> proto.ListRoomsResponse:
        """ListRooms."""
        need_room_list(context.claims)
        return await self._rooms.list_rooms(request)

    async def delete(
        self, context: Context, request: proto.DeleteRoomRequest
    ) -> proto.DeleteRoomResponse:
        """DeleteRoom: everybody is out, phones get BYE."""
        need_room_create(context.claims)
        return await self._rooms.delete_room(request)

    async def update_metadata(
        self, context: Context, request: proto.UpdateRoomMetadataRequest
    ) -> RoomInfo:
        """UpdateRoomMetadata; sizes come before grants."""
        rules.check_metadata(request.metadata)
        need_room_admin(context.claims, request.room)
        return await self._rooms.update_room_metadata(request)

    # --- participants -----------------------------------------------------------------------

    async def list_participants(
        self, context: Context, request: proto.ListParticipantsRequest
    ) -> proto.ListParticipantsResponse:
        """ListParticipants; an unknown room has none."""
        need_room_admin(context.claims, request.room)
        return await self._rooms.list_participants(request)

    async def get_participant(
        self, context: Context, request: proto.RoomParticipantIdentity
    ) -> ParticipantInfo:
        """GetParticipant."""
        need_room_admin(context.claims, request.room)
        return await self._rooms.get_participant(request)

    async def remove_participant(
        self, context: Context, request: proto.RoomParticipantIdentity
    ) -> proto.RemoveParticipantResponse:
        """RemoveParticipant: a phone gets BYE."""
        need_room_admin(context.claims, request.room)
        return await self._participants.remove(request)

    async def update_participant(
        self, context: Context, request: proto.UpdateParticipantRequest
    ) -> ParticipantInfo:
        """UpdateParticipant; sizes come before grants."""
        rules.check_metadata(request.metadata)
        rules.check_name(request.name)
        rules.check_attributes(request.attributes)
        need_room_admin(context.claims, request.room)
        return await self._participants.update(request)

    async def mute_track(
        self, context: Context, request: proto.MuteRoomTrackRequest
    ) -> proto.MuteRoomTrackResponse:
        """MutePublishedTrack; an unknown track answers with none."""
        need_room_admin(context.claims, request.room)
        return await self._participants.mute_published_track(request)

    async def subscribe(
        self, context: Context, request: proto.UpdateSubscriptionsRequest
    ) -> proto.UpdateSubscriptionsResponse:
        """UpdateSubscriptions."""
        need_room_admin(context.claims, request.room)
        return await self._participants.update_subscriptions(request)

    async def forward(
        self, context: Context, request: proto.ForwardParticipantRequest
    ) -> proto.ForwardParticipantResponse:
        """ForwardParticipant: as LiveKit's own server, which cannot do it."""
        _check_destination(context, request)
        return await self._participants.forward(request)

    async def move(
        self, context: Context, request: proto.MoveParticipantRequest
    ) -> proto.MoveParticipantResponse:
        """MoveParticipant."""
        _check_destination(context, request)
        return await self._participants.move(request)

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
        return await self._rooms.send_data(request)

    async def perform_rpc(
        self, context: Context, request: proto.PerformRpcRequest
    ) -> proto.PerformRpcResponse:
        """PerformRpc."""
        need_room_admin(context.claims, request.room)
        if not request.destination_identity:
            raise prefixed("invalid_argument", "destination identity is required")
        return await self._participants.perform_rpc(request)


def _check_destination(
    context: Context, request: proto.ForwardParticipantRequest | proto.MoveParticipantRequest
) -> None:
    need_destination(context.claims, request.room, request.destination_room)
    if request.destination_room == request.room:
        raise argument("destination room cannot be the same as source room")
