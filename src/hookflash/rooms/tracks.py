"""Tracks of participants: added by a client, published when their media begins, muted, gone.

A client's track is known to the client alone from AddTrackRequest on (`Participant.pending`), and
to the others from `Tracks.publish` on (`Participant.tracks`). Inputs take `now` (seconds since the
epoch) and return what happened; what is refused raises `RoomRefused` and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from livekit.protocol.models import (
    AudioTrackFeature,
    BackupCodecPolicy,
    SimulcastCodecInfo,
    TrackInfo,
    TrackSource,
    TrackType,
    VideoLayer,
)
from livekit.protocol.room import UpdateSubscriptionsRequest
from livekit.protocol.rtc import AddTrackRequest, SubscriptionPermission, UpdateSubscription

from ..base.counts import MOST_ENTRIES, check_count
from ..base.ids import Ids
from ..base.text import clean
from . import rules
from .events import (
    ParticipantUpdated,
    RoomEvent,
    SubscribersChanged,
    SubscriptionsChanged,
    TrackMuted,
    TrackPublished,
    TrackUnpublished,
)
from .orders import Permission
from .room import Participant, Track
from .rules import RoomRefused
from .subscribers import Subscribers

MAX_TRACKS = 50
"""Of one participant, pending ones counted."""
MAX_CODECS = 4
"""Of one track: SimulcastCodec entries and those added later for it."""
MAX_LAYERS = 8
"""VideoLayer entries of a codec."""
MAX_REQUEST = 16 * 1024
"""Bytes of an AddTrackRequest."""
MAX_PERMISSIONS = 5000
"""TrackPermission entries of one SubscriptionPermission."""
MAX_FEATURES = 64
"""AudioTrackFeature entries of a track, each once; there are seven."""

_AUDIO, _VIDEO = TrackType.AUDIO, TrackType.VIDEO
_CAMERA, _MICROPHONE = TrackSource.CAMERA, TrackSource.MICROPHONE
_SCREEN, _SCREEN_AUDIO = TrackSource.SCREEN_SHARE, TrackSource.SCREEN_SHARE_AUDIO
_KINDS = {_AUDIO: "A", _VIDEO: "V"}
_SOURCES = {_CAMERA: "C", _MICROPHONE: "M", _SCREEN: "S", _SCREEN_AUDIO: "s"}
_STREAMS = {
    _CAMERA: "camera",
    _MICROPHONE: "camera",
    _SCREEN: "screen_share",
    _SCREEN_AUDIO: "screen_share",
}
_STEREO, _NO_DTX = AudioTrackFeature.TF_STEREO, AudioTrackFeature.TF_NO_DTX
_ONE_LAYER = VideoLayer.Mode.ONE_SPATIAL_LAYER_PER_STREAM
_RIDS = ("q", "h", "f")
"""Of the streams of simulcast, from the smallest on."""


class Tracks:
    """The inputs; `micros` leads from `now` to microseconds of the world's time."""

    def __init__(self, ids: Ids, micros: Callable[[float], int]) -> None:
        self._ids = ids
        self._micros = micros

    def add(self, now: float, participant: Participant, request: AddTrackRequest) -> Track:
        """AddTrackRequest: the track that its client may send from now on. Nobody else is told.

        With the SID of a track of its own, the request adds a codec to that track (a backup codec
        for those who cannot decode the first).
        """
        _check(participant, request)
        former = participant.tracks.get(request.sid) or _pending(participant, request.sid)
        if request.sid:
            return _more_codecs(former, request)
        kind = _KINDS.get(request.type)
        if kind is None:
            raise rules.no_such_track_type()
        details = _details(request)
        track = Track(
            participant,
            self._ids.new(f"TR_{kind}{_SOURCES.get(request.source, '')}"),
            details.name,
            self._micros(now),
            source=request.source,
            mime_type="",
            mid="",
            cid=request.cid,
            stream=details.stream,
            type=request.type,
            details=details,
        )
        track.muted = request.muted
        participant.pending[request.cid] = track
        return track

    def publish(self, now: float, track: Track, mime_type: str, mid: str) -> list[RoomEvent]:
        """Its media began, of that type and in that section: the others can take it."""
        participant = track.participant
        if participant.left or participant.pending.pop(track.cid, None) is not track:
            return []
        track.mime_type, track.mid = mime_type, mid
        if track.details is not None:
            _name_layers(track.details)
        track.version_us = self._micros(now)
        participant.tracks[track.sid] = track
        participant.is_publisher = True
        participant.version += 1
        return [TrackPublished(participant.room, participant, track, now)]

    def unpublish(self, now: float, track: Track) -> list[RoomEvent]:
        """Its client no longer sends it. A pending one is forgotten."""
        participant = track.participant
        if participant.pending.get(track.cid) is track:
            del participant.pending[track.cid]
        if participant.tracks.pop(track.sid, None) is None:
            return []
        participant.version += 1
        return [TrackUnpublished(participant.room, participant, track, now)]

    def mute(self, now: float, track: Track, muted: bool) -> list[RoomEvent]:
        """The track's owner mutes or unmutes it; only its client knows a pending one."""
        if track.muted == muted:
            return []
        participant = track.participant
        track.muted = muted
        track.version_us = self._micros(now)
        track.memo = None
        if track.sid not in participant.tracks:
            return []
        participant.version += 1
        return [TrackMuted(participant.room, participant, track, muted, now)]

    def describe(
        self,
        now: float,
        track: Track,
        *,
        features: Sequence[int] | None = None,
        size: tuple[int, int] | None = None,
    ) -> list[RoomEvent]:
        """UpdateLocalAudioTrack (features), UpdateLocalVideoTrack (width and height in pixels)."""
        details = track.details
        if details is None:
            return []
        if features is not None:
            del details.audio_features[:]
            once = list(dict.fromkeys(features))[:MAX_FEATURES]
            details.audio_features.extend(once)  # type: ignore[arg-type]
        if size is not None:
            details.width, details.height = size
        participant = track.participant
        track.version_us = self._micros(now)
        track.memo = None
        if track.sid not in participant.tracks:
            return []
        participant.version += 1
        return [ParticipantUpdated(participant.room, participant, now)]

    def repeat(self, now: float, track: Track, newcomer: Participant) -> list[RoomEvent]:
        """The same track of the participant that was moved, published or pending as before."""
        details = TrackInfo()
        details.CopyFrom(track.details or TrackInfo())
        again = Track(
            newcomer,
            self._ids.new(track.sid[:-12]),
            track.name,
            self._micros(now),
            source=track.source,
            mime_type=track.mime_type,
            mid=track.mid,
            cid=track.cid,
            stream=track.stream,
            type=track.type,
            details=details,
        )
        again.muted = track.muted
        newcomer.pending[track.cid] = again
        return self.publish(now, again, track.mime_type, track.mid) if track.mid else []


