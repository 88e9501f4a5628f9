"""The tracks that a client publishes: from its AddTrackRequest to their end."""

from __future__ import annotations

from collections.abc import Sequence

from livekit.protocol.rtc import (
    AddTrackRequest,
    MuteTrackRequest,
    SignalRequest,
    SignalResponse,
    SubscribedCodec,
    SubscribedQuality,
    SubscribedQualityUpdate,
    TrackPublishedResponse,
    TrackSubscribed,
    TrackUnpublishedResponse,
    UpdateLocalAudioTrack,
    UpdateLocalVideoTrack,
)

from ..rooms.events import TrackMuted, TrackUnpublished
from ..rooms.info import track_info
from ..rooms.room import Participant, Track
from ..rooms.rules import RoomRefused, track_missing
from ..rooms.tracks import MAX_FEATURES
from .refusals import refusal
from .state import SessionState


class Publishing:
    """Requests of the client raise RoomRefused."""

    def __init__(self, state: SessionState) -> None:
        self._state = state
        self._own: set[str] = set()
        """SIDs of tracks that the client itself is muting or ending at this moment."""
        self._taken: set[str] = set()
        """SIDs of those of which the client knows that somebody takes them."""

    def add(self, request: AddTrackRequest) -> None:
        """`add_track`: `track_published` at once."""
        track = self._state.rooms.add_track(self._state.participant, request)
        message = TrackPublishedResponse(cid=request.cid, track=track_info(track))
        self._state.outbox.send(SignalResponse(track_published=message))

    def add_first(self, requests: list[AddTrackRequest]) -> None:
        """The tracks of the join request itself."""
        for request in requests:
            try:
                self.add(request)
            except RoomRefused as error:
                self._state.outbox.send(refusal(SignalRequest(add_track=request), error))

    def find(self, cid: str) -> Track | None:
        """The track that the client added by that cid, published or not."""
        participant = self._state.participant
        track = participant.pending.get(cid)
        if track is not None:
            return track
        for track in (*participant.tracks.values(), *participant.pending.values()):
            codecs = track.details.codecs if track.details is not None else ()
            if track.cid == cid or any(codec.cid == cid for codec in codecs):
                return track
        return None

    def began(self, cid: str, mid: str, mime_type: str) -> None:
        """Its first media."""
        track = self.find(cid)
        if track is not None:
            self._state.rooms.publish_track(track, mime_type, mid)

    def ended(self, cid: str) -> None:
        """The client no longer sends it."""
        track = self.find(cid)
        if track is not None:
            self._own.add(track.sid)
            self._state.rooms.unpublish_track(track)
            self._own.discard(track.sid)

    def mute(self, request: MuteTrackRequest) -> None:
        """`mute` by the client. It also repeats what it was told: then nothing happens."""
        track = self._need(request.sid)
        self._own.add(track.sid)
        self._state.rooms.mute_track(track, request.muted)
        self._own.discard(track.sid)

    def audio(self, request: UpdateLocalAudioTrack) -> None:
        """`update_audio_track`."""
        features = tuple(request.features[:MAX_FEATURES])
        self._state.rooms.describe_track(self._need(request.track_sid), features=features)

    def video(self, request: UpdateLocalVideoTrack) -> None:
        """`update_video_track`."""
        size = (request.width, request.height)
        self._state.rooms.describe_track(self._need(request.track_sid), size=size)

    def muted(self, event: TrackMuted) -> None:
        """A track of the client was muted; it is told where others did it."""
        if event.track.sid not in self._own:
            message = MuteTrackRequest(sid=event.track.sid, muted=event.muted)
            self._state.outbox.send(SignalResponse(mute=message))

    def unpublished(self, event: TrackUnpublished) -> None:
        """The same for its end."""
        self._taken.discard(event.track.sid)
        if event.track.sid not in self._own:
            message = TrackUnpublishedResponse(track_sid=event.track.sid)
            self._state.outbox.send(SignalResponse(track_unpublished=message))

    def settle(self, concerned: Sequence[Participant] | None = None) -> None:
        """Tell the client which of its tracks somebody takes (`track_subscribed`, once each), of
        those who are `concerned`; None: of all."""
        participant = self._state.participant
        for track in participant.tracks.values():
            if track.sid in self._taken:
                continue
            if any(other.takes(track) for other in self._state.others(concerned)):
                self._taken.add(track.sid)
                message = TrackSubscribed(track_sid=track.sid)
                self._state.outbox.send(SignalResponse(track_subscribed=message))

    def qualities(self, track: Track, enabled: dict[int, bool]) -> None:
        """Which layers of its video are taken (`subscribed_quality_update`), by VideoQuality."""
        codec = track.mime_type.partition("/")[2].lower()
        listed = [
            SubscribedQuality(quality=quality, enabled=on)  # type: ignore[arg-type]
            for quality, on in enabled.items()
        ]
        message = SubscribedQualityUpdate(
            track_sid=track.sid,
            subscribed_qualities=listed,
            subscribed_codecs=[SubscribedCodec(codec=codec, qualities=listed)],
        )
        self._state.outbox.send(SignalResponse(subscribed_quality_update=message))

    def _need(self, sid: str) -> Track:
        participant = self._state.participant
        track = participant.tracks.get(sid)
        for track_added in participant.pending.values():
            if track_added.sid == sid:
                track = track_added
        if track is None:
            raise track_missing()
        return track
