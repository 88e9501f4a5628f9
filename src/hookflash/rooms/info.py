"""Rooms as LiveKit's messages (conformance/webhooks.json, api-answers.json).

Built only when somebody asks: an API request or a webhook.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from livekit.protocol.agent import Job
from livekit.protocol.agent_dispatch import AgentDispatch, AgentDispatchState
from livekit.protocol.models import (
    BackupCodecPolicy,
    Codec,
    ParticipantInfo,
    ParticipantPermission,
    SimulcastCodecInfo,
    TimedVersion,
    TrackInfo,
    VideoLayer,
)
from livekit.protocol.models import Room as RoomInfo

from .orders import Dispatch, Permission
from .room import Participant, Room, Track

# Looked up once: a protobuf enum looks for each name in its descriptor.
_ONE_LAYER = VideoLayer.Mode.ONE_SPATIAL_LAYER_PER_STREAM
_SIMULCAST = BackupCodecPolicy.SIMULCAST


@lru_cache(maxsize=16)
def _with_codecs(codecs: tuple[str, ...]) -> RoomInfo:
    """A message to copy from: ten sub-messages are the dearest part of a room."""
    return RoomInfo(enabled_codecs=[Codec(mime=mime) for mime in codecs])


@lru_cache(maxsize=256)
def permission_info(permission: Permission) -> ParticipantPermission:
    """Shared: do not change it."""
    return ParticipantPermission(
        can_subscribe=permission.can_subscribe,
        can_publish=permission.can_publish,
        can_publish_data=permission.can_publish_data,
        can_publish_sources=permission.can_publish_sources,  # type: ignore[arg-type]
        hidden=permission.hidden,
        recorder=permission.recorder,
        can_update_metadata=permission.can_update_metadata,
        agent=permission.agent,
        can_subscribe_metrics=permission.can_subscribe_metrics,
        can_manage_agent_session=permission.can_manage_agent_session,
    )


def room_info(room: Room, counts: tuple[int, int] | None = None) -> RoomInfo:
    """`counts`: num_participants and num_publishers; those of now by default."""
    message = RoomInfo()
    message.CopyFrom(_with_codecs(room.codecs))
    message.sid = room.sid
    message.name = room.name
    message.empty_timeout = room.empty_timeout
    message.departure_timeout = room.departure_timeout
    message.max_participants = room.max_participants
    message.creation_time = int(room.created_at + room.shift)
    message.creation_time_ms = int((room.created_at + room.shift) * 1000)
    message.turn_password = room.turn_password
    message.metadata = room.metadata
    message.num_participants, message.num_publishers = counts or room.counts()
    return message


def participant_info(participant: Participant) -> ParticipantInfo:
    """The whole participant with its tracks."""
    return ParticipantInfo(
        sid=participant.sid,
        identity=participant.identity,
        state=participant.state,
        tracks=[track_info(track) for track in participant.tracks.values()],
        metadata=participant.metadata,
        joined_at=int(participant.joined_at + participant.shift),
        joined_at_ms=int((participant.joined_at + participant.shift) * 1000),
        name=participant.name,
        version=participant.version,
        permission=permission_info(participant.permission),
        is_publisher=participant.is_publisher,
        kind=participant.kind,
        attributes=participant.attributes,
        disconnect_reason=participant.disconnect_reason,
        client_protocol=participant.client.protocol,
        capabilities=participant.client.capabilities,  # type: ignore[arg-type]
    )


def shared_info(participant: Participant) -> ParticipantInfo:
    """The same, made once for all who are told of one change: do not change it."""
    state = (
        participant.version,
        participant.state,
        participant.is_publisher,
        len(participant.tracks),
    )
    if participant.shown is None or participant.shown[0] != state:
        participant.shown = (state, participant_info(participant))
    return participant.shown[1]


def track_info(track: Track) -> TrackInfo:
    """One track. A telephone's is audio/opus whatever it really speaks; before the media of a
    client's track begins, neither its type nor its section is known, and it has no version."""
    if track.details is not None:
        return _client_track_info(track, track.details)
    codec = SimulcastCodecInfo(
        mime_type=track.mime_type,
        mid=track.mid,
        cid=track.cid,
        video_layer_mode=_ONE_LAYER,
    )
    return TrackInfo(
        sid=track.sid,
        type=track.type,
        name=track.name,
        muted=track.muted,
        source=track.source,
        mime_type=track.mime_type,
        mid=track.mid,
        codecs=[codec],
        stream=track.stream,
        version=TimedVersion(unix_micro=track.version_us),
        backup_codec_policy=_SIMULCAST,
    )


def _client_track_info(track: Track, details: TrackInfo) -> TrackInfo:
    message = TrackInfo()
    message.CopyFrom(details)
    message.sid = track.sid
    message.muted = track.muted
    if not track.mime_type:
        return message
    message.mime_type = track.mime_type
    message.mid = track.mid
    message.version.unix_micro = track.version_us
    if message.codecs:
        message.codecs[0].mime_type = track.mime_type
        message.codecs[0].mid = track.mid
    return message


def dispatch_info(dispatch: Dispatch, jobs: Sequence[Job] = ()) -> AgentDispatch:
    """An agent dispatch with its jobs. Times are nanoseconds (facts §8)."""
    order = dispatch.order
    deleted_at = dispatch.deleted_at
    return AgentDispatch(
        id=dispatch.dispatch_id,
        agent_name=order.agent_name,
        room=dispatch.room,
        metadata=order.metadata,
        state=AgentDispatchState(
            jobs=jobs,
            created_at=int(dispatch.created_at * 1e9),
            deleted_at=int(deleted_at * 1e9) if deleted_at is not None else 0,
        ),
        restart_policy=order.restart_policy,
        deployment=order.deployment,
        attributes=order.attributes,
    )
