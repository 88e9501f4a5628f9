"""A participant of a room and its tracks. Only `Rooms` changes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from livekit.protocol.models import (
    DisconnectReason,
    ParticipantInfo,
    ParticipantPermission,
    TrackSource,
    TrackType,
)

from ..base.light import light_dataclass
from ..base.text import clean
from . import info

if TYPE_CHECKING:
    from livekit.protocol.models import TrackInfo

    from .room import Room, RoomOptions

Kind = ParticipantInfo.Kind
"""LiveKit's own enum; a telephone is `Kind.SIP`."""
State = ParticipantInfo.State
# Looked up once: a protobuf enum looks for each name in its descriptor.
JOINING, ACTIVE, DISCONNECTED = State.JOINING, State.ACTIVE, State.DISCONNECTED
_UNKNOWN, _MICROPHONE, _AUDIO = (
    DisconnectReason.UNKNOWN_REASON,
    TrackSource.MICROPHONE,
    TrackType.AUDIO,
)

DEPENDENT_KINDS = frozenset((Kind.AGENT, Kind.EGRESS))
"""They do not keep a room open, and are not counted as its participants (facts §6.2)."""


@light_dataclass(frozen=True, slots=True)
class Permission:
    """What a participant may do; the defaults are those of a join token (facts §1.7)."""

    can_subscribe: bool = True
    can_publish: bool = True
    can_publish_data: bool = True
    can_update_metadata: bool = False
    hidden: bool = False
    recorder: bool = False
    agent: bool = False
    can_publish_sources: tuple[int, ...] = ()
    can_subscribe_metrics: bool = False
    can_manage_agent_session: bool = False

    @classmethod
    def of(cls, message: ParticipantPermission) -> Permission:
        """From the message that UpdateParticipant carries."""
        return cls(
            can_subscribe=message.can_subscribe,
            can_publish=message.can_publish,
            can_publish_data=message.can_publish_data,
            can_update_metadata=message.can_update_metadata,
            hidden=message.hidden,
            recorder=message.recorder,
            agent=message.agent,
            can_publish_sources=tuple(message.can_publish_sources),
            can_subscribe_metrics=message.can_subscribe_metrics,
            can_manage_agent_session=message.can_manage_agent_session,
        )


class Track:
    """A published track. The defaults are what LiveKit shows for a telephone's audio."""

    __slots__ = (
        "cid",
        "memo",
        "mid",
        "mime_type",
        "muted",
        "name",
        "participant",
        "sid",
        "source",
        "stream",
        "type",
        "version_us",
    )

    def __init__(
        self,
        participant: Participant,
        sid: str,
        name: str,
        version_us: int,
        *,
        source: TrackSource = _MICROPHONE,
        mime_type: str = "audio/opus",
        mid: str = "0",
        cid: str = "audio",
        stream: str = "camera",
    ) -> None:
        self.participant = participant
        self.sid = sid
        self.name = name
        self.type = _AUDIO
        self.source = source
        self.mime_type = mime_type
        self.mid = mid
        self.cid = cid
        self.stream = stream
        self.muted = False
        self.version_us = version_us
        """When it last changed, microseconds since the epoch."""
        self.memo: str | None = None
        """How webhooks show it, until it changes."""

    def info(self) -> TrackInfo:
        """LiveKit's message, built now."""
        return info.track_info(self)


class Participant:
    """One member of a room, from its join until it has left."""

    __slots__ = (
        "attributes",
        "dependent",
        "disconnect_reason",
        "identity",
        "is_publisher",
        "joined_at",
        "kind",
        "metadata",
        "name",
        "permission",
        "room",
        "shift",
        "sid",
        "state",
        "tracks",
        "unsubscribed",
        "version",
    )

    def __init__(
        self,
        room: Room,
        sid: str,
        identity: str,
        joined_at: float,
        *,
        name: str = "",
        kind: ParticipantInfo.Kind = Kind.STANDARD,
        attributes: dict[str, str] | None = None,
        metadata: str = "",
        permission: Permission | None = None,
        shift: float = 0.0,
    ) -> None:
        self.room = room
        self.sid = sid
        self.identity = identity
        self.name = name
        self.kind = kind
        self.permission = permission or Permission()
        self.attributes = attributes if attributes is not None else {}
        self.metadata = metadata
        self.joined_at = joined_at
        """Seconds since the epoch, by the clock of deadlines."""
        self.shift = shift
        """From there to the world's time, which others are told."""
        self.dependent = (
            kind in DEPENDENT_KINDS or self.permission.agent or self.permission.recorder
        )
        self.state: ParticipantInfo.State = JOINING
        self.version = 0
        """Counts the changes that others may see, as LiveKit does."""
        self.is_publisher = False
        """True from the first published track on, also after it has gone."""
        self.tracks: dict[str, Track] = {}
        """By SID, in order of publication."""
        self.unsubscribed: set[str] = set()
        """SIDs of tracks of others that this participant does not take."""
        self.disconnect_reason: DisconnectReason = _UNKNOWN

    @property
    def active(self) -> bool:
        """True between `Rooms.activate` and leaving."""
        return self.state == ACTIVE

    @property
    def left(self) -> bool:
        """True once it is out of the room, whoever wanted that."""
        return self.state == DISCONNECTED

    def takes(self, track: Track) -> bool:
        """True if this participant is subscribed to that track of another one."""
        return (
            self.active
            and track.participant is not self
            and self.permission.can_subscribe
            and track.sid not in self.unsubscribed
        )

    def info(self) -> ParticipantInfo:
        """LiveKit's message, built now."""
        return info.participant_info(self)

    def merged(self, changes: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """What `changes` really change ("" for what goes), and all attributes afterwards."""
        merged = dict(self.attributes)
        changed: dict[str, str] = {}
        for key, value in changes.items():
            key, value = clean(key), clean(value)
            if merged.get(key, "") == value:
                continue
            changed[key] = value
            if value:
                merged[key] = value
            else:
                del merged[key]
        return changed, merged


@light_dataclass(frozen=True, slots=True)
class Join:
    """Who wants to join. Texts may hold bytes that are no UTF-8 (as surrogates)."""

    identity: str
    name: str = ""
    kind: ParticipantInfo.Kind = Kind.STANDARD
    attributes: Mapping[str, str] = field(default_factory=dict)
    metadata: str = ""
    permission: Permission = field(default_factory=Permission)
    room_options: RoomOptions | None = None
    """Of the dispatch rule's or token's room_config: used if this join makes the room."""
    room_preset: str = ""


@light_dataclass(frozen=True, slots=True)
class ParticipantChange:
    """UpdateParticipant: "" and None mean no change; an attribute "" is deleted."""

    name: str = ""
    metadata: str = ""
    permission: Permission | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
