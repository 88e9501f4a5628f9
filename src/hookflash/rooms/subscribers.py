"""Who may subscribe to a participant's tracks (LiveKit's SubscriptionPermission)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from livekit.protocol.rtc import SubscriptionPermission

from ..base.light import light_dataclass


@light_dataclass(frozen=True, slots=True)
class Subscribers:
    """What a publisher allowed; the default is everybody."""

    everybody: bool = True
    tracks: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    """Track SIDs by a subscriber's identity or SID; None: all tracks."""

    @classmethod
    def of(cls, message: SubscriptionPermission) -> Subscribers:
        """From the client's message. Entries of one participant add up."""
        tracks: dict[str, set[str] | None] = {}
        for entry in message.track_permissions:
            key = entry.participant_identity or entry.participant_sid
            named = tracks.setdefault(key, set())
            if entry.all_tracks:
                tracks[key] = None
            elif named is not None:
                named.update(entry.track_sids)
        return cls(
            message.all_participants,
            {key: named if named is None else frozenset(named) for key, named in tracks.items()},
        )

    def admit(self, identity: str, participant_sid: str, track_sid: str) -> bool:
        """True if that participant may subscribe to that track."""
        if self.everybody:
            return True
        for key in (identity, participant_sid):
            if key in self.tracks:
                allowed = self.tracks[key]
                return allowed is None or track_sid in allowed
        return False

    def renamed(self, sids: Mapping[str, str]) -> Subscribers:
        """The same for tracks that have other SIDs now; of others it knows no more."""
        tracks = {
            key: allowed and frozenset(sids[sid] for sid in allowed if sid in sids)
            for key, allowed in self.tracks.items()
        }
        return Subscribers(self.everybody, tracks)


EVERYBODY = Subscribers()
