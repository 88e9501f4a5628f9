"""Video of WebRTC participants: from the packet of one to the subscription of another."""

from __future__ import annotations

from livekit.protocol.models import (
    SubscriptionError,
    TrackSource,
    TrackType,
    VideoLayer,
    VideoQuality,
)
from livekit.protocol.rtc import (
    AddTrackRequest,
    LeaveRequest,
    MuteTrackRequest,
    SessionDescription,
    StreamState,
    UpdateSubscription,
    UpdateTrackSettings,
)
from tests.media.video_kit import Camera
from tests.support.lab import Lab, run
from tests.support.rtc_peer import RtcPeer
from tests.webrtc.clients import data, offer, rtp, sending

from hookflash.exchange.peer_connection import PeerConnection
from hookflash.media.video_streams import VideoStreams
from hookflash.media.video_subscription import VideoSubscription, Wish
from hookflash.rtp.feedback import encode_nack

SSRCS = ("ssrc-group:FID 50 51", "ssrc:50 cname:x", "ssrc:51 cname:x")
LAYERS = [
    VideoLayer(quality=VideoQuality.LOW, width=320, height=180),
    VideoLayer(quality=VideoQuality.HIGH, width=1280, height=720),
]


def connection_of(lab: Lab, peer: RtcPeer) -> PeerConnection:
    return lab.server.rtc._clients[peer.sid].publisher


def video_of(lab: Lab, peer: RtcPeer) -> VideoStreams:
    video = connection_of(lab, peer).video
    assert isinstance(video, VideoStreams)
    return video


async def describes(peer: RtcPeer, number: int, *sections: str) -> SessionDescription:
    """Offer those sections; our answer."""
    sdp = offer(data("0"), *sections)
    await peer.ask(offer=SessionDescription(type="offer", sdp=sdp, id=number))
    answer: SessionDescription = await peer.told("answer", 1, lambda a: a.id == number)
    return answer


async def shows(lab: Lab, peer: RtcPeer, camera: Camera) -> str:
    """Publish a camera; the SID of the track."""
    await peer.told("join")
    wanted = AddTrackRequest(
        cid="cam", type=TrackType.VIDEO, source=TrackSource.CAMERA, layers=LAYERS
    )
    await peer.ask(add_track=wanted)
    published = await peer.told("track_published")
    await describes(peer, 1, sending("video", "1", "cam", *SSRCS))
    connection_of(lab, peer).connected()  # nobody is told of who is not
    comes(lab, peer, camera)
    await peer.told("update", 1, lambda u: any(p.tracks for p in u.participants))
    return str(published.track.sid)


def comes(lab: Lab, peer: RtcPeer, camera: Camera) -> None:
    """A keyframe of it."""
    now = lab.server._clock.now()
    connection_of(lab, peer).rtp_received(bytes(camera.next(key=True)), now)


async def taken(lab: Lab, peer: RtcPeer, sid: str) -> VideoSubscription:
    """Its subscription, once the others were told."""
    await peer.told(
        "update", 1, lambda u: any(t.sid == sid for p in u.participants for t in p.tracks)
    )
    await describes(peer, 2, rtp("video", "1", "recvonly"))
    return video_of(lab, peer).taken[sid]


def test_a_camera_is_published_with_its_first_packet() -> None:
    async def check(lab: Lab) -> None:
        async with RtcPeer(lab, "ann", media=False) as ann:
            camera = Camera(ssrc=50)
            await shows(lab, ann, camera)
            ((shown,),) = [one.tracks for one in await lab.participants()]
            assert (shown.mime_type, shown.mid) == ("video/VP8", "1")
            video = video_of(lab, ann)
            assert video.published["cam"].sizes == {0: (320, 180), 2: (1280, 720)}
            assert connection_of(lab, ann).cids == {"cam"}
            await describes(ann, 2, rtp("video", "1", "inactive"))
            await ann.until(lambda: "TrackUnpublished" in lab.events.names)
            assert connection_of(lab, ann).cids == set()

    run(check)


def test_pictures_are_in_a_hurry() -> None:
    async def check(lab: Lab) -> None:
        ports = lab.server.rtc.ports
        async with RtcPeer(lab, "ann", media=False) as ann:
            camera = Camera(ssrc=50)
            await shows(lab, ann, camera)
            ports._hurried = False
            comes(lab, ann, camera)
            assert ports._hurried

    run(check)


