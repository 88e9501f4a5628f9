"""The video tracks of a process by SID, and who takes them."""

from __future__ import annotations

from .video_subscription import VideoSubscription
from .video_track import VideoTrack


class VideoTracks:
    """A subscription may come before its track, and go after it."""

    def __init__(self) -> None:
        self._tracks: dict[str, VideoTrack] = {}
        self._subscriptions: dict[str, list[VideoSubscription]] = {}
        self._ended = 0

    @property
    def forwarded(self) -> int:
        """Packets that went to subscribers so far."""
        taken = (one.packets for listed in self._subscriptions.values() for one in listed)
        return self._ended + sum(taken)

    def get(self, sid: str) -> VideoTrack | None:
        """The track, while it is published."""
        return self._tracks.get(sid)

    def publish(self, track: VideoTrack, sid: str, now: float) -> None:
        """The room knows it by that SID from now on."""
        if track.sid != sid:
            self.unpublish(track)
        track.sid = sid
        self._tracks[sid] = track
        for subscription in self._subscriptions.get(sid, ()):
            track.subscribe(subscription, now)

    def unpublish(self, track: VideoTrack) -> None:
        """The room knows it no more; nothing where it never did."""
        if self._tracks.get(track.sid) is track:
            del self._tracks[track.sid]
        for subscription in list(track.subscriptions):
            track.unsubscribe(subscription)
        track.sid = ""

    def subscribe(self, subscription: VideoSubscription, now: float) -> None:
        """It takes the track of its SID."""
        sid = subscription.track_sid
        self._subscriptions.setdefault(sid, []).append(subscription)
        track = self._tracks.get(sid)
        if track is not None:
            track.subscribe(subscription, now)

    def unsubscribe(self, subscription: VideoSubscription) -> None:
        """No more."""
        sid = subscription.track_sid
        taken = self._subscriptions.get(sid, [])
        if subscription in taken:
            taken.remove(subscription)
            self._ended += subscription.packets
        if not taken:
            self._subscriptions.pop(sid, None)
        track = self._tracks.get(sid)
        if track is not None:
            track.unsubscribe(subscription)
