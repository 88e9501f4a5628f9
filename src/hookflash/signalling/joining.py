"""Who joins: what a client asks for (`join.ClientJoin`) and what its token says, together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from google.protobuf import json_format
from livekit.protocol.models import ClientInfo, ParticipantInfo, TrackSource
from livekit.protocol.room import RoomConfiguration
from livekit.protocol.rtc import AddTrackRequest, SessionDescription

from ..access.grants import Claims, VideoGrant
from ..base.light import light_dataclass
from ..rooms.orders import ClientTraits, Join, Kind, Permission, RoomOptions
from .join import MAX_ADD_TRACKS, ClientJoin, JoinError


@light_dataclass(frozen=True, slots=True)
class JoinParameters:
    """What the client said when it opened its socket."""

    client: ClientInfo
    auto_subscribe: bool = True
    two_connections: bool = False
    """v0 (`/rtc`): publisher and subscriber connections. False: one, the client offers."""
    offer: SessionDescription | None = None
    """JoinRequest.publisher_offer."""
    add_tracks: tuple[AddTrackRequest, ...] = ()
    metadata: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    """JoinRequest's; used only with the grant to change one's own."""


def parameters_of(asked: ClientJoin) -> JoinParameters:
    """What the client asks for, as its session takes it. Raises JoinError for too many tracks."""
    join = asked.join
    if len(join.add_track_requests) > MAX_ADD_TRACKS:
        raise JoinError("too many tracks in the join request")
    return JoinParameters(
        client=join.client_info,
        auto_subscribe=join.connection_settings.auto_subscribe,
        two_connections=not asked.single_connection,
        offer=join.publisher_offer if join.HasField("publisher_offer") else None,
        add_tracks=tuple(join.add_track_requests),
        metadata=join.metadata,
        attributes=tuple(join.participant_attributes.items()),
    )


def join_of(claims: Claims, parameters: JoinParameters) -> Join:
    """Who joins, by its token. Raises JoinError for a roomConfig that cannot be read."""
    grant = claims.video
    attributes = dict(claims.attributes)
    metadata = claims.metadata
    if grant.can_update_own_metadata:
        attributes.update(parameters.attributes)
        metadata = parameters.metadata or metadata
    return Join(
        claims.identity,
        name=claims.name,
        kind=kind_of(claims.kind),
        attributes=attributes,
        metadata=metadata,
        permission=permission_of(grant),
        room_options=_room_options(claims.room_config),
        room_preset=claims.room_preset,
        client=ClientTraits(
            parameters.client.client_protocol,
            tuple(parameters.client.capabilities),
            parameters.auto_subscribe,
        ),
    )


def permission_of(grant: VideoGrant) -> Permission:
    """What a token's grant lets a participant do; sources are named as in tokens."""
    sources = tuple(_SOURCES[name] for name in grant.can_publish_sources if name in _SOURCES)
    return Permission(
        can_subscribe=grant.can_subscribe,
        can_publish=grant.can_publish and bool(sources or not grant.can_publish_sources),
        can_publish_data=grant.can_publish_data,
        can_update_metadata=grant.can_update_own_metadata,
        hidden=grant.hidden,
        recorder=grant.recorder,
        agent=grant.agent,
        can_publish_sources=sources,
        can_subscribe_metrics=grant.can_subscribe_metrics,
        can_manage_agent_session=grant.can_manage_agent_session,
    )


def kind_of(name: str) -> ParticipantInfo.Kind:
    """A token's `kind`, in any case; standard where it is absent or unknown."""
    return cast(ParticipantInfo.Kind, _KINDS.get(name.lower(), Kind.STANDARD))


def _room_options(room_config: Mapping[str, Any] | None) -> RoomOptions | None:
    if room_config is None:
        return None
    message = RoomConfiguration()
    try:
        json_format.ParseDict(dict(room_config), message, ignore_unknown_fields=True)
    except (json_format.ParseError, RecursionError, ValueError, TypeError):
        raise JoinError("cannot read roomConfig of the token") from None
    return RoomOptions.of(message)


_KINDS = {name.lower(): value for name, value in ParticipantInfo.Kind.items()}
_SOURCES = {
    name.lower(): value for name, value in TrackSource.items() if value != TrackSource.UNKNOWN
}
