"""A video track of a client: what is asked of it, and for whom."""

from __future__ import annotations

import pytest
from tests.media.video_kit import VP8, Asked, Camera, Scene, incoming, subscription

from hookflash.media.video_layer import VideoLayer
from hookflash.media.video_subscription import HIGH, Wish
from hookflash.media.video_track import KEYFRAME_INTERVAL, LOWER_AFTER, VideoTrack
from hookflash.rtp.feedback import FullIntraRequest, Nack, PictureLoss
from hookflash.webrtc.formats import RtpCodec

ALL = {0: True, 1: True, 2: True}
NONE = {0: False, 1: False, 2: False}


def described(track: VideoTrack) -> list[tuple[str, int, int]]:
    return [(layer.rid, layer.rank, layer.ssrc) for layer in track.layers]


def made(**fields: object) -> VideoTrack:
    track = VideoTrack("cam", Asked(), 1)
    track.describe(incoming(**fields))  # type: ignore[arg-type]
    return track


@pytest.mark.parametrize(
    ("rids", "layers"),
    [
        (("q", "h", "f"), [("q", 0, 0), ("h", 1, 0), ("f", 2, 0)]),
        (("f", "h", "q"), [("q", 0, 0), ("h", 1, 0), ("f", 2, 0)]),
        (("h", "q"), [("q", 0, 0), ("h", 1, 0)]),
        (("lo", "hi"), [("lo", 0, 0), ("hi", 1, 0)]),
        ((), [("", 0, 0)]),
    ],
)
def test_layers_by_their_names(rids: tuple[str, ...], layers: list[tuple[str, int, int]]) -> None:
    track = VideoTrack("cam", Asked(), 1)
    track.describe(incoming(*rids))
    assert described(track) == layers
    before = list(track.layers)
    track.describe(incoming(*rids))
    assert track.layers == before, "they stay over the next description"


def test_layers_by_their_ssrcs() -> None:
    track = made(ssrcs=(10, 20, 11, 30, 40), rtx_ssrcs={10: 11})
    assert described(track) == [("", 0, 10), ("", 1, 20), ("", 2, 30)]
    assert track.layer("") is None
    track.describe(incoming(ssrcs=(10, 21)))
    assert described(track) == [("", 0, 10), ("", 1, 21)]
    assert [layer.epoch for layer in track.layers] == [0, 1]
    track.describe(incoming(ssrcs=()))
    assert track.layer("") is track.layers[0]


def test_the_others_are_told_once_when_its_first_picture_comes() -> None:
    scene = Scene("q")
    scene.put(scene.cameras[0].next(kind=33))
    scene.put(scene.cameras[0].packet(b""))
    assert scene.owner.began_as == [], "no known type; padding"
    scene.shows()
    scene.shows()
    assert scene.owner.began_as == ["video/VP8"]


def test_a_keyframe_is_asked_for_each_newcomer() -> None:
    scene = Scene("q")
    scene.shows(key=True)
    scene.subscribe()
    assert scene.owner.asked == [PictureLoss(100)]
    scene.waits(2.3)
    assert scene.owner.asked == [PictureLoss(100)] * 4, "until it comes, one each 500 ms"
    scene.shows(key=True)
    scene.waits(2.0)
    assert scene.owner.asked == []
    scene.track.subscribe(subscription(scene.way), scene.now)
    assert scene.owner.asked == [PictureLoss(100)]


def test_at_most_one_each_half_second() -> None:
    scene = Scene("q")
    scene.shows()
    for _ in range(100):
        scene.now += 0.01
        scene.track.want_keyframe(scene.layers[0], scene.now)
    assert len(scene.owner.asked) == 2
    assert pytest.approx(0.5) == KEYFRAME_INTERVAL


def test_a_full_intra_request_where_only_that_was_agreed_on() -> None:
    scene = Scene("q")
    scene.track.describe(incoming("q", codecs=(RtpCodec("VP8", 96, 90000, feedback=("ccm fir",)),)))
    scene.shows()
    scene.subscribe()
    assert scene.owner.asked == [FullIntraRequest(100, 1)]
    scene.waits(0.6)
    assert scene.owner.asked == [FullIntraRequest(100, 2)]


def test_nothing_is_asked_where_nothing_was_agreed_on() -> None:
    scene = Scene("q")
    scene.track.describe(incoming("q", codecs=(RtpCodec("VP8", 96, 90000),)))
    scene.shows()
    scene.subscribe()
    scene.cameras[0].next()
    scene.shows()
    scene.waits(1.0)
    assert scene.owner.asked == []


def test_what_is_lost_is_asked_for_again() -> None:
    scene = Scene("q")
    scene.shows()
    late = scene.cameras[0].next()
    number = scene.cameras[0].sequence
    scene.shows()
    assert scene.owner.asked == [Nack(100, (number,))]
    scene.waits(0.15)
    assert scene.owner.asked == [Nack(100, (number,))]
    scene.put(late)
    scene.waits(0.5)
    assert scene.owner.asked == []


def test_a_keyframe_makes_it_needless() -> None:
    scene = Scene("q")
    scene.shows()
    scene.cameras[0].next()
    scene.shows(key=True)
    scene.owner.asked.clear()
    scene.waits(0.5)
    assert scene.owner.asked == []


