"""A room, its participants and their tracks. Only `Rooms` changes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from livekit.protocol.models import (
    DisconnectReason,
    ParticipantInfo,
    TrackInfo,
    TrackSource,
    TrackType,
)

from ..base.text import clean
from .orders import CODECS, ClientTraits, Dispatch, Kind, Permission, RoomOptions
from .rules import room_full
from .subscribers import EVERYBODY, Subscribers

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

JOIN_TIMEOUT = 60.0
"""Seconds within which a participant that joined must become active (facts §6.3)."""

COUNTS_INTERVAL = 5.0
"""LiveKit refreshes the numbers in its room object this often (conformance/room-events.json)."""


class Track:
    """A published track. The defaults are what LiveKit shows for a telephone's audio."""

    __slots__ = (
        "cid",
        "details",
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
        type: TrackType = _AUDIO,  # LiveKit's name
        details: TrackInfo | None = None,
    ) -> None:
        self.participant = participant
        self.sid = sid
        self.name = name
        self.type = type
        self.source = source
        self.mime_type = mime_type
        self.mid = mid
        self.cid = cid
        self.stream = stream
        self.muted = False
        self.version_us = version_us
        """When it last changed, microseconds since the epoch."""
        self.details = details
        """What a client said of it when it was added (`rooms.tracks`); None: a telephone's."""
        self.memo: str | None = None
        """How webhooks show it, until it changes."""


class Participant:
    """One member of a room, from its join until it has left."""

    __slots__ = (
        "attributes",
        "client",
        "dependent",
        "disconnect_reason",
        "identity",
        "is_publisher",
        "joined_at",
        "kind",
        "listens",
        "metadata",
        "name",
        "pending",
        "permission",
        "room",
        "shift",
        "shown",
        "sid",
        "state",
        "subscribed",
        "subscribers",
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
        client: ClientTraits | None = None,
        listens: bool = True,
        shift: float = 0.0,
    ) -> None:
        self.room = room
        self.sid = sid
        self.identity = identity
        self.name = name
        self.kind = kind
        self.permission = permission or Permission()
        self.client = client or ClientTraits()
        self.listens = listens
        """False: as if it were subscribed to nothing, for the time being."""
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
        self.pending: dict[str, Track] = {}
        """By cid: added by its client, not yet known to the others."""
        self.unsubscribed: frozenset[str] = frozenset()
        """SIDs of tracks of others that this participant does not take."""
        self.subscribed: frozenset[str] = frozenset()
        """The only ones it takes, if its client subscribes by itself (`ClientTraits`)."""
        self.subscribers: Subscribers = EVERYBODY
        """Who may take this participant's tracks."""
        self.disconnect_reason: DisconnectReason = _UNKNOWN
        self.shown: tuple[tuple[int, ...], ParticipantInfo] | None = None
        """How it was last shown to clients, and what it was then (`rooms.info.shared_info`)."""

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
        return self.active and self.listens and self.will_take(track)

    def will_take(self, track: Track) -> bool:
        """The same, also before it is active."""
        return (
            track.participant is not self
            and self.permission.can_subscribe
            and self.wants(track.sid)
            and track.participant.admits(self, track.sid)
        )

    def wants(self, track_sid: str) -> bool:
        """True if it asked for that track, or takes all and did not refuse this one."""
        if self.client.auto_subscribe:
            return track_sid not in self.unsubscribed
        return track_sid in self.subscribed

    def takes_all(self) -> bool:
        """True if there is no track of the others, and will be none, that it does not take."""
        return (
            self.permission.can_subscribe
            and self.client.auto_subscribe
            and not self.unsubscribed
            and all(other.subscribers.everybody for other in self.room.others(self))
        )

    def admits(self, subscriber: Participant, track_sid: str) -> bool:
        """True if `subscriber` may take that track of this participant."""
        return self.subscribers.admit(subscriber.identity, subscriber.sid, track_sid)

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


