"""What the API asks of the rest, as LiveKit's server asks its nodes: three Protocols in the shape
of its psrpc services. `exchange.local_rooms` and `runtime.telephony` answer in the same process.

Each method takes the request as it came and gives the answer as it goes out, and raises ApiError.
The API itself has checked the grants, and what can be said of a request by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from livekit.protocol import agent_dispatch as dispatches
from livekit.protocol import room as proto
from livekit.protocol.models import ParticipantInfo
from livekit.protocol.models import Room as RoomInfo
from livekit.protocol.sip import SIPParticipantInfo

from ..access.grants import Claims
from ..base.errors import ApiError
from ..calls.records import CallRecord, KeptMessages, TransferRecord
from ..calls.transfers.request import TransferRequest
from ..ports import DialRequest, MessageSocket
from ..signalling.join import ClientJoin


class RoomBackend(Protocol):
    """By the room's name: LiveKit's `Room`, `RoomManager` and `AgentDispatchInternal`."""

    async def create_room(self, request: proto.CreateRoomRequest) -> RoomInfo:
        """An existing room comes back as it is."""
        ...

    async def list_rooms(self, request: proto.ListRoomsRequest) -> proto.ListRoomsResponse:
        """Of all nodes; those of `names`, in that order, where there are any."""
        ...

    async def delete_room(self, request: proto.DeleteRoomRequest) -> proto.DeleteRoomResponse:
        """Everybody is out: phones get BYE."""
        ...

    async def update_room_metadata(self, request: proto.UpdateRoomMetadataRequest) -> RoomInfo:
        """The room as it is then."""
        ...

    async def list_participants(
        self, request: proto.ListParticipantsRequest
    ) -> proto.ListParticipantsResponse:
        """An unknown room has none."""
        ...

    async def get_participant(self, request: proto.RoomParticipantIdentity) -> ParticipantInfo:
        """404 where there is none."""
        ...

    async def send_data(self, request: proto.SendDataRequest) -> proto.SendDataResponse:
        """On the topic `hookflash.dtmf` the payload is digits for the phones."""
        ...

    async def create_dispatch(
        self, request: dispatches.CreateAgentDispatchRequest
    ) -> dispatches.AgentDispatch:
        """The room is made if it is missing."""
        ...

    async def delete_dispatch(
        self, request: dispatches.DeleteAgentDispatchRequest
    ) -> dispatches.AgentDispatch:
        """What was deleted."""
        ...

    async def list_dispatches(
        self, request: dispatches.ListAgentDispatchRequest
    ) -> Iterable[dispatches.AgentDispatch]:
        """All of the room, or the one that is named; each is made when its turn comes."""
        ...


class ParticipantBackend(Protocol):
    """By room and identity: LiveKit's `Participant`."""

    async def remove(
        self, request: proto.RoomParticipantIdentity
    ) -> proto.RemoveParticipantResponse:
        """A phone gets BYE."""
        ...

    async def update(self, request: proto.UpdateParticipantRequest) -> ParticipantInfo:
        """The participant as it is then."""
        ...

    async def mute_published_track(
        self, request: proto.MuteRoomTrackRequest
    ) -> proto.MuteRoomTrackResponse:
        """An unknown track answers with none."""
        ...

    async def update_subscriptions(
        self, request: proto.UpdateSubscriptionsRequest
    ) -> proto.UpdateSubscriptionsResponse:
        """Unknown tracks are passed over."""
        ...

    async def forward(
        self, request: proto.ForwardParticipantRequest
    ) -> proto.ForwardParticipantResponse:
        """As LiveKit's own server, which cannot do it."""
        ...

    async def move(self, request: proto.MoveParticipantRequest) -> proto.MoveParticipantResponse:
        """It keeps its connection, and is in the other room."""
        ...

    async def perform_rpc(self, request: proto.PerformRpcRequest) -> proto.PerformRpcResponse:
        """By room and `destination_identity`: calls a method of the participant."""
        ...


class SipBackend(Protocol):
    """By call: LiveKit's `SIPInternal`."""

    async def transfer(self, request: TransferRequest) -> TransferRecord:
        """The record of a transfer that succeeded. In this order: the verdict of an earlier
        request with this id; the participant (`rooms.rules.participant_missing`), its call;
        then the transfer itself (transfer.md)."""
        ...

    async def dial(self, request: DialRequest) -> SIPParticipantInfo:
        """Place a call; with wait_until_answered the answer comes when it is answered."""
        ...

    async def messages(self, call_id: str) -> tuple[CallRecord, KeptMessages | None] | None:
        """The SIP messages so far of a call that is up or has just ended, with its record as it is;
        None of the messages where none are kept, None at all for any other call."""
        ...


class RtcBackend(Protocol):
    """By room: participants that join by themselves. LiveKit's `Signal`."""

    async def check(self, claims: Claims, client: ClientJoin) -> None:
        """Whether this join may be, by the rooms and their limits; changes nothing. Raises
        ApiError: its code is the HTTP status of the refusal. `client.room` is the room."""
        ...

    def join_refused(self, code: str) -> None:
        """A join was refused with that code of an ApiError, by `check` or before it."""
        ...

    async def session(self, claims: Claims, client: ClientJoin, socket: MessageSocket) -> None:
        """An open socket, until its end; what was checked may have changed meanwhile."""
        ...


class AgentBackend(Protocol):
    """Agent workers: LiveKit's `AgentInternal`."""

    async def session(self, claims: Claims, socket: MessageSocket) -> None:
        """A worker's open socket, until its end."""
        ...

    def report(self) -> dict[str, Any]:
        """The workers and what waits for one, as `GET /hookflash/agents` shows them."""
        ...


def unimplemented(what: str) -> ApiError:
    """501, with a text that says so."""
    return ApiError("unimplemented", f"{what} is not implemented by Hookflash")
