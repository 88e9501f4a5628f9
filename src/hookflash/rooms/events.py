"""What happened in a room: frozen data. `at` is seconds since the epoch.

Events hold the living room and participant, not copies. Deal with those of one input before
the next input, and they show the state at the time of the event.
"""

from __future__ import annotations

from collections.abc import Mapping

from livekit.protocol.models import DisconnectReason

from ..base.light import light_dataclass
from .orders import Dispatch
from .room import Participant, Room, Track


@light_dataclass(frozen=True, slots=True)
class RoomStarted:
    """A room was made, by a request or by the first join."""

    room: Room
    at: float


@light_dataclass(frozen=True, slots=True)
class RoomUpdated:
    """The room's metadata changed."""

    room: Room
    at: float


@light_dataclass(frozen=True, slots=True)
class RoomFinished:
    """The room is gone; its name is free. `reason`: ROOM_DELETED or ROOM_CLOSED."""

    room: Room
    reason: DisconnectReason
    at: float


@light_dataclass(frozen=True, slots=True)
class ParticipantJoined:
    """The participant became active."""

    room: Room
    participant: Participant
    at: float


@light_dataclass(frozen=True, slots=True)
class ParticipantLeft:
    """An active participant is out of the room.

    `by_room`: the room side ended it (removal, deletion, displacement); whoever owns its
    connection must close it.
    """

    room: Room
    participant: Participant
    reason: DisconnectReason
    by_room: bool
    at: float


@light_dataclass(frozen=True, slots=True)
class ParticipantAborted:
    """The same for a participant that never became active."""

    room: Room
    participant: Participant
    reason: DisconnectReason
    by_room: bool
    at: float


@light_dataclass(frozen=True, slots=True)
class ParticipantDisplaced:
    """Another one joined with the same identity. `ParticipantLeft` or `ParticipantAborted` of
    the displaced `participant` (by_room, DUPLICATE_IDENTITY) comes next."""

    room: Room
    participant: Participant
    by: Participant
    at: float


@light_dataclass(frozen=True, slots=True)
class ParticipantMoved:
    """It is in another room from now on, as `newcomer`. What that means for both rooms
    (`ParticipantLeft`, `ParticipantJoined`, tracks) comes next."""

    room: Room
    """The room that it leaves."""
    participant: Participant
    newcomer: Participant
    at: float


@light_dataclass(frozen=True, slots=True)
class ParticipantUpdated:
    """Name, metadata or permission changed."""

    room: Room
    participant: Participant
    at: float


@light_dataclass(frozen=True, slots=True)
class AttributesChanged:
    """`changed` has the new values; "" for those that are gone."""

    room: Room
    participant: Participant
    changed: Mapping[str, str]
    at: float


@light_dataclass(frozen=True, slots=True)
class TrackPublished:
    """A track can be taken by the others from now on."""

    room: Room
    participant: Participant
    track: Track
    at: float


@light_dataclass(frozen=True, slots=True)
class TrackUnpublished:
    """The track is gone; comes before its participant's leaving."""

    room: Room
    participant: Participant
    track: Track
    at: float


@light_dataclass(frozen=True, slots=True)
class TrackMuted:
    """The others no longer get this track, or get it again (`muted` False)."""

    room: Room
    participant: Participant
    track: Track
    muted: bool
    at: float


@light_dataclass(frozen=True, slots=True)
class SubscriptionsChanged:
    """`participant` takes these tracks from now on, or no longer."""

    room: Room
    participant: Participant
    tracks: tuple[Track, ...]
    subscribed: bool
    at: float


@light_dataclass(frozen=True, slots=True)
class SubscribersChanged:
    """`participant`, who publishes, changed who may take its tracks."""

    room: Room
    participant: Participant
    changed: tuple[tuple[Participant, Track, bool], ...]
    """Who may take which track from now on (True), or no longer."""
    at: float


@light_dataclass(frozen=True, slots=True)
class DtmfReceived:
    """LiveKit's SipDTMF packet: `digit` is one of 0-9 * # a-d, `code` 0-15 as RFC 4733 counts."""

    room: Room
    participant: Participant | None
    """Who pressed it; None: a server-side client sent it."""
    digit: str
    code: int
    destinations: tuple[str, ...]
    """Identities; empty: everybody but the sender."""
    duration_ms: int | None
    """How long the key was down, 0 where its telephone did not say; None: it is no telephone's."""
    relayed: bool
    """The others got it with the sender's RTP."""
    at: float


@light_dataclass(frozen=True, slots=True)
class DtmfPause:
    """Between the digits that a server-side client sends: half a second (`w`)."""

    room: Room
    destinations: tuple[str, ...]
    """As in `DtmfReceived`."""
    at: float


@light_dataclass(frozen=True, slots=True)
class DataReceived:
    """A data packet for participants of the room."""

    room: Room
    participant: Participant | None
    """The sender; None: a server-side client."""
    payload: bytes
    topic: str
    reliable: bool
    destinations: tuple[str, ...]
    """Identities; empty: everybody but the sender."""
    at: float


@light_dataclass(frozen=True, slots=True)
class DispatchCreated:
    """The room wants an agent."""

    room: Room
    dispatch: Dispatch
    at: float


@light_dataclass(frozen=True, slots=True)
class DispatchDeleted:
    """The room no longer wants it; its jobs end."""

    room: Room
    dispatch: Dispatch
    at: float


RoomEvent = (
    RoomStarted
    | RoomUpdated
    | RoomFinished
    | ParticipantJoined
    | ParticipantLeft
    | ParticipantAborted
    | ParticipantDisplaced
    | ParticipantMoved
    | ParticipantUpdated
    | AttributesChanged
    | TrackPublished
    | TrackUnpublished
    | TrackMuted
    | SubscriptionsChanged
    | SubscribersChanged
    | DtmfReceived
    | DtmfPause
    | DataReceived
    | DispatchCreated
    | DispatchDeleted
)
