"""What the parts of one session share, and what they ask of the rooms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from livekit.protocol.models import DisconnectReason
from livekit.protocol.rtc import AddTrackRequest, SubscriptionPermission

from ..base.light import light_dataclass
from ..rooms.orders import ParticipantChange
from ..rooms.room import Participant, Track
from .outbox import Outbox
from .responses import ServerFacts

TokenMaker = Callable[[Participant], str]
"""A new access token (JWT) of that participant, for `refresh_token`."""


class RoomInputs(Protocol):
    """The rooms (`runtime.rooms.RoomHost`): inputs tell every listener, this session too, before
    they return. RoomRefused where the rooms say no."""

    def activate(self, participant: Participant) -> None: ...

    def leave(self, participant: Participant, reason: DisconnectReason = ...) -> None: ...

    def update_participant(self, participant: Participant, change: ParticipantChange) -> None: ...

    def add_track(self, participant: Participant, request: AddTrackRequest) -> Track: ...

    def publish_track(self, track: Track, mime_type: str, mid: str) -> None: ...

    def unpublish_track(self, track: Track) -> None: ...

    def mute_track(self, track: Track, muted: bool) -> None: ...

    def describe_track(
        self,
        track: Track,
        *,
        features: Sequence[int] | None = None,
        size: tuple[int, int] | None = None,
    ) -> None: ...

    def set_subscriptions(
        self, participant: Participant, track_sids: Iterable[str], subscribe: bool
    ) -> None: ...

    def permit_subscriptions(
        self, participant: Participant, message: SubscriptionPermission
    ) -> None: ...


@light_dataclass(frozen=True, slots=True)
class SessionSettings:
    """Times in seconds."""

    facts: ServerFacts = field(default_factory=ServerFacts)
    connect_timeout: float = 15.0
    """From the join until the connection for media stands."""
    reconnect_timeout: float = 15.0
    """A participant without a socket is kept so long."""
    allow_simulation: bool = False


@dataclass(slots=True)
class SessionState:
    """One session's participant (another one after a move), outbox and surroundings."""

    participant: Participant
    rooms: RoomInputs
    outbox: Outbox
    settings: SessionSettings

    def is_gone(self, other: Participant) -> bool:
        """True if that one is not, or no longer, in the participant's room."""
        return self.participant.room.participants.get(other.identity) is not other

    def others(self, concerned: Iterable[Participant] | None) -> Iterable[Participant]:
        """Of those who are concerned, whoever else is in the room; None: everybody else."""
        if concerned is None:
            return self.participant.room.others(self.participant)
        mine = self.participant
        return (other for other in concerned if other is not mine and not self.is_gone(other))
