"""The tracks of others that a client takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from livekit.protocol.models import SubscriptionError
from livekit.protocol.rtc import (
    SignalResponse,
    StreamState,
    StreamStateInfo,
    StreamStateUpdate,
    SubscriptionPermission,
    SubscriptionPermissionUpdate,
    SubscriptionResponse,
    SyncState,
    UpdateSubscription,
    UpdateTrackSettings,
)

from ..base.counts import MOST_ENTRIES, check_count
from ..rooms.room import Participant, Track
from ..rooms.rules import RoomRefused
from ..rooms.tracks import named_tracks
from .effects import AdjustTrack, Subscribe, Unsubscribe
from .responses import is_shown
from .state import SessionState

_NOT_FOUND = SubscriptionError.SE_TRACK_NOTFOUND
_NO_CODEC = SubscriptionError.SE_CODEC_UNSUPPORTED
MOST_MISSING = 100
"""Answers to one request for tracks that are not there. A request has room for 100,000 names."""


class Subscriptions:
    """What is asked for, what is permitted, and what the connection was told of it."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._taken: dict[str, Track] = {}
        """By SID: what the connection sends to the client."""
        self._forbidden: set[str] = set()
        """SIDs of which the client was told that it may not take them."""
        self._could_subscribe = True

    def heard(self) -> Iterator[Participant]:
        """The participants of whose tracks the client takes some; one may come twice."""
        return (track.participant for track in self._taken.values())

    def update(self, request: UpdateSubscription) -> None:
        """`subscription`. Tracks that are not there are answered by
        `subscription_response`, the first `MOST_MISSING` of them; more than there could be are
        refused unread."""
        sids = named_tracks(request)
        participant = self._state.participant
        if request.subscribe:
            there = participant.room.tracks(sids)
            missing = [sid for sid in sids if sid not in there]
            for sid in missing[:MOST_MISSING]:
                self._failed(sid, _NOT_FOUND)
        self._state.rooms.set_subscriptions(participant, sids, request.subscribe)

    def adjust(self, request: UpdateTrackSettings) -> None:
        """`track_setting`, for those of the tracks that it takes."""
        check_count("tracks", len(request.track_sids), MOST_ENTRIES, RoomRefused)
        for sid in dict.fromkeys(request.track_sids):
            track = self._taken.get(sid)
            if track is not None:
                self._state.outbox.add(
                    AdjustTrack(
                        track,
                        request.disabled,
                        request.quality,
                        request.width,
                        request.height,
                        request.fps,
                    )
                )

    def permit(self, request: SubscriptionPermission) -> None:
        """`subscription_permission`: who may take the client's own tracks."""
        self._state.rooms.permit_subscriptions(self._state.participant, request)

    def sync(self, request: SyncState) -> None:
        """`sync_state` of a client that came back: what it takes, and what it does not show; of
        tracks without end the first."""
        if request.HasField("subscription"):
            update = request.subscription
            sids = dict.fromkeys(update.track_sids[:MOST_ENTRIES])
            self._state.rooms.set_subscriptions(self._state.participant, sids, update.subscribe)
        sids_disabled = request.track_sids_disabled[:MOST_ENTRIES]
        hidden = UpdateTrackSettings(track_sids=sids_disabled, disabled=True)
        self.adjust(hidden)

    def settle(self, concerned: Sequence[Participant] | None = None) -> None:
        """Take what is wanted and permitted now, and no longer what is not: of the tracks of those
        who are `concerned`, None for everybody's."""
        state, participant = self._state, self._state.participant
        wanted: dict[str, Track] = {}
        for other in filter(is_shown, state.others(concerned)):
            for track in other.tracks.values():
                self._tell_permission(other, track)
                if participant.will_take(track):
                    wanted[track.sid] = track
        sids = None if concerned is None else {one.sid for one in concerned}
        for sid, track in list(self._taken.items()):
            if sid not in wanted and (sids is None or track.participant.sid in sids):
                del self._taken[sid]
                state.outbox.add(Unsubscribe(track))
        if self._forbidden:
            self._forbidden = set(participant.room.tracks(self._forbidden))
        for sid, track in wanted.items():
            if sid not in self._taken:
                self._taken[sid] = track
                if self._could_subscribe:
                    self._permission(track, True)
                state.outbox.add(Subscribe(track))
        self._could_subscribe = participant.permission.can_subscribe

    def drop(self) -> None:
        """Take nothing any more: the room is another one from now on."""
        for track in self._taken.values():
            self._state.outbox.add(Unsubscribe(track))
        self._taken.clear()
        self._forbidden.clear()

    def streams(self, paused: dict[str, bool]) -> None:
        """Tracks (by SID) that are held back or sent again for want of bandwidth."""
        states = [
            StreamStateInfo(
                participant_sid=self._taken[sid].participant.sid,
                track_sid=sid,
                state=StreamState.PAUSED if held else StreamState.ACTIVE,
            )
            for sid, held in paused.items()
            if sid in self._taken
        ]
        if states:
            message = StreamStateUpdate(stream_states=states)
            self._state.outbox.send(SignalResponse(stream_state_update=message))

    def undecodable(self, sid: str) -> None:
        """The client knows no codec of that track. It gets it should it offer one."""
        if sid in self._taken:
            self._failed(sid, _NO_CODEC)

    def _failed(self, sid: str, error: SubscriptionError) -> None:
        message = SubscriptionResponse(track_sid=sid, err=error)
        self._state.outbox.send(SignalResponse(subscription_response=message))

    def _tell_permission(self, publisher: Participant, track: Track) -> None:
        """Say once that a track which the client would take is not for it."""
        participant = self._state.participant
        if publisher.admits(participant, track.sid):
            self._forbidden.discard(track.sid)
        elif participant.wants(track.sid) and track.sid not in self._forbidden:
            self._forbidden.add(track.sid)
            self._permission(track, False)

    def _permission(self, track: Track, allowed: bool) -> None:
        message = SubscriptionPermissionUpdate(
            participant_sid=track.participant.sid, track_sid=track.sid, allowed=allowed
        )
        self._state.outbox.send(SignalResponse(subscription_permission_update=message))
