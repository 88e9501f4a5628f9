"""How a client asks to join: the query of `/rtc` and `/rtc/v1`, and what its token adds.

`/rtc` names everything in the query (two connections). `/rtc/v1` has `join_request`: base64url of a
WrappedJoinRequest, in which a JoinRequest is packed with gzip or not (one connection).
"""

from __future__ import annotations

import binascii
import json
import zlib
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, cast

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from livekit.protocol.models import ClientInfo, ParticipantInfo, TrackSource
from livekit.protocol.room import RoomConfiguration
from livekit.protocol.rtc import (
    AddTrackRequest,
    JoinRequest,
    SessionDescription,
    SyncState,
    WrappedJoinRequest,
)

from ..access.grants import Claims, VideoGrant
from ..base.errors import ProtocolError
from ..base.light import light_dataclass
from ..rooms.orders import ClientTraits, Join, Kind, Permission, RoomOptions

MAX_JOIN_REQUEST = 512 * 1024
"""Bytes of a JoinRequest, unpacked; its wrapping may not be longer either."""
MAX_ADD_TRACKS = 50
"""Tracks that a join request may add."""


class JoinError(ProtocolError):
    """A join request that cannot be read: HTTP 400 with this text."""


@light_dataclass(frozen=True, slots=True)
class JoinParameters:
    """What the client said when it opened its socket."""

    client: ClientInfo
    auto_subscribe: bool = True
    adaptive_stream: bool = False
    two_connections: bool = False
    """v0 (`/rtc`): publisher and subscriber connections. False: one, the client offers."""
    offer: SessionDescription | None = None
    """JoinRequest.publisher_offer."""
    add_tracks: tuple[AddTrackRequest, ...] = ()
    metadata: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    """JoinRequest's; used only with the grant to change one's own."""
    reconnect: bool = False
    participant_sid: str = ""
    """With `reconnect`: whose session is to be resumed."""
    sync_state: SyncState | None = None


def read_join_request(text: str) -> JoinParameters:
    """`join_request` of `/rtc/v1`, with padding or without. Raises JoinError."""
    if not text:
        raise JoinError("no join request")
    if len(text) > MAX_JOIN_REQUEST * 4 // 3 + 4:
        raise JoinError("join request is too long")
    try:
        wrapped = WrappedJoinRequest.FromString(_bytes_of(text))
        content = wrapped.join_request
        if wrapped.compression == WrappedJoinRequest.Compression.GZIP:
            content = _unpack(content)
        request = JoinRequest.FromString(content)
    except (binascii.Error, ValueError, DecodeError, zlib.error):
        raise JoinError("cannot read the join request") from None
    if len(request.add_track_requests) > MAX_ADD_TRACKS:
        raise JoinError("too many tracks in the join request")
    settings = request.connection_settings
    return JoinParameters(
        client=request.client_info,
        auto_subscribe=settings.auto_subscribe,
        adaptive_stream=settings.adaptive_stream,
        offer=request.publisher_offer if request.HasField("publisher_offer") else None,
        add_tracks=tuple(request.add_track_requests),
        metadata=request.metadata,
        attributes=tuple(request.participant_attributes.items()),
        reconnect=request.reconnect,
        participant_sid=request.participant_sid,
        sync_state=request.sync_state if request.HasField("sync_state") else None,
    )


def read_query(query: Mapping[str, str]) -> JoinParameters:
    """The query of `/rtc`; wrong numbers count as absent. Raises JoinError for wrong attributes."""
    client = ClientInfo(
        sdk=_sdk(query.get("sdk", "")),
        version=query.get("version", ""),
        protocol=_number(query.get("protocol", "")),
        os=query.get("os", ""),
        os_version=query.get("os_version", ""),
        device_model=query.get("device_model", ""),
        browser=query.get("browser", ""),
        browser_version=query.get("browser_version", ""),
        network=query.get("network", ""),
        client_protocol=_number(query.get("client_protocol", "")),
        capabilities=_capabilities(query.get("capabilities", "")),
    )
    return JoinParameters(
        client=client,
        auto_subscribe=_flag(query.get("auto_subscribe", "1")),
        adaptive_stream=_flag(query.get("adaptive_stream", "")),
        two_connections=True,
        attributes=_attributes(query.get("attributes", "")),
        reconnect=_flag(query.get("reconnect", "")),
        participant_sid=query.get("sid", ""),
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


def _bytes_of(text: str) -> bytes:
    """base64url, with padding or without. Raises ValueError."""
    bare = text.rstrip("=")
    return b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)


def _unpack(packed: bytes) -> bytes:
    """gzip, at most `MAX_JOIN_REQUEST` bytes of content."""
    inflater = zlib.decompressobj(wbits=31)
    content = inflater.decompress(packed, MAX_JOIN_REQUEST + 1)
    if len(content) > MAX_JOIN_REQUEST or not inflater.eof:
        raise JoinError("join request is too long, or cut off")
    return content


def _room_options(room_config: Mapping[str, Any] | None) -> RoomOptions | None:
    if room_config is None:
        return None
    message = RoomConfiguration()
    try:
        json_format.ParseDict(dict(room_config), message, ignore_unknown_fields=True)
    except (json_format.ParseError, RecursionError, ValueError, TypeError):
        raise JoinError("cannot read roomConfig of the token") from None
    return RoomOptions.of(message)


def _attributes(text: str) -> tuple[tuple[str, str], ...]:
    """base64url of a JSON object of texts."""
    if not text:
        return ()
    try:
        values = json.loads(_bytes_of(text))
    except (ValueError, RecursionError):
        raise JoinError("cannot read the attributes") from None
    if not isinstance(values, dict):
        raise JoinError("cannot read the attributes")
    return tuple((key, value) for key, value in values.items() if isinstance(value, str))


def _flag(text: str) -> bool:
    return text.lower() in ("1", "true", "t")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _sdk(name: str) -> ClientInfo.SDK:
    found = _SDKS.get(name.replace("_", "").lower(), ClientInfo.SDK.UNKNOWN)
    return cast(ClientInfo.SDK, found)


def _capabilities(text: str) -> list[ClientInfo.Capability]:
    known = dict(ClientInfo.Capability.items())
    return [cast(ClientInfo.Capability, known[n]) for n in text.split(",") if n in known]


_SDKS = {name.replace("_", "").lower(): value for name, value in ClientInfo.SDK.items()}
_KINDS = {name.lower(): value for name, value in ParticipantInfo.Kind.items()}
_SOURCES = {
    name.lower(): value for name, value in TrackSource.items() if value != TrackSource.UNKNOWN
}