class Room:
    """One room. A new one of the same name has a new SID."""

    __slots__ = (
        "codecs",
        "created_at",
        "departure_timeout",
        "dispatches",
        "empty_timeout",
        "finished",
        "joining",
        "keepers",
        "last_left_at",
        "max_participants",
        "memo",
        "metadata",
        "name",
        "participants",
        "scheduled_at",
        "shift",
        "sid",
        "told_at",
        "told_counts",
        "turn_password",
    )

    def __init__(
        self,
        sid: str,
        name: str,
        created_at: float,
        options: RoomOptions,
        *,
        turn_password: str,
        codecs: tuple[str, ...] = CODECS,
        shift: float = 0.0,
    ) -> None:
        self.sid = sid
        self.name = name
        self.created_at = created_at
        """Seconds since the epoch, by the clock of deadlines."""
        self.shift = shift
        """From there to the world's time, which others are told."""
        self.empty_timeout = options.empty_timeout
        self.departure_timeout = options.departure_timeout
        self.max_participants = options.max_participants
        self.metadata = clean(options.metadata)
        self.turn_password = turn_password
        self.codecs = codecs
        self.participants: dict[str, Participant] = {}
        """By identity, in order of joining; whoever left is gone from here."""
        self.dispatches: dict[str, Dispatch] = {}
        """By id, in order of creation."""
        self.finished = False
        self.keepers = 0
        """Participants present that keep the room open (all but agents and egress)."""
        self.joining: dict[str, Participant] = {}
        """By SID: joined but not active yet, the longest waiting first."""
        self.last_left_at: float | None = None
        """When a participant of the first kind last left."""
        self.scheduled_at: float | None = None
        """The registry's bookkeeping: the earliest entry for this room in its heap."""
        self.memo: str | None = None
        """Text that a reader made of `told` and the rest of the room; None once that changes."""
        self.told_at = created_at
        self.told_counts = (0, 0)

    def next_deadline(self) -> float | None:
        """When this room closes by itself or gives up a joining participant, if nothing comes."""
        closes_at = self.closes_at()
        if not self.joining:
            return closes_at
        gives_up_at = next(iter(self.joining.values())).joined_at + JOIN_TIMEOUT
        return gives_up_at if closes_at is None else min(closes_at, gives_up_at)

    def closes_at(self) -> float | None:
        """When it closes for want of participants (facts §6.2); None while somebody keeps it."""
        if self.keepers:
            return None
        if self.last_left_at is None:
            return self.created_at + self.empty_timeout
        return self.last_left_at + self.departure_timeout

    def counts(self) -> tuple[int, int]:
        """num_participants (agents and egress not counted) and num_publishers, now."""
        publishers = sum(1 for p in self.participants.values() if p.is_publisher)
        return self.keepers, publishers

    def told(self, now: float) -> tuple[int, int]:
        """The counts that webhooks and a join show: refreshed every 5 s, as LiveKit's are."""
        if now - self.told_at >= COUNTS_INTERVAL:
            self.told_at = now
            self.told_counts = self.counts()
            self.memo = None
        return self.told_counts

    def check_space(self, newcomer: Participant, former: Participant | None) -> None:
        """Raise RoomRefused if max_participants are in; `former` is about to be displaced."""
        if not self.max_participants or newcomer.dependent:
            return
        freed = 1 if former is not None and not former.dependent else 0
        if self.keepers - freed >= self.max_participants:
            raise room_full()

    def is_full(self, identity: str) -> bool:
        """True if nobody else could join who keeps the room; `identity` displaces its former
        self."""
        return bool(
            self.max_participants
            and identity not in self.participants
            and self.keepers >= self.max_participants
        )

    def others(self, participant: Participant) -> Iterator[Participant]:
        """Everybody else, in order of joining."""
        return (p for p in self.participants.values() if p is not participant)

    def hears_somebody(self, participant: Participant) -> bool:
        """True if this participant takes an audio track of somebody active."""
        return any(
            track.type == _AUDIO and participant.takes(track)
            for other in self.others(participant)
            if other.active
            for track in other.tracks.values()
        )

    def tracks(self, sids: Iterable[str]) -> dict[str, Track]:
        """Those that there are of these SIDs, by SID and in that order, whoever publishes them."""
        there = {sid: track for p in self.participants.values() for sid, track in p.tracks.items()}
        return {sid: there[sid] for sid in sids if sid in there}