def test_a_retransmission_is_unwrapped() -> None:
    scene = Scene("q")
    codec = RtpCodec("VP8", 96, 90000, feedback=VP8.feedback, rtx=97)
    scene.track.describe(incoming("q", codecs=(codec,)))
    scene.subscribe()
    scene.shows(key=True)
    lost = scene.cameras[0].next()
    number = scene.cameras[0].sequence
    scene.shows()
    repair = Camera(ssrc=999, sequence=4, timestamp=scene.cameras[0].timestamp - 3000)
    scene.put(repair.packet(b"", kind=97))
    assert len(scene.way.packets) == 2, "padding"
    again = repair.packet(number.to_bytes(2, "big") + bytes(lost[12:]), kind=97)
    scene.put(again)
    scene.put(again)
    assert len(scene.way.packets) == 3, "once"
    first, _, late = scene.way.packets
    assert late.payload[6:] == bytes(lost[18:])
    assert (late.sequence - first.sequence) & 0xFFFF == 1
    assert late.payload_type == 100


def test_a_muted_track_is_seen_by_nobody_and_begins_again() -> None:
    scene = Scene("q")
    scene.subscribe()
    scene.shows(key=True)
    scene.track.mute(muted=True, now=scene.now)
    scene.owner.asked.clear()
    scene.shows(key=True)
    scene.waits(2.0)
    assert len(scene.way.packets) == 1
    assert scene.owner.asked == [], "no keyframe of what nobody sees"
    scene.track.mute(muted=False, now=scene.now)
    assert scene.owner.asked == [PictureLoss(100)]
    scene.shows()
    scene.shows(key=True)
    assert len(scene.way.packets) == 2


def test_a_layer_that_stops_is_left_for_one_that_comes() -> None:
    scene = Scene("q", "h")
    scene.subscribe()
    scene.shows(0, key=True)
    scene.shows(1, key=True)
    assert scene.taken.layer is scene.layers[1]
    for _ in range(25):
        scene.shows(0)
        scene.waits(0.05)
    assert PictureLoss(100) in scene.owner.asked
    scene.shows(0, key=True)
    assert scene.taken.layer is scene.layers[0]
    for key in (False, True):
        scene.shows(1, key=key)
    assert scene.taken.layer is scene.layers[1], "it comes again"


def test_a_screen_at_rest_is_asked_for_a_newcomer() -> None:
    scene = Scene("q")
    scene.shows(key=True)
    scene.waits(5.0)
    scene.subscribe()
    assert scene.owner.asked == [PictureLoss(100)]


def test_the_publisher_is_told_which_layers_are_of_use() -> None:
    scene = Scene("q", "h", "f")
    scene.shows(0, key=True)
    scene.waits(0.1)
    assert scene.owner.enabled == []
    scene.taken.wish = Wish(1)
    scene.subscribe()
    assert scene.owner.enabled == [{0: True, 1: True, 2: False}]
    scene.taken.wish = Wish(HIGH)
    scene.waits(0.05)
    assert scene.owner.enabled[-1] == ALL, "more is told at once"
    scene.taken.wish = Wish(0)
    scene.waits(LOWER_AFTER - 0.1)
    assert scene.owner.enabled[-1] == ALL
    scene.waits(0.3)
    assert scene.owner.enabled[-1] == {0: True, 1: False, 2: False}
    scene.track.unsubscribe(scene.taken)
    scene.waits(LOWER_AFTER + 0.2)
    assert scene.owner.enabled[-1] == NONE
    assert len(scene.owner.enabled) == 4


def test_less_for_a_moment_is_not_told() -> None:
    scene = Scene("q", "h", "f")
    scene.subscribe()
    scene.shows(0)
    scene.waits(0.1)
    for _ in range(3):
        scene.taken.wish = Wish(0)
        scene.waits(LOWER_AFTER / 2)
        scene.taken.wish = Wish(HIGH)
        scene.waits(0.1)
    assert scene.owner.enabled == [ALL]


def test_the_only_layer_is_all_or_none() -> None:
    scene = Scene("q")
    scene.taken.wish = Wish(0)
    scene.subscribe()
    scene.shows()
    scene.waits(0.1)
    assert scene.owner.enabled == [ALL]


def test_a_layer_begins_anew_for_who_takes_it() -> None:
    scene = Scene("q")
    scene.subscribe()
    scene.shows(key=True)
    scene.layers[0].restart(101)
    scene.waits(0.6)
    assert PictureLoss(101) in scene.owner.asked
    assert isinstance(scene.taken.needs_keyframe, VideoLayer)


def test_no_better_layer_than_there_is_room_for() -> None:
    scene = Scene("q", "h")
    scene.subscribe()
    for rank in (0, 1):
        scene.shows(rank, key=True)
    assert scene.taken.layer is scene.layers[1]
    scene.taken.cap = 0
    for rank in (0, 1):
        scene.shows(rank, key=True)
    scene.waits(0.05)
    scene.shows(0, key=True)
    assert scene.taken.layer is scene.layers[0]
    assert scene.owner.enabled[-1] == {0: True, 1: True, 2: False}, "the other one is tried again"


def test_the_choice_has_what_comes_up_to_what_is_wanted() -> None:
    scene = Scene("q", "h", "f")
    assert scene.track.choice(scene.taken, scene.now) is None, "nothing comes"
    scene.subscribe()
    for _ in range(40):
        for rank in (0, 1):
            scene.shows(rank, key=True)
    choice = scene.track.choice(scene.taken, scene.now)
    assert choice is not None
    assert choice.ranks == (0, 1)
    assert choice.taken is scene.taken
    assert choice.sent == choice.rates[1] == pytest.approx(15 * 8 * 26, rel=0.1)
    scene.taken.wish = Wish(0)
    choice = scene.track.choice(scene.taken, scene.now)
    assert choice is not None
    assert choice.ranks == (0,)
    scene.taken.stop()
    choice = scene.track.choice(scene.taken, scene.now)
    assert choice is not None
    assert choice.sent == 0
    scene.taken.wish = Wish(paused=True)
    assert scene.track.choice(scene.taken, scene.now) is None
    scene.taken.wish = Wish()
    scene.track.mute(muted=True, now=scene.now)
    assert scene.track.choice(scene.taken, scene.now) is None
