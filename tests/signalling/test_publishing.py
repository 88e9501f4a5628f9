"""The tracks of a client: added, published, muted, gone."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.protocol.models import (
    AudioTrackFeature,
    BackupCodecPolicy,
    TrackInfo,
    TrackSource,
    TrackType,
    VideoLayer,
    VideoQuality,
)
from livekit.protocol.rtc import AddTrackRequest, RequestResponse, SimulcastCodec
from tests.signalling.kit import Lobby, Member

from hookflash.rooms.tracks import MAX_REQUEST, MAX_TRACKS
from hookflash.signalling.sections_request import SETTLING

Reason = RequestResponse.Reason


@pytest.fixture
def lobby() -> Lobby:
    return Lobby()


def adds(member: Member, **fields: Any) -> TrackInfo:
    member.says(add_track=AddTrackRequest(**fields))
    info: TrackInfo = member.last("track_published").track
    return info


def refused(member: Member, **fields: Any) -> RequestResponse:
    """The answer to an add_track that must not succeed."""
    before = len(member.got("track_published"))
    member.says(add_track=AddTrackRequest(**fields))
    assert len(member.got("track_published")) == before
    answer: RequestResponse = member.last("request_response")
    assert answer.add_track.cid == fields.get("cid", "")
    return answer


def test_an_added_track_is_known_to_its_client_alone(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    b.forget()
    info = adds(a, cid="c", name="mic", source="MICROPHONE", muted=True, disable_red=True)
    assert info.sid.startswith("TR_AM")
    assert (info.mime_type, info.mid, info.stream) == ("", "", "camera")
    assert info.muted
    assert info.disable_red
    assert not info.HasField("version")
    lobby.settle()
    assert b.messages == []
    assert a.participant.room.counts() == (2, 0)


def test_its_first_packet_publishes_it_once(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    track = a.publishes("c", "9")
    (info,) = b.last("update").participants[0].tracks
    assert (info.sid, info.mid, info.mime_type) == (track.sid, "9", "audio/opus")
    assert info.codecs[0].cid == "c"
    assert info.version.unix_micro == track.version_us
    assert a.last("track_subscribed").track_sid == track.sid
    lobby.advance(SETTLING)
    b.forget()
    for cid in ("c", "unknown"):
        a.perform(a.session.media_began(lobby.clock.now(), cid, "9", "audio/opus"))
    lobby.settle()
    assert b.messages == []


def test_a_camera_with_layers_is_described_as_it_was_added(lobby: Lobby) -> None:
    a = lobby.join("a")
    layers = [
        VideoLayer(quality=VideoQuality.MEDIUM, width=640, height=360),
        VideoLayer(quality=VideoQuality.LOW, width=320, height=180),
    ]
    info = adds(
        a,
        cid="c",
        type=TrackType.VIDEO,
        source=TrackSource.CAMERA,
        width=640,
        height=360,
        layers=layers,
        simulcast_codecs=[SimulcastCodec(codec="vp8", cid="c", layers=layers)],
    )
    assert info.sid.startswith("TR_VC")
    assert info.simulcast
    assert [layer.quality for layer in info.layers] == [VideoQuality.LOW, VideoQuality.MEDIUM]
    assert (info.codecs[0].mime_type, len(info.codecs[0].layers)) == ("video/vp8", 2)
    assert info.backup_codec_policy == BackupCodecPolicy.PREFER_REGRESSION
    screen = adds(a, cid="s", type=TrackType.VIDEO, source=TrackSource.SCREEN_SHARE)
    assert (screen.sid[:5], screen.stream) == ("TR_VS", "screen_share")
    a.perform(
        a.session.qualities(
            lobby.clock.now(), a.participant.pending["c"], {VideoQuality.HIGH: False}
        )
    )
    update = a.last("subscribed_quality_update")
    assert (update.track_sid, update.subscribed_qualities[0].enabled) == (info.sid, False)


def test_a_backup_codec_belongs_to_the_same_track(lobby: Lobby) -> None:
    a = lobby.join("a")
    info = adds(a, cid="c", type=TrackType.VIDEO, source=TrackSource.CAMERA)
    more = [SimulcastCodec(codec="vp8", cid="backup")]
    again = adds(a, cid="backup", sid=info.sid, type=TrackType.VIDEO, simulcast_codecs=more)
    assert again.sid == info.sid
    assert [codec.cid for codec in again.codecs] == ["c", "backup"]
    answer = refused(a, cid="other", sid="TR_VC_of_nobody", simulcast_codecs=more)
    assert answer.reason == Reason.NOT_FOUND


def test_a_cid_is_taken_once(lobby: Lobby) -> None:
    a = lobby.join("a")
    a.publishes("c")
    assert refused(a, cid="c").reason == Reason.INVALID_REQUEST
    adds(a, cid="d")
    assert refused(a, cid="d").reason == Reason.INVALID_REQUEST


def test_permission_and_sources_are_asked_for(lobby: Lobby) -> None:
    a = lobby.join("a", can_publish=False)
    answer = refused(a, cid="c", source="MICROPHONE")
    assert (answer.reason, answer.request_id, answer.message) == (Reason.NOT_ALLOWED, 0, "")
    b = lobby.join("b", can_publish_sources=("microphone",))
    assert refused(b, cid="c", source="CAMERA").reason == Reason.NOT_ALLOWED
    assert adds(b, cid="c", source="MICROPHONE").sid
    nothing = lobby.join("n", can_publish_sources=("unheard of",))
    assert refused(nothing, cid="c").reason == Reason.NOT_ALLOWED


def test_there_are_limits(lobby: Lobby) -> None:
    a = lobby.join("a")
    assert refused(a).reason == Reason.INVALID_REQUEST
    assert refused(a, cid="c" * 300).reason == Reason.INVALID_REQUEST
    assert refused(a, cid="c", type=TrackType.DATA).reason == Reason.UNSUPPORTED_TYPE
    layers = [VideoLayer()] * 9
    assert refused(a, cid="c", layers=layers).reason == Reason.LIMIT_EXCEEDED
    codecs = [SimulcastCodec(codec="x" * MAX_REQUEST, cid="c")]
    assert refused(a, cid="c", simulcast_codecs=codecs).reason == Reason.LIMIT_EXCEEDED
    for number in range(MAX_TRACKS):
        adds(a, cid=str(number))
    assert refused(a, cid="c").reason == Reason.LIMIT_EXCEEDED


def test_an_own_mute_goes_to_all_but_back(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    track = a.publishes()
    a.forget()
    a.says(mute={"sid": track.sid, "muted": True})
    a.says(mute={"sid": track.sid, "muted": True})
    lobby.settle()
    assert a.kinds() == ["update"]
    assert b.last("update").participants[0].tracks[0].muted
    a.says(mute={"sid": "TR_AM_of_b", "muted": True})
    assert a.last("request_response").reason == Reason.NOT_FOUND


def test_a_track_of_another_is_not_changed(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    track = b.publishes()
    for change in (
        {"mute": {"sid": track.sid, "muted": True}},
        {"update_audio_track": {"track_sid": track.sid, "features": ["TF_STEREO"]}},
        {"update_video_track": {"track_sid": track.sid, "width": 64}},
    ):
        a.forget()
        a.says(**change)
        assert a.last("request_response").reason == Reason.NOT_FOUND
    assert not track.muted
    assert track.details is not None
    assert (list(track.details.audio_features), track.details.width) == ([], 0)


def test_a_pending_track_can_be_muted(lobby: Lobby) -> None:
    a = lobby.join("a")
    info = adds(a, cid="c")
    a.says(mute={"sid": info.sid, "muted": True})
    a.perform(a.session.media_began(lobby.clock.now(), "c", "1", "audio/opus"))
    lobby.settle()
    assert a.last("update").participants[0].tracks[0].muted


def test_a_client_is_told_that_others_muted_it(lobby: Lobby) -> None:
    a = lobby.join("a")
    track = a.publishes()
    a.forget()
    lobby.rooms.mute_published_track(a.participant, track.sid, True)
    lobby.settle()
    assert a.kinds() == ["mute", "update"]
    assert (a.last("mute").sid, a.last("mute").muted) == (track.sid, True)


def test_an_ended_track_is_gone_and_its_cid_free(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    a.publishes("c")
    a.forget()
    a.perform(a.session.media_ended(lobby.clock.now(), "c"))
    lobby.settle()
    assert a.kinds() == ["update"]  # it knows by itself
    assert list(b.last("update").participants[0].tracks) == []
    assert b.waiting == []
    assert b.sections == {}
    adds(a, cid="c")
    a.perform(a.session.media_ended(lobby.clock.now(), "c"))
    assert a.participant.pending == {}


def test_the_end_of_an_unknown_section_ends_no_track(lobby: Lobby) -> None:
    a = lobby.join("a")
    track = a.publishes("c")
    a.forget()
    a.perform(a.session.media_ended(lobby.clock.now(), "unknown"))
    lobby.settle()
    assert a.messages == []
    assert list(a.participant.tracks.values()) == [track]


def test_features_and_size_are_told_to_all(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    track = a.publishes()
    features = [AudioTrackFeature.TF_NOISE_SUPPRESSION]
    a.says(update_audio_track={"track_sid": track.sid, "features": features * 64 + [9]})
    lobby.settle()
    assert b.last("update").participants[0].tracks[0].audio_features == features
    a.says(update_video_track={"track_sid": track.sid, "width": 64, "height": 48})
    lobby.settle()
    info = b.last("update").participants[0].tracks[0]
    assert (info.width, info.height) == (64, 48)
    a.says(update_video_track={"track_sid": "TR_unknown", "width": 64, "height": 48})
    assert a.last("request_response").reason == Reason.NOT_FOUND
