"""Messages to clients that take more than a line, and what no client could bear in them.

A wrong prefix of an identifier, or a zero interval, ends the process of a client (facts on
LiveKit's real-time protocol, §3.2): `JoinResponse` is built here only, and checked.
"""

from __future__ import annotations

from collections.abc import Iterable

from livekit.protocol.models import (
    Codec,
    DisconnectReason,
    ParticipantInfo,
    ServerInfo,
)
from livekit.protocol.models import Room as RoomInfo
from livekit.protocol.rtc import (
    ICEServer,
    JoinResponse,
    LeaveRequest,
    ReconnectResponse,
    RequestResponse,
    RoomMovedResponse,
    SignalRequest,
    SignalResponse,
)

from ..base.light import light_dataclass
from ..rooms.info import participant_info, room_info
from ..rooms.room import Participant, Room
from .ice_servers import IceSettings, ice_servers

PING_INTERVAL = 5
"""Seconds between a client's pings (JoinResponse.ping_interval)."""
PING_TIMEOUT = 15
"""Seconds without a message after which either side gives the socket up."""
MOST_COPIED = 64 * 1024
"""Octets of a request that is copied into its answer: a long one, of many small parts, takes as
long to copy and to write as it took to read, twice."""
PROTOCOL = 17
"""LiveKit's signalling protocol that is spoken here (conformance/signalling)."""
AGENT_PROTOCOL = 1
SERVER_VERSION = "1.13.5"
"""The LiveKit release whose messages these are: SDKs look which features it has."""

Reason = RequestResponse.Reason
Action = LeaveRequest.Action


@light_dataclass(frozen=True, slots=True)
class ServerFacts:
    """What clients are told of the server."""

    node_id: str = "ND_hookflash"
    version: str = SERVER_VERSION
    region: str = ""
    ice_servers: tuple[ICEServer, ...] = ()

    @classmethod
    def of(cls, node_id: str, settings: IceSettings) -> ServerFacts:
        """`settings`: which servers clients are told of."""
        told = ice_servers(settings.stun_servers, settings.turn_servers)
        return cls(node_id, ice_servers=told)

    def info(self) -> ServerInfo:
        """As JoinResponse and ReconnectResponse carry it."""
        return ServerInfo(
            version=self.version,
            protocol=PROTOCOL,
            region=self.region,
            node_id=self.node_id,
            agent_protocol=AGENT_PROTOCOL,
        )


def join(
    participant: Participant, counts: tuple[int, int], facts: ServerFacts, *, two_connections: bool
) -> SignalResponse:
    """The first message. Raises ValueError where it would break a client (a fault of ours)."""
    room = participant.room
    message = JoinResponse(
        room=room_info(room, counts),
        participant=participant_info(participant),
        other_participants=others(participant),
        server_version=facts.version,
        ice_servers=facts.ice_servers,
        subscriber_primary=two_connections,
        server_region=facts.region,
        ping_timeout=PING_TIMEOUT,
        ping_interval=PING_INTERVAL,
        server_info=facts.info(),
        enabled_publish_codecs=_publish_codecs(room),
        fast_publish=True,
    )
    check_join(message)
    return SignalResponse(join=message)


def check_join(message: JoinResponse) -> None:
    """Raise ValueError for what ends or hangs a client (facts §3.2)."""
    if not message.HasField("room") or not message.HasField("participant"):
        raise ValueError("a join without its room or participant")
    if not message.room.sid.startswith("RM_"):
        raise ValueError(f"a room's SID does not begin with RM_: {message.room.sid!r}")
    if message.ping_interval <= 0 or message.ping_timeout <= 0:
        raise ValueError("a join without ping interval or timeout")
    for info in (message.participant, *message.other_participants):
        check_participant(info)


def check_participant(info: ParticipantInfo) -> None:
    """The same for a participant and its tracks."""
    if not info.sid.startswith("PA_"):
        raise ValueError(f"a participant's SID does not begin with PA_: {info.sid!r}")
    for track in info.tracks:
        if not track.sid.startswith("TR_"):
            raise ValueError(f"a track's SID does not begin with TR_: {track.sid!r}")


def others(participant: Participant) -> Iterable[ParticipantInfo]:
    """Those of the room that `participant` knows of."""
    room = participant.room
    return [participant_info(p) for p in room.others(participant) if is_shown(p)]


def is_shown(participant: Participant) -> bool:
    """True if others are told of this participant."""
    return participant.active and not participant.permission.hidden


def reconnect(facts: ServerFacts) -> SignalResponse:
    """The first message of a resumed session."""
    return SignalResponse(
        reconnect=ReconnectResponse(ice_servers=facts.ice_servers, server_info=facts.info())
    )


def room_moved(participant: Participant, room: RoomInfo, token: str) -> SignalResponse:
    """`participant` is in that room now."""
    message = RoomMovedResponse(
        room=room,
        token=token,
        participant=participant_info(participant),
        other_participants=others(participant),
    )
    check_participant(message.participant)
    for info in message.other_participants:
        check_participant(info)
    return SignalResponse(room_moved=message)


def leave(reason: DisconnectReason, action: Action = Action.DISCONNECT) -> SignalResponse:
    """The last message: whether the client may come back, and how."""
    again = action != Action.DISCONNECT  # for clients that know no action
    return SignalResponse(leave=LeaveRequest(can_reconnect=again, reason=reason, action=action))


def cannot_resume() -> SignalResponse:
    """To a client that wants to resume a session which is not here: it joins anew."""
    return leave(DisconnectReason.STATE_MISMATCH, Action.RECONNECT)


def answer_to(
    request: SignalRequest | None, reason: Reason, text: str = "", request_id: int = 0
) -> SignalResponse:
    """RequestResponse with a copy of the request, where that message has a place for it and the
    request is no longer than `MOST_COPIED`."""
    message = RequestResponse(request_id=request_id, reason=reason, message=text)
    field = request.WhichOneof("message") if request is not None else None
    copied = _COPIED.get(field or "")
    if request is not None and field is not None and copied is not None:
        asked = getattr(request, field)
        if asked.ByteSize() <= MOST_COPIED:
            getattr(message, copied).CopyFrom(asked)
    return SignalResponse(request_response=message)


_COPIED = {
    "trickle": "trickle",
    "add_track": "add_track",
    "mute": "mute",
    "update_metadata": "update_metadata",
    "update_audio_track": "update_audio_track",
    "update_video_track": "update_video_track",
    "publish_data_track_request": "publish_data_track",
    "unpublish_data_track_request": "unpublish_data_track",
}


def _publish_codecs(room: Room) -> list[Codec]:
    """Video first, no retransmission, as LiveKit lists them."""
    codecs = [mime for mime in room.codecs if mime != "video/rtx"]
    codecs.sort(key=lambda mime: mime.startswith("audio/"))
    return [Codec(mime=mime) for mime in codecs]
