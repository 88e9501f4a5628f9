"""A video track as one client gets it: without a seam, whatever the publisher does."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.media.video_kit import SENT_RTX, Scene, outgoing, picture_of

from hookflash.media.sent_packets import KEPT
from hookflash.media.video_subscription import HIGH, OFF, Wish
from hookflash.rtp.feedback import PictureLoss
from hookflash.rtp.packet import RtpPacket, parse
from hookflash.rtp.rtcp import Report, ReportBlock, SenderInfo, ntp_time, parse_compound


def contiguous(packets: list[RtpPacket]) -> bool:
    """Each number is the next one."""
    return all((b.sequence - a.sequence) & 0xFFFF == 1 for a, b in pairwise(packets))


def steps(packets: list[RtpPacket]) -> list[int]:
    """Ticks between the packets."""
    return [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(packets)]


def test_it_begins_with_a_keyframe_and_has_numbers_of_its_own() -> None:
    scene = Scene("q")
    scene.subscribe()
    scene.shows()
    assert scene.way.packets == []
    scene.shows(key=True)
    scene.shows()
    first, second = scene.way.packets
    assert (first.ssrc, first.payload_type, first.marker) == (7000, 100, True)
    assert first.payload != second.payload
    assert contiguous(scene.way.packets)
    assert steps(scene.way.packets) == [3000]


def test_a_lost_packet_stays_a_gap_that_a_late_one_fills() -> None:
    scene = Scene("q")
    scene.subscribe()
    scene.shows(key=True)
    late = scene.cameras[0].next()
    scene.shows()
    one, two = scene.way.packets
    assert (two.sequence - one.sequence) & 0xFFFF == 2
    scene.put(late)
    three = scene.way.packets[2]
    assert (three.sequence - one.sequence) & 0xFFFF == 1
    assert (three.timestamp - one.timestamp) & 0xFFFFFFFF == 3000
    scene.shows()
    assert (scene.way.packets[3].sequence - two.sequence) & 0xFFFF == 1


def test_a_late_packet_of_before_the_beginning_goes_nowhere() -> None:
    scene = Scene("q")
    scene.shows()
    late = scene.cameras[0].next()
    scene.subscribe()
    scene.shows(key=True)
    scene.put(late)
    assert len(scene.way.packets) == 1


def test_a_picture_of_several_packets() -> None:
    scene = Scene("q")
    scene.subscribe()
    scene.put(scene.cameras[0].next(key=True, marker=False))
    scene.put(scene.cameras[0].rest(marker=False))
    scene.put(scene.cameras[0].rest())
    scene.shows()
    assert [packet.marker for packet in scene.way.packets] == [False, False, True, True]
    assert contiguous(scene.way.packets)
    pictures = [picture_of(packet) for packet in scene.way.packets]
    assert pictures[0] == pictures[1] == pictures[2] != pictures[3]


def test_layers_are_switched_at_a_keyframe_without_a_seam() -> None:
    scene = Scene("q", "h")
    scene.subscribe()
    scene.taken.wish = Wish(0)
    scene.shows(0, key=True)
    scene.shows(1, key=True)
    scene.shows(0)
    assert len(scene.way.packets) == 2, "one layer at a time"
    scene.taken.wish = Wish(HIGH)
    scene.waits(0.05)
    scene.shows(0)
    scene.shows(1)
    assert len(scene.way.packets) == 3, "the former one until the keyframe"
    scene.shows(1, key=True)
    scene.shows(0)
    scene.shows(1)
    packets = scene.way.packets
    assert len(packets) == 5
    assert contiguous(packets)
    assert all(0 < step < 20000 for step in steps(packets))
    pictures = [picture_of(packet) for packet in packets]
    assert all((b[0] - a[0]) & 0x7FFF == 1 for a, b in pairwise(pictures))
    assert all((b[1] - a[1]) & 0xFF == 1 for a, b in pairwise(pictures))


def test_the_time_between_two_layers_is_that_of_the_publisher_where_it_tells() -> None:
    scene = Scene("q", "h")
    scene.subscribe()
    scene.taken.wish = Wish(0)
    scene.shows(0, key=True)
    scene.shows(1)
    for rank in (0, 1):
        at = scene.cameras[rank].timestamp
        scene.layers[rank].reported(SenderInfo(77 << 32, at, 1, 1), scene.now)
    scene.taken.wish = Wish(HIGH)
    scene.waits(0.05)
    scene.shows(1, key=True, after=0.3)
    assert steps(scene.way.packets) == [3000], "pictures taken 33 ms apart, whenever they came"


def test_another_ssrc_of_the_publisher_goes_on_at_its_keyframe() -> None:
    scene = Scene("q")
    scene.subscribe()
    scene.shows(key=True)
    scene.layers[0].restart(555)
    scene.cameras[0].sequence, scene.cameras[0].timestamp = 60000, 4
    scene.shows()
    assert len(scene.way.packets) == 1
    scene.shows(key=True, after=0.5)
    scene.shows()
    assert contiguous(scene.way.packets)
    assert steps(scene.way.packets)[0] == pytest.approx(0.533 * 90000, abs=2)


def test_a_pause_leaves_no_gap_in_the_numbers() -> None:
    scene = Scene("q")
    scene.subscribe()
    scene.shows(key=True)
    scene.taken.wish = Wish(paused=True)
    scene.waits(0.05)
    scene.shows(key=True)
    scene.shows()
    scene.taken.wish = Wish(paused=False)
    scene.waits(0.05)
    assert PictureLoss(100) in scene.owner.asked
    scene.shows()
    scene.shows(key=True)
    assert len(scene.way.packets) == 2
    assert contiguous(scene.way.packets)


def test_a_payload_type_that_was_not_agreed_on_goes_nowhere() -> None:
    scene = Scene("q", section=outgoing(types={97: 100}))
    scene.subscribe()
    scene.shows(key=True)
    assert scene.way.packets == []


@pytest.mark.parametrize(
    ("quality", "size", "rank"),
    [
        (0, (0, 0), 0),
        (1, (0, 0), 1),
        (HIGH, (0, 0), 2),
        (OFF, (0, 0), -1),
        (0, (1280, 720), 2),
        (0, (180, 320), 0),
        (0, (320, 181), 1),
        (0, (3000, 2000), HIGH),
    ],
)
def test_what_is_wanted(quality: int, size: tuple[int, int], rank: int) -> None:
    taken = Scene("q").taken
    taken.wish = Wish(quality, *size)
    assert taken.wanted({0: (320, 180), 1: (640, 360), 2: (1280, 720)}) == rank
    taken.wish = Wish(paused=True)
    assert taken.wanted({}) == -1


def test_among_what_comes_the_best_up_to_what_is_wanted() -> None:
    scene = Scene("q", "h", "f")
    low, middle, high = scene.layers
    taken = scene.taken
    taken.aim([low, middle, high], 1)
    assert taken.target is middle
    taken.aim([low, high], 1)
    assert taken.target is low
    taken.aim([middle, high], 0)
    assert taken.target is middle, "the smallest that comes"
    taken.aim([], 2)
    assert taken.target is middle
    taken.aim([low], -1)
    assert taken.target is None


def test_what_a_client_missed_is_sent_again_as_it_was() -> None:
    scene = Scene("q")
    scene.subscribe()
    scene.shows(key=True)
    scene.shows()
    first, second = scene.way.wire
    scene.taken.send_again([scene.way.packets[0].sequence], scene.now)
    assert scene.way.wire == [first, second, first], "encrypted once"
    scene.taken.send_again([9999], scene.now)
    scene.taken.send_again([scene.way.packets[0].sequence], scene.now + 2 * KEPT)
    assert len(scene.way.wire) == 3
    assert scene.taken.again == 1


def test_it_goes_in_a_stream_of_retransmissions_where_there_is_one() -> None:
    scene = Scene("q", section=outgoing(codec=SENT_RTX))
    scene.subscribe()
    scene.shows(key=True)
    scene.shows()
    missed = scene.way.packets[0]
    for _ in range(2):
        scene.taken.send_again([missed.sequence], scene.now)
    one, two = scene.way.packets[2:]
    assert (one.ssrc, one.payload_type, one.timestamp) == (7001, 101, missed.timestamp)
    assert one.marker == missed.marker
    assert one.payload == missed.sequence.to_bytes(2, "big") + missed.payload
    assert (two.sequence - one.sequence) & 0xFFFF == 1
    assert scene.taken.packets == 2, "the reports count the pictures"


def test_what_cannot_be_encrypted_is_counted() -> None:
    scene = Scene("q")
    scene.subscribe()
    scene.way.refuses = True
    scene.shows(key=True)
    assert (scene.taken.failed, scene.taken.packets, scene.way.wire) == (1, 0, [])


def test_a_keyframe_that_could_not_be_encrypted_yet_is_asked_for_again() -> None:
    scene = Scene("q")
    scene.subscribe()
    scene.way.refuses = True
    scene.shows(key=True)
    scene.way.refuses = False
    scene.shows()
    assert scene.way.packets == []
    scene.waits(0.6)
    assert PictureLoss(100) in scene.owner.asked
    scene.shows(key=True)
    scene.way.refuses = True
    scene.shows()
    scene.way.refuses = False
    scene.shows(key=True)
    assert contiguous(scene.way.packets)
    assert len(scene.way.packets) == 2


def test_sender_reports_and_what_the_client_says() -> None:
    scene = Scene("q")
    scene.subscribe()
    assert scene.taken.report("me", scene.now) is None
    scene.shows(key=True)
    data = scene.taken.report("me", scene.now + 1)
    assert data is not None
    (report,) = parse_compound(data)
    assert isinstance(report, Report)
    assert report.sender is not None
    sent = scene.way.packets[0]
    assert (report.ssrc, report.sender.packets) == (7000, 1)
    assert report.sender.octets == len(sent.payload)
    assert report.sender.timestamp == sent.timestamp + 90000
    assert scene.taken.report("me", scene.now + 2) is None, "nothing was sent since"
    last = ntp_time(scene.now + 1) >> 16 & 0xFFFFFFFF
    scene.taken.seen(ReportBlock(7000, 64, 3, 9, 0, last, 32768), scene.now + 1.6)
    assert scene.taken.round_trip == pytest.approx(0.1, abs=0.001)
    assert scene.taken.peer_view is not None


def test_what_was_lost_before_it_stopped_does_not_count() -> None:
    scene = Scene("q")
    scene.subscribe()
    scene.shows(key=True)

    def reports(lost: int) -> tuple[int, int]:
        """The client has the last packet, and lost so many in all."""
        highest = scene.way.packets[-1].sequence
        scene.taken.seen(ReportBlock(7000, 0, lost, highest, 0), scene.now)
        return scene.taken.lost()

    assert reports(0) == (0, 0)
    for _ in range(20):
        scene.shows()
    assert reports(2) == (20, 2)
    for _ in range(20):
        scene.shows()
    scene.taken.stop()
    missed = [packet.sequence for packet in scene.way.packets]
    scene.shows(key=True)
    assert reports(17) == (0, 0)
    for _ in range(20):
        scene.shows()
    assert reports(18) == (20, 1)
    wire = len(scene.way.wire)
    scene.taken.send_again(missed, scene.now)
    assert len(scene.way.wire) == wire, "nor is it sent again"


PACKETS = ("low", "high", "low key", "high key")
CHANGES = ("want low", "want high", "ssrc", "leap", "mute", "unmute", "pause", "resume", "again")
ACTS = st.lists(st.sampled_from((*PACKETS, *PACKETS, *CHANGES, "time")), max_size=80)


@settings(max_examples=200)
@given(ACTS)
def test_whatever_happens_the_numbers_go_on(acts: list[str]) -> None:
    scene = Scene("q", "h")
    scene.subscribe()
    for act in acts:
        if act in PACKETS:
            scene.shows(1 if act.startswith("high") else 0, key=act.endswith("key"))
        elif act.startswith("want"):
            scene.taken.wish = Wish(0 if act == "want low" else HIGH)
            scene.waits(0.05)
        elif act == "ssrc":
            scene.layers[0].restart(scene.layers[0].ssrc + 10)
            scene.cameras[0].sequence = (scene.cameras[0].sequence + 777) & 0xFFFF
        elif act == "leap":
            scene.cameras[1].sequence = (scene.cameras[1].sequence + 5000) & 0xFFFF
            scene.shows(1)
        elif act in ("mute", "unmute"):
            scene.track.mute(muted=act == "mute", now=scene.now)
        elif act in ("pause", "resume"):
            scene.taken.wish = Wish(paused=act == "pause")
            scene.waits(0.05)
        elif act == "again":
            scene.track.unsubscribe(scene.taken)
            scene.subscribe()
        else:
            scene.waits(1.2)
    packets = scene.way.packets
    assert scene.taken.failed == 0, "no number was used twice"
    assert contiguous(packets)
    assert all(0 < step < 0x80000000 for step in steps(packets))
    pictures = [picture_of(packet)[0] for packet in packets]
    assert all((b - a) & 0x7FFF for a, b in pairwise(pictures))
    assert [parse(wire).sequence for wire in scene.way.wire] == [p.sequence for p in packets]