def permit(
    now: float, participant: Participant, message: SubscriptionPermission
) -> list[RoomEvent]:
    """SubscriptionPermission: who may take this participant's tracks from now on."""
    if len(message.track_permissions) > MAX_PERMISSIONS:
        raise rules.too_many_permissions(MAX_PERMISSIONS)
    pairs = [
        (other, track, participant.admits(other, track.sid))
        for other in participant.room.others(participant)
        for track in participant.tracks.values()
    ]
    participant.subscribers = Subscribers.of(message)
    changed = tuple(
        (other, track, not before)
        for other, track, before in pairs
        if participant.admits(other, track.sid) != before
    )
    if not changed:
        return []
    return [SubscribersChanged(participant.room, participant, changed, now)]


def named_tracks(request: UpdateSubscriptionsRequest | UpdateSubscription) -> dict[str, None]:
    """The SIDs that a request names, each once, in its order. RoomRefused for more than
    `MOST_ENTRIES`, participants counted too."""
    lists = request.participant_tracks
    count = len(request.track_sids) + len(lists)
    if count <= MOST_ENTRIES:
        count += sum(len(tracks.track_sids) for tracks in lists)
    check_count("tracks", count, MOST_ENTRIES, RoomRefused)
    sids = dict.fromkeys(request.track_sids)
    for tracks in lists:
        sids.update(dict.fromkeys(tracks.track_sids))
    return sids


def set_subscriptions(
    now: float, participant: Participant, track_sids: Iterable[str], subscribe: bool
) -> list[RoomEvent]:
    """Take those tracks from now on, or no longer. Unknown ones and its own are passed over."""
    tracks = []
    for sid, track in participant.room.tracks(track_sids).items():
        if track.participant is not participant and participant.wants(sid) != subscribe:
            tracks.append(track)
            if participant.client.auto_subscribe:
                participant.unsubscribed ^= {sid}
            else:
                participant.subscribed ^= {sid}
    if not tracks:
        return []
    room = participant.room
    return [SubscriptionsChanged(room, participant, tuple(tracks), subscribe, now)]


def unpublish_all(now: float, participant: Participant, events: list[RoomEvent]) -> None:
    """It leaves, or may not publish any more."""
    for track in participant.tracks.values():
        events.append(TrackUnpublished(participant.room, participant, track, now))
    participant.tracks.clear()
    participant.pending.clear()


