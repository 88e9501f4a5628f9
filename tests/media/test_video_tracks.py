"""Video tracks and who takes them, in whatever order they come."""

from __future__ import annotations

from tests.media.video_kit import Asked, Camera, Way, incoming, subscription

from hookflash.media.video_track import VideoTrack
from hookflash.media.video_tracks import VideoTracks


def made() -> VideoTrack:
    track = VideoTrack("cam", Asked(), 1)
    track.describe(incoming("q"))
    return track


def test_whoever_comes_first() -> None:
    tracks, track = VideoTracks(), made()
    early, late = subscription(Way()), subscription(Way())
    tracks.subscribe(early, 1.0)
    tracks.publish(track, "TR_1", 1.0)
    tracks.subscribe(late, 1.0)
    assert track.subscriptions == [early, late]
    assert tracks.get("TR_1") is track
    tracks.unsubscribe(early)
    tracks.unsubscribe(early)
    assert track.subscriptions == [late]


def test_a_track_that_is_gone_and_comes_again() -> None:
    tracks, track = VideoTracks(), made()
    taken = subscription(Way())
    tracks.publish(track, "TR_1", 1.0)
    tracks.subscribe(taken, 1.0)
    tracks.unpublish(track)
    assert (track.subscriptions, tracks.get("TR_1")) == ([], None)
    tracks.publish(track, "TR_1", 2.0)
    tracks.publish(track, "TR_1", 2.0)
    assert track.subscriptions == [taken]
    tracks.publish(track, "TR_2", 3.0)
    assert (track.subscriptions, tracks.get("TR_1")) == ([], None)
    tracks.unsubscribe(taken)
    tracks.publish(track, "TR_1", 4.0)
    assert track.subscriptions == []


def test_another_track_of_that_sid_stays() -> None:
    tracks, one, other = VideoTracks(), made(), made()
    tracks.publish(one, "TR_1", 1.0)
    tracks.publish(other, "TR_1", 1.0)
    tracks.unpublish(one)
    assert tracks.get("TR_1") is other


def test_what_was_forwarded_is_counted_over_the_end_of_subscriptions() -> None:
    tracks, track = VideoTracks(), made()
    taken = [subscription(Way()) for _ in range(2)]
    tracks.publish(track, "TR_1", 1.0)
    for one in taken:
        tracks.subscribe(one, 1.0)
    camera = Camera()
    for key in (True, False):
        track.packet(track.layers[0], camera.next(key=key), 1.0)
    assert tracks.forwarded == 4
    tracks.unsubscribe(taken[0])
    tracks.unsubscribe(taken[0])
    assert tracks.forwarded == 4
    track.packet(track.layers[0], camera.next(), 1.0)
    assert tracks.forwarded == 5
