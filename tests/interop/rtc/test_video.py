"""LiveKit's Python SDK, unmodified: clients that see each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from livekit import api, rtc
from tests.support.lab import NUMBER, Lab, run
from tests.support.proxies import UdpRelay
from tests.support.sdk_video import VideoClient, video_client

from hookflash.media.video_streams import VideoStreams
from hookflash.webrtc.candidates import host_candidates

pytestmark = pytest.mark.interop

ONE, TWO = {"single_peer_connection": True}, {"single_peer_connection": False}
MODES = pytest.mark.parametrize("mode", [ONE, TWO], ids=["one-connection", "two-connections"])


@MODES
def test_a_camera_is_seen(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with video_client(lab, "ann", **mode) as ann, video_client(lab, "bob", **mode) as bob:
            await ann.show()
            await bob.sees("ann", height=360)
            (shown,) = (await lab.participants())[0].tracks
            assert shown.mime_type == "video/VP8"
            page = lab.server.metrics.page().decode()
            assert "hookflash_rtc_video_forwarded 0.0" not in page
            assert "hookflash_rtc_video_forwarded" in page

    run(check)


@pytest.mark.parametrize("codec", ["VP8", "VP9", "H264", "AV1"])
def test_each_codec_is_passed_on(codec: str) -> None:
    async def check(lab: Lab) -> None:
        async with video_client(lab, "ann") as ann, video_client(lab, "bob") as bob:
            await ann.show(codec=codec, width=320, height=180)
            await bob.sees("ann", height=180)
            (shown,) = (await lab.participants())[0].tracks
            assert shown.mime_type == f"video/{codec}"

    run(check)


def test_who_comes_later_sees_at_once() -> None:
    async def check(lab: Lab) -> None:
        async with video_client(lab, "ann") as ann:
            await ann.show()
            await lab.events.wait_for("TrackPublished")
            async with video_client(lab, "bob") as bob:
                await bob.sees("ann", count=5, within=4)
                async with video_client(lab, "joe") as joe:
                    await joe.sees("ann", count=5, within=4)
                    await bob.sees("ann", count=5)

    run(check)


def test_a_muted_camera_is_seen_again_after_it() -> None:
    async def check(lab: Lab) -> None:
        async with video_client(lab, "ann") as ann, video_client(lab, "bob") as bob:
            track = await ann.show()
            await bob.sees("ann")
            track.mute()
            await bob.told("track_muted")
            track.unmute()
            await bob.told("track_unmuted")
            await bob.sees("ann", height=360)

    run(check)


def test_a_subscriber_chooses_the_size() -> None:
    async def check(lab: Lab) -> None:
        async with video_client(lab, "ann") as ann, video_client(lab, "bob") as bob:
            await ann.show(width=1280, height=720, simulcast=True, kbps=1700)
            await bob.sees("ann", height=720, within=20)
            (publication,) = bob.room.remote_participants["ann"].track_publications.values()
            publication.set_video_quality(rtc.VideoQuality.VIDEO_QUALITY_LOW)
            await bob.sees("ann", height=180)
            publication.set_video_quality(rtc.VideoQuality.VIDEO_QUALITY_HIGH)
            await bob.sees("ann", height=720)

    run(check)


def test_one_who_unsubscribes_sees_it_again_when_he_wants() -> None:
    async def check(lab: Lab) -> None:
        async with video_client(lab, "ann") as ann, video_client(lab, "bob") as bob:
            await ann.show()
            await bob.sees("ann")
            (publication,) = bob.room.remote_participants["ann"].track_publications.values()
            publication.set_subscribed(False)
            await bob.told("track_unsubscribed")
            publication.set_subscribed(True)
            await bob.told("track_subscribed", 2)
            await bob.sees("ann", height=360)

    run(check)


@pytest.mark.quiet
def test_pictures_come_through_a_network_that_loses_one_in_twenty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(lab: Lab) -> None:
        async with UdpRelay(lab.server.rtc.ports.udp_port) as relay:
            relay.loss, relay.only_media = 0.05, True
            lines = host_candidates(["127.0.0.1"], relay.port)
            monkeypatch.setattr(lab.server.rtc, "_candidates", lambda: lines)
            async with video_client(lab, "ann") as ann, video_client(lab, "bob") as bob:
                await ann.show(fps=15)
                await bob.sees("ann", count=60)
                assert relay.lost > 10
                before = len(bob.seen["ann"])
                await ann.filmed(150)
                came = len(bob.seen["ann"]) - before
                assert came > 120, f"{came} of 150 pictures"

    run(check)


@asynccontextmanager
async def behind_a_slow_line(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, **mode: Any
) -> AsyncIterator[tuple[VideoClient, UdpRelay]]:
    """Another client, and its line: its `rate` is for the test to set."""
    async with UdpRelay(lab.server.rtc.ports.udp_port) as relay:
        lines = host_candidates(["127.0.0.1"], relay.port)
        monkeypatch.setattr(lab.server.rtc, "_candidates", lambda: lines)
        async with video_client(lab, "bob", **mode) as bob:
            yield bob, relay


@pytest.mark.quiet
@MODES
def test_a_slow_line_gets_the_layer_that_fits_and_a_free_one_the_best(
    mode: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(lab: Lab) -> None:
        async with video_client(lab, "ann", **mode) as ann:
            await ann.show(width=1280, height=720, simulcast=True, kbps=1700)
            await ann.speak(440.0)
            async with behind_a_slow_line(lab, monkeypatch, **mode) as (bob, relay):
                await bob.sees("ann", height=720, within=20)
                relay.rate = 300e3
                await bob.sees("ann", height=180, count=45, within=30)
                await bob.hears("ann", 440.0)
                relay.rate = 0.0
                await bob.sees("ann", height=720, within=90)

    run(check, within=200)


@pytest.mark.quiet
def test_a_camera_that_does_not_fit_is_paused_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(lab: Lab) -> None:
        async with video_client(lab, "ann") as ann:
            await ann.show(width=1280, height=720, kbps=1700)
            await ann.speak(440.0)
            async with behind_a_slow_line(lab, monkeypatch) as (bob, relay):
                await bob.sees("ann", height=720, within=20)
                sid = bob.room.local_participant.sid
                video = lab.server.rtc._clients[sid].subscriber.video
                assert isinstance(video, VideoStreams)
                (taken,) = video.taken.values()
                relay.rate = 200e3
                await bob.until(lambda: taken.cap < 0, within=20)
                await bob.hears("ann", 440.0)
                relay.rate = 0.0
                await bob.sees("ann", height=720, within=90)
                assert taken.cap >= 0

    run(check, within=200)


def test_a_phone_in_the_room_hears_and_pays_no_heed_to_pictures() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone("+14150000001", tone=440.0)
        async with video_client(lab, "ann") as ann, video_client(lab, "bob") as bob:
            await ann.show()
            await ann.speak(700.0)
            call = await caller.call(NUMBER, proxy=lab.sip)
            await call.hears(700.0)
            await bob.sees("ann")
            await bob.hears("sip_+14150000001", 440.0)
            await call.hears(700.0)

    run(check)


@MODES
def test_two_who_show_and_one_who_watches_both(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with video_client(lab, "ann", **mode) as ann, video_client(lab, "joe", **mode) as joe:
            await ann.show(height=360)
            await joe.show(width=320, height=180)
            async with video_client(lab, "bob", **mode) as bob:
                await bob.sees("ann", height=360)
                await bob.sees("joe", height=180)
                await ann.sees("joe", height=180)
                await joe.sees("ann", height=360)

    run(check)


def test_a_publisher_that_asks_for_it_sends_only_what_is_watched() -> None:
    async def check(lab: Lab) -> None:
        async with video_client(lab, "ann", dynacast=True) as ann, video_client(lab, "bob") as bob:
            await ann.show(width=1280, height=720, simulcast=True, kbps=1700)
            await bob.sees("ann", height=720, within=20)
            (publication,) = bob.room.remote_participants["ann"].track_publications.values()
            publication.set_video_quality(rtc.VideoQuality.VIDEO_QUALITY_LOW)
            await bob.sees("ann", height=180)
            await ann.sends((180,))
            publication.set_video_quality(rtc.VideoQuality.VIDEO_QUALITY_HIGH)
            await bob.sees("ann", height=720)

    run(check)


@MODES
def test_one_who_is_moved_is_seen_in_the_other_room(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with (
            video_client(lab, "ann", **mode) as ann,
            video_client(lab, "bob", "attic", **mode) as bob,
        ):
            await ann.show()
            await lab.events.wait_for("TrackPublished")
            await lab.api.room.move_participant(
                api.MoveParticipantRequest(room="lobby", identity="ann", destination_room="attic")
            )
            await bob.sees("ann", height=360)

    run(check)


@MODES
def test_a_camera_that_is_taken_away_and_put_up_again(mode: dict[str, Any]) -> None:
    async def check(lab: Lab) -> None:
        async with video_client(lab, "ann", **mode) as ann, video_client(lab, "bob", **mode) as bob:
            track = await ann.show()
            await bob.sees("ann", height=360)
            await ann.room.local_participant.unpublish_track(track.sid)
            await bob.told("track_unpublished")
            await ann.show(width=320, height=180)
            await bob.sees("ann", height=180)

    run(check)
