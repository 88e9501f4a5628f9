"""Tracks of clients: before anybody but their client knows them, and while they are published."""

from __future__ import annotations

import pytest
from google.protobuf.json_format import MessageToDict
from livekit.protocol.models import TrackSource, TrackType, VideoLayer, VideoQuality
from livekit.protocol.rtc import (
    AddTrackRequest,
    SimulcastCodec,
    SubscriptionPermission,
    TrackPermission,
)
from tests.rooms.kit import T, active, kinds, make, speaking

from hookflash.rooms.events import (
    ParticipantUpdated,
    SubscribersChanged,
    SubscriptionsChanged,
    TrackMuted,
    TrackPublished,
    TrackUnpublished,
)
from hookflash.rooms.info import track_info
from hookflash.rooms.moving import move
from hookflash.rooms.orders import ClientTraits, ParticipantChange, Permission
from hookflash.rooms.rules import RoomRefused
from hookflash.rooms.tracks import MAX_PERMISSIONS, permit, set_subscriptions

SIMULCAST = VideoLayer.Mode.ONE_SPATIAL_LAYER_PER_STREAM
SVC = VideoLayer.Mode.MULTIPLE_SPATIAL_LAYERS_PER_STREAM
MIC = AddTrackRequest(cid="c", name="mic", source=TrackSource.MICROPHONE)


def test_a_track_is_pending_until_its_media_begins() -> None:
    rooms = make()
    a = active(rooms, "a")
    version = a.version
    track = rooms.tracks.add(T, a, MIC)
    assert a.pending == {"c": track}
    assert a.tracks == {}
    assert (a.version, a.is_publisher) == (version, False)
    assert a.room.tracks([track.sid]) == {}
    (event,) = rooms.tracks.publish(T + 1, track, "audio/opus", "7")
    assert event == TrackPublished(a.room, a, track, T + 1)
    assert a.pending == {}
    assert a.room.tracks([track.sid]) == {track.sid: track}
    assert (a.version, a.is_publisher) == (version + 1, True)
    assert rooms.tracks.publish(T + 2, track, "audio/opus", "7") == []


@pytest.mark.parametrize(
    ("type_", "source", "prefix", "stream"),
    [
        (TrackType.AUDIO, TrackSource.MICROPHONE, "TR_AM", "camera"),
        (TrackType.AUDIO, TrackSource.SCREEN_SHARE_AUDIO, "TR_As", "screen_share"),
        (TrackType.AUDIO, TrackSource.UNKNOWN, "TR_A", "unknown"),
        (TrackType.VIDEO, TrackSource.CAMERA, "TR_VC", "camera"),
        (TrackType.VIDEO, TrackSource.SCREEN_SHARE, "TR_VS", "screen_share"),
    ],
)
def test_its_sid_and_stream_tell_what_it_is(
    type_: TrackType, source: TrackSource, prefix: str, stream: str
) -> None:
    rooms = make()
    track = rooms.tracks.add(
        T, active(rooms, "a"), AddTrackRequest(cid="c", type=type_, source=source)
    )
    assert track.sid[:-12] == prefix
    assert track_info(track).stream == stream


def test_its_features_are_told_once_and_in_one_place() -> None:
    rooms = make()
    said = ["TF_NOISE_SUPPRESSION", "TF_NO_DTX", "TF_NOISE_SUPPRESSION"]
    request = AddTrackRequest(cid="c", stereo=True, disable_dtx=True, audio_features=said)
    track = rooms.tracks.add(T, active(rooms, "a"), request)
    assert list(track_info(track).audio_features) == [4, 1, 0]
    assert not track_info(rooms.tracks.add(T, active(rooms, "b"), MIC)).audio_features