def test_what_a_subscriber_wants_reaches_the_publisher() -> None:
    async def check(lab: Lab) -> None:
        camera = Camera(ssrc=50)
        async with RtcPeer(lab, "ann", media=False) as ann:
            async with RtcPeer(lab, "bob", media=False) as bob:
                await bob.told("join")
                sid = await shows(lab, ann, camera)
                one = await taken(lab, bob, sid)
                enabled = await ann.told("subscribed_quality_update")
                assert (enabled.track_sid, enabled.subscribed_codecs[0].codec) == (sid, "vp8")
                settings = UpdateTrackSettings(track_sids=[sid], width=640, height=360)
                await bob.ask(track_setting=settings)
                await bob.until(lambda: one.wish == Wish(0, 640, 360))
                await bob.ask(track_setting=UpdateTrackSettings(track_sids=[sid], disabled=True))
                await bob.until(lambda: one.wish.paused)
                await bob.ask(subscription=UpdateSubscription(track_sids=[sid], subscribe=False))
                await bob.until(lambda: not video_of(lab, bob).taken)
            video = video_of(lab, ann)
            await ann.ask(leave=LeaveRequest())
            await ann.until(lambda: video.closed)

    run(check)


def test_a_muted_camera_and_what_is_asked_by_rtcp() -> None:
    async def check(lab: Lab) -> None:
        camera = Camera(ssrc=50)
        async with (
            RtcPeer(lab, "ann", media=False) as ann,
            RtcPeer(lab, "bob", media=False) as bob,
        ):
            await bob.told("join")
            sid = await shows(lab, ann, camera)
            one = await taken(lab, bob, sid)
            comes(lab, ann, camera)
            assert one.failed > 0, "bob's DTLS does not stand"
            connection_of(lab, bob).rtcp_received(encode_nack(1, one.ssrc, [1]), 0.0)
            await ann.ask(mute=MuteTrackRequest(sid=sid, muted=True))
            await ann.until(lambda: video_of(lab, ann).published["cam"].muted)
            failed = one.failed
            comes(lab, ann, camera)
            assert one.failed == failed
            await ann.ask(mute=MuteTrackRequest(sid=sid, muted=False))
            await ann.until(lambda: not video_of(lab, ann).published["cam"].muted)
            comes(lab, ann, camera)
            assert one.failed > failed

    run(check)


def test_a_client_is_told_of_what_it_cannot_decode() -> None:
    async def check(lab: Lab) -> None:
        async with (
            RtcPeer(lab, "ann", media=False) as ann,
            RtcPeer(lab, "bob", media=False) as bob,
        ):
            await bob.told("join")
            sid = await shows(lab, ann, Camera(ssrc=50))
            await bob.told("update", 1, lambda u: any(p.tracks for p in u.participants))
            other = rtp("video", "1", "recvonly").replace("VP8", "AV1").replace("H264", "H261")
            for number in (2, 3):
                await describes(bob, number, other)
            told = await bob.told("subscription_response")
            assert (told.track_sid, told.err) == (sid, SubscriptionError.SE_CODEC_UNSUPPORTED)
            await describes(bob, 4, rtp("video", "1", "recvonly"))
            assert video_of(lab, bob).taken.keys() == {sid}, "now it knows one"
            assert len(bob.all("subscription_response")) == 1, "once, of two descriptions"

    run(check)


def test_a_client_is_told_what_is_paused_for_want_of_bandwidth() -> None:
    async def check(lab: Lab) -> None:
        camera = Camera(ssrc=50)
        async with (
            RtcPeer(lab, "ann", media=False) as ann,
            RtcPeer(lab, "bob", media=False) as bob,
        ):
            await bob.told("join")
            sid = await shows(lab, ann, camera)
            await taken(lab, bob, sid)
            for paused, state in ((True, StreamState.PAUSED), (False, StreamState.ACTIVE)):
                connection_of(lab, bob).video_paused({sid: paused})
                told = await bob.told("stream_state_update", 1 if paused else 2)
                (one,) = told.stream_states
                assert (one.track_sid, one.state) == (sid, state)

    run(check)


def test_a_camera_is_seen_no_more_in_the_room_that_its_client_left() -> None:
    async def check(lab: Lab) -> None:
        async with (
            RtcPeer(lab, "ann", media=False) as ann,
            RtcPeer(lab, "bob", media=False) as bob,
        ):
            await bob.told("join")
            sid = await shows(lab, ann, Camera(ssrc=50))
            await taken(lab, bob, sid)
            connection_of(lab, bob).leave_room()
            assert not video_of(lab, bob).taken

    run(check)