def withdraw(now: float, participant: Participant, events: list[RoomEvent]) -> None:
    """Take away what its permission no longer allows: all tracks, or those of a client from other
    sources than it names."""
    permission = participant.permission
    if not permission.can_publish:
        unpublish_all(now, participant, events)
        participant.is_publisher = False
        return
    for track in (*participant.tracks.values(), *participant.pending.values()):
        if track.details is None or _may_come_from(permission, track.source):
            continue
        participant.pending.pop(track.cid, None)
        if participant.tracks.pop(track.sid, None) is not None:
            events.append(TrackUnpublished(participant.room, participant, track, now))


def _may_come_from(permission: Permission, source: TrackSource) -> bool:
    sources = permission.can_publish_sources
    return permission.can_publish and (not sources or source in sources)


def _check(participant: Participant, request: AddTrackRequest) -> None:
    if not _may_come_from(participant.permission, request.source):
        raise rules.may_not_publish()
    rules.check_track(request.cid, request.name)
    tracks = (*participant.pending.values(), *participant.tracks.values())
    if any(track.cid == request.cid for track in tracks):
        raise rules.cid_taken()
    if len(tracks) >= MAX_TRACKS:
        raise rules.too_many_tracks(MAX_TRACKS)
    check_size(request)


def check_size(request: AddTrackRequest) -> None:
    """Raise RoomRefused for a request that is too long, or of too many codecs or layers."""
    if request.ByteSize() > MAX_REQUEST:
        raise rules.request_too_long(MAX_REQUEST)
    codecs = [codec.layers for codec in request.simulcast_codecs]
    if len(codecs) > MAX_CODECS or any(len(x) > MAX_LAYERS for x in (*codecs, request.layers)):
        raise rules.too_many_layers()


def _pending(participant: Participant, sid: str) -> Track | None:
    return next((track for track in participant.pending.values() if track.sid == sid), None)


def _more_codecs(track: Track | None, request: AddTrackRequest) -> Track:
    if track is None or track.details is None:
        raise rules.track_missing()
    details = track.details
    if len(details.codecs) + len(request.simulcast_codecs) > MAX_CODECS:
        raise rules.too_many_layers()
    details.codecs.extend(_codecs(request))
    track.memo = None
    track.participant.version += 1
    return track


def _details(request: AddTrackRequest) -> TrackInfo:
    """TrackInfo as far as it is known before the media (conformance/signalling)."""
    audio = request.type == _AUDIO
    layers = _sorted(request.layers)
    return TrackInfo(
        type=request.type,
        name=clean(request.name),
        width=request.width,
        height=request.height,
        simulcast=not audio and (len(layers) > 1 or len(request.simulcast_codecs) > 1),
        disable_dtx=request.disable_dtx,
        source=request.source,
        layers=layers,
        codecs=_codecs(request),
        stereo=request.stereo,
        disable_red=request.disable_red,
        encryption=request.encryption,
        stream=clean(request.stream)[: rules.MAX_NAME] or _STREAMS.get(request.source, "unknown"),
        audio_features=_features(request),
        packet_trailer_features=request.packet_trailer_features,
        backup_codec_policy=(BackupCodecPolicy.SIMULCAST if audio else request.backup_codec_policy),
    )


def _codecs(request: AddTrackRequest) -> list[SimulcastCodecInfo]:
    """What was said of each codec; where nothing was, one that the media will name."""
    if not request.simulcast_codecs:
        mode = _ONE_LAYER
        return [
            SimulcastCodecInfo(
                cid=request.cid, layers=_sorted(request.layers), video_layer_mode=mode
            )
        ]
    kind = "audio/" if request.type == _AUDIO else "video/"
    return [
        SimulcastCodecInfo(
            mime_type=kind + codec.codec.lower() if codec.codec else "",
            cid=codec.cid or request.cid,
            layers=_sorted(codec.layers or request.layers),
            video_layer_mode=codec.video_layer_mode or _ONE_LAYER,
        )
        for codec in request.simulcast_codecs
    ]


def _name_layers(details: TrackInfo) -> None:
    """Which stream each layer of simulcast is, from the smallest on (VideoLayer.rid and
    spatial_layer): SDKs call them alike, and LiveKit tells it with the publication."""
    listed = [codec.layers for codec in details.codecs if codec.video_layer_mode == _ONE_LAYER]
    for layers in (*listed, details.layers) if listed else ():
        if len(layers) > 1:
            for number, (rid, layer) in enumerate(zip(_RIDS, layers, strict=False)):
                layer.rid, layer.spatial_layer = rid, number


def _sorted(layers: Iterable[VideoLayer]) -> list[VideoLayer]:
    return sorted(layers, key=lambda layer: layer.quality)


def _features(request: AddTrackRequest) -> list[AudioTrackFeature]:
    """Each once, with those that the request says otherwise."""
    features = dict.fromkeys(request.audio_features)
    if request.stereo:
        features[_STEREO] = None
    if request.disable_dtx:
        features[_NO_DTX] = None
    return list(features)[:MAX_FEATURES]