def test_how_it_is_shown_follows_its_media() -> None:
    rooms = make()
    track = rooms.tracks.add(T, active(rooms, "a"), MIC)
    before = MessageToDict(track_info(track))
    assert before == {
        "sid": track.sid,
        "name": "mic",
        "source": "MICROPHONE",
        "codecs": [{"cid": "c", "videoLayerMode": "ONE_SPATIAL_LAYER_PER_STREAM"}],
        "stream": "camera",
        "backupCodecPolicy": "SIMULCAST",
    }
    rooms.tracks.publish(T, track, "audio/opus", "7")
    after = MessageToDict(track_info(track))
    assert (after["mimeType"], after["mid"]) == ("audio/opus", "7")
    assert after["codecs"][0] | {"mimeType": "audio/opus", "mid": "7"} == after["codecs"][0]
    assert after["version"] == {"unixMicro": str(int(T * 1e6))}


def camera(*qualities: VideoQuality, mode: VideoLayer.Mode = SIMULCAST) -> AddTrackRequest:
    layers = [VideoLayer(quality=quality, width=640, height=360) for quality in qualities]
    codec = SimulcastCodec(codec="vp8", cid="c", layers=layers, video_layer_mode=mode)
    return AddTrackRequest(cid="c", type=TrackType.VIDEO, layers=layers, simulcast_codecs=[codec])


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (camera(VideoQuality.HIGH, VideoQuality.LOW, VideoQuality.MEDIUM), ["q", "h", "f"]),
        (camera(VideoQuality.MEDIUM, VideoQuality.LOW), ["q", "h"]),
        (camera(VideoQuality.HIGH), [""]),
        (camera(VideoQuality.LOW, VideoQuality.HIGH, mode=SVC), ["", ""]),
    ],
)
def test_the_layers_of_simulcast_are_named_once_they_come(
    asked: AddTrackRequest, told: list[str]
) -> None:
    rooms = make()
    track = rooms.tracks.add(T, active(rooms, "a"), asked)
    assert {layer.rid for layer in track_info(track).layers} == {""}
    rooms.tracks.publish(T, track, "video/VP8", "7")
    info = track_info(track)
    for layers in (info.layers, info.codecs[0].layers):
        assert [layer.rid for layer in layers] == told
        assert [layer.spatial_layer for layer in layers] == [
            number if told[0] else 0 for number in range(len(told))
        ]


def test_the_client_ends_it_and_nothing_is_told_of_a_pending_one() -> None:
    rooms = make()
    a = active(rooms, "a")
    track = rooms.tracks.add(T, a, MIC)
    assert rooms.tracks.mute(T, track, True) == []
    assert rooms.tracks.unpublish(T, track) == []
    assert a.pending == {}
    track = rooms.tracks.add(T, a, MIC)
    rooms.tracks.publish(T, track, "audio/opus", "7")
    assert kinds(rooms.tracks.mute(T, track, True)) == [TrackMuted]
    assert rooms.tracks.unpublish(T, track) == [TrackUnpublished(a.room, a, track, T)]
    assert rooms.tracks.unpublish(T, track) == []
    assert a.is_publisher


def test_who_leaves_or_may_not_publish_has_no_pending_tracks() -> None:
    rooms = make()
    a, b = active(rooms, "a"), active(rooms, "b")
    tracks = [rooms.tracks.add(T, p, MIC) for p in (a, b)]
    rooms.leave(T, a)
    change = ParticipantChange(permission=Permission(can_publish=False))
    rooms.update_participant(T, b, change)
    assert a.pending == b.pending == {}
    for track in tracks:
        assert rooms.tracks.publish(T, track, "audio/opus", "7") == []
    with pytest.raises(RoomRefused, match="not allowed to publish"):
        rooms.tracks.add(T, b, MIC)


def test_a_source_that_is_forbidden_later_is_taken_away() -> None:
    rooms = make()
    a, phone = active(rooms, "a"), speaking(rooms, "sip_1")
    mic = rooms.tracks.add(T, a, MIC)
    rooms.tracks.publish(T, mic, "audio/opus", "7")
    rooms.tracks.add(T, a, AddTrackRequest(cid="s", source=TrackSource.SCREEN_SHARE_AUDIO))
    camera = rooms.tracks.add(T, a, AddTrackRequest(cid="v", type="VIDEO", source="CAMERA"))
    change = ParticipantChange(permission=Permission(can_publish_sources=(TrackSource.CAMERA,)))
    events = rooms.update_participant(T, a, change)
    assert kinds(events) == [ParticipantUpdated, TrackUnpublished]
    assert a.tracks == {}
    assert a.pending == {"v": camera}
    assert kinds(rooms.update_participant(T, phone, change)) == [ParticipantUpdated]


def test_a_phone_is_not_described_anew() -> None:
    rooms = make()
    (phone,) = speaking(rooms, "sip_1").tracks.values()
    assert rooms.tracks.describe(T, phone, features=[1]) == []
    track = rooms.tracks.add(T, active(rooms, "a"), MIC)
    assert rooms.tracks.describe(T, track, size=(4, 3)) == []
    rooms.tracks.publish(T, track, "audio/opus", "7")
    assert kinds(rooms.tracks.describe(T, track, features=[3] * 9)) == [ParticipantUpdated]
    info = track_info(track)
    assert (info.width, info.height, list(info.audio_features)) == (4, 3, [3])


def test_who_takes_only_what_it_asked_for() -> None:
    rooms = make()
    a = active(rooms, "a", client=ClientTraits(auto_subscribe=False))
    one, two = (next(iter(speaking(rooms, name).tracks.values())) for name in ("x", "y"))
    assert not a.takes(one)
    assert not a.takes_all()
    events = set_subscriptions(T, a, [one.sid, "TR_nobody"], True)
    assert events == [SubscriptionsChanged(a.room, a, (one,), True, T)]
    assert a.takes(one)
    assert not a.takes(two)
    assert set_subscriptions(T, a, [one.sid], True) == []
    set_subscriptions(T, a, [one.sid], False)
    assert not a.takes(one)


def test_a_publisher_says_who_may_take_its_tracks() -> None:
    rooms = make()
    a, phone = active(rooms, "a"), speaking(rooms, "sip_1")
    (track,) = phone.tracks.values()
    assert a.takes_all()
    nobody = SubscriptionPermission()
    (event,) = permit(T, phone, nobody)
    assert event == SubscribersChanged(phone.room, phone, ((a, track, False),), T)
    assert not a.takes(track)
    assert not a.takes_all()
    assert permit(T, phone, nobody) == []
    only = TrackPermission(participant_identity="a", track_sids=[track.sid])
    (event,) = permit(T, phone, SubscriptionPermission(track_permissions=[only]))
    assert event == SubscribersChanged(phone.room, phone, ((a, track, True),), T)
    assert a.takes(track)
    many = SubscriptionPermission(track_permissions=[only] * (MAX_PERMISSIONS + 1))
    with pytest.raises(RoomRefused, match="at most 5000 participants"):
        permit(T, phone, many)


def test_a_moved_client_publishes_the_same_tracks() -> None:
    rooms = make()
    a = active(rooms, "a", client=ClientTraits(2, (1,), False))
    track = rooms.tracks.add(T, a, MIC)
    rooms.tracks.publish(T, track, "audio/opus", "7")
    rooms.tracks.mute(T, track, True)
    rooms.tracks.add(T, a, AddTrackRequest(cid="p", source=TrackSource.CAMERA, type="VIDEO"))
    newcomer, _ = move(rooms, T + 1, a, "other")
    assert newcomer.client == ClientTraits(2, (1,), False)
    (again,) = newcomer.tracks.values()
    assert (again.cid, again.mid, again.mime_type, again.muted) == ("c", "7", "audio/opus", True)
    assert again.sid != track.sid
    assert newcomer.pending["p"].sid.startswith("TR_VC")
    assert newcomer.pending["p"].mid == ""
