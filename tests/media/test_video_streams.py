"""All the video of one peer connection."""

from __future__ import annotations

import random
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st
from tests.media.video_kit import VP8, Camera, Way, incoming, outgoing

from hookflash.base.ids import Ids
from hookflash.media.video_streams import MAX_STREAMS, VideoStreams
from hookflash.media.video_subscription import Wish
from hookflash.media.video_tracks import VideoTracks
from hookflash.rtp.feedback import (
    BitrateEstimate,
    PictureLoss,
    encode_estimate,
    encode_fir,
    encode_nack,
    encode_pli,
)
from hookflash.rtp.rtcp import Report, ReportBlock, SenderInfo, encode_report, parse_compound
from hookflash.webrtc.formats import RtpCodec
from hookflash.webrtc.writing import MID, REPAIRED_RID, RID, TRANSPORT_CC

ONE_BYTE = 0xBEDE
IDS = {1: MID, 2: RID, 3: REPAIRED_RID, 4: TRANSPORT_CC}


def extensions(**values: bytes) -> bytes:
    """Header extensions with the numbers of `IDS`."""
    numbers = {"mid": 1, "rid": 2, "repaired": 3, "wide": 4}
    out = b"".join(
        bytes([numbers[name] << 4 | len(value) - 1]) + value for name, value in values.items()
    )
    return out + bytes(-len(out) % 4)


class Call:
    """Two peer connections: one shows, one sees."""

    def __init__(self) -> None:
        self.began: list[tuple[str, str]] = []
        self.wanted: list[dict[int, bool]] = []
        self.paused: list[dict[str, bool]] = []
        self.tracks = VideoTracks()
        self.shower, self.seer = Way(), Way()
        ids = Ids(random.Random(5))
        self.publisher = VideoStreams(self, self.shower, self.tracks, "ann", ids)
        self.subscriber = VideoStreams(self, self.seer, self.tracks, "bob", ids)
        self.now = 1000.0

    def video_began(self, cid: str, mime_type: str) -> None:
        self.began.append((cid, mime_type))
        self.publisher.publish(cid, "TR_1", {}, self.now, muted=False)

    def video_wanted(self, cid: str, enabled: Mapping[int, bool]) -> None:
        self.wanted.append(dict(enabled))

    def video_paused(self, paused: Mapping[str, bool]) -> None:
        self.paused.append(dict(paused))

    def comes(self, packet: bytearray, **said: bytes) -> bool:
        """One packet of the publisher."""
        self.now += 0.01
        ssrc = int.from_bytes(packet[8:12], "big")
        return self.publisher.packet(ssrc, packet, extensions(**said), ONE_BYTE, self.now)

    def looks(self) -> None:
        """A tick."""
        self.now += 0.05
        self.publisher.look(self.now)
        self.subscriber.look(self.now)


def seen(rids: tuple[str, ...] = (), ssrcs: tuple[int, ...] = ()) -> Call:
    call = Call()
    call.publisher.take_in([incoming(*rids, ssrcs=ssrcs, extensions=IDS)])
    call.subscriber.send_out([outgoing()], call.now)
    return call


def test_a_described_stream_goes_to_who_takes_it() -> None:
    call = seen(ssrcs=(50,))
    camera = Camera(ssrc=50)
    assert call.comes(camera.next(key=True))
    assert call.began == [("cam", "video/VP8")]
    assert call.comes(camera.next(key=True))
    assert len(call.seer.packets) == 2, "the first too: it was published by it"
    assert call.publisher.mid_of("cam") == "7"
    assert call.publisher.codecs_of("cam") == (VP8,)
    assert call.publisher.codecs_of("mic") == ()
    assert set(call.publisher.cids) == {"cam"}


def test_streams_are_known_by_mid_and_rid() -> None:
    call = seen(rids=("q", "h"))
    low, high = Camera(ssrc=51), Camera(ssrc=52)
    assert not call.comes(low.next(key=True), mid=b"8", rid=b"q")
    assert not call.comes(low.next(key=True), mid=b"7", rid=b"x")
    assert not call.comes(low.next(key=True), mid=b"7")
    assert call.comes(low.next(key=True), mid=b"7", rid=b"q")
    assert call.comes(high.next(key=True), mid=b"7", rid=b"h")
    assert call.comes(high.next()), "once is enough"
    call.publisher.take_in([incoming("q", "h", extensions=IDS)])
    assert call.comes(high.next()), "it stays over the next description"
    layers = call.publisher.published["cam"].layers
    assert [layer.ssrc for layer in layers] == [51, 52]


def test_retransmissions_are_known_by_their_rid() -> None:
    call = Call()
    codec = RtpCodec("VP8", 96, 90000, feedback=VP8.feedback, rtx=97)
    call.publisher.take_in([incoming("q", "h", extensions=IDS, codecs=(codec,))])
    camera, repair = Camera(ssrc=51), Camera(ssrc=60)
    call.comes(camera.next(key=True), mid=b"7", rid=b"q")
    lost = camera.next()
    number = camera.sequence
    call.comes(camera.next())
    layer = call.publisher.published["cam"].layers[0]
    assert len(layer.gaps) == 1
    again = repair.packet(number.to_bytes(2, "big") + bytes(lost[12:]), kind=97)
    assert call.comes(again, mid=b"7", repaired=b"q")
    assert len(layer.gaps) == 0
    assert layer.ssrc == 51
    call.publisher.take_in([incoming("q", "h", extensions=IDS, codecs=(codec,))])
    assert call.comes(repair.packet(b"", kind=97)), "known from before"


def test_another_ssrc_takes_the_place_of_the_former() -> None:
    call = seen(ssrcs=(50,))
    call.comes(Camera(ssrc=50).next(key=True))
    assert call.comes(Camera(ssrc=58).next(key=True), mid=b"7")
    assert call.publisher.published["cam"].layers[0].ssrc == 58
    call.shower.rtcp.clear()
    call.now += 1.0
    call.looks()
    assert PictureLoss(50) not in call.shower.asked
    assert call.comes(Camera(ssrc=58).next())


def test_a_client_with_too_many_streams() -> None:
    call = Call()
    codec = RtpCodec("VP8", 96, 90000, rtx=97)
    call.publisher.take_in([incoming(extensions=IDS, codecs=(codec,))])
    came = [
        call.comes(Camera(ssrc=number).next(kind=97), mid=b"7")
        for number in range(1, MAX_STREAMS + 9)
    ]
    assert came == [True] * MAX_STREAMS + [False] * 8


def test_a_layer_has_one_stream_at_a_time() -> None:
    call = seen()
    for number in range(1, MAX_STREAMS + 9):
        assert call.comes(Camera(ssrc=number).next(), mid=b"7")


def test_transport_wide_feedback() -> None:
    call = seen(ssrcs=(50,))
    camera = Camera(ssrc=50)
    call.looks()
    call.shower.rtcp.clear()
    for number in range(3):
        call.comes(camera.next(), wide=number.to_bytes(2, "big"))
    call.looks()
    wide = [packet for packet in call.shower.rtcp if packet[:2] in (b"\x8f\xcd", b"\xaf\xcd")]
    assert len(wide) == 1
    assert wide[0][12:16] == bytes.fromhex("00000003")
    assert wide[0][8:12] == (50).to_bytes(4, "big")
    call.shower.rtcp.clear()
    call.looks()
    assert call.shower.rtcp == []


def test_reports_each_second() -> None:
    call = seen(ssrcs=(50,))
    camera = Camera(ssrc=50)
    call.publisher.rtcp(encode_report(Report(50, (), SenderInfo(9 << 32, 1, 1, 1)), "x"), call.now)
    for number in range(40):
        call.comes(camera.next(key=number == 0))
        call.looks()
    reports = [one for packet in call.shower.rtcp for one in reports_of(packet)]
    assert [block.ssrc for report in reports for block in report.blocks] == [50] * len(reports)
    assert 2 <= len(reports) <= 4
    assert reports[0].blocks[0].last_sr == 9 << 16
    sent = [one for packet in call.seer.rtcp for one in reports_of(packet)]
    assert {report.ssrc for report in sent} == {7000}
    assert all(report.sender is not None for report in sent)


def reports_of(packet: bytes) -> list[Report]:
    return [one for one in parse_compound(packet) if isinstance(one, Report)]


def test_what_a_subscriber_asks_for() -> None:
    call = seen(ssrcs=(50,))
    camera = Camera(ssrc=50)
    for number in range(3):
        call.comes(camera.next(key=number == 0))
    call.now += 1.0
    call.looks()
    call.shower.rtcp.clear()
    wire = len(call.seer.wire)
    call.comes(camera.next())
    call.subscriber.rtcp(encode_nack(1, 7000, [call.seer.packets[-1].sequence]), call.now)
    assert len(call.seer.wire) == wire + 2
    call.subscriber.rtcp(encode_nack(1, 7999, [call.seer.packets[-1].sequence]), call.now)
    assert len(call.seer.wire) == wire + 2
    call.subscriber.rtcp(encode_pli(1, 7000), call.now)
    assert call.shower.asked == [PictureLoss(50)]
    call.now += 1.0
    call.subscriber.rtcp(encode_fir(1, 7000, 4), call.now)
    assert call.shower.asked == [PictureLoss(50)]
    call.now += 1.0
    call.subscriber.rtcp(encode_fir(1, 7000, 4), call.now)
    assert call.shower.asked == [], "the same request, said again"
    call.subscriber.rtcp(encode_report(Report(1, (ReportBlock(7000, 9, 9, 9, 0),)), "x"), call.now)
    view = call.subscriber.taken["TR_1"].peer_view
    assert view is not None
    assert view.fraction_lost == 9


def test_a_client_that_can_receive_little_is_told_what_is_paused() -> None:
    call = seen(ssrcs=(50,))
    camera = Camera(ssrc=50)
    for number in range(120):
        call.comes(camera.next(key=number == 0) + bytes(1000))
    call.subscriber.rtcp(encode_estimate(1, BitrateEstimate(900_000, (7000,))), call.now)
    call.subscriber.rtcp(encode_estimate(1, BitrateEstimate(100_000, (7000,))), call.now)
    call.looks()
    assert call.paused == [{"TR_1": True}]
    count = len(call.seer.packets)
    call.comes(camera.next(key=True))
    assert len(call.seer.packets) == count
    call.subscriber.send_out([outgoing(), outgoing(ssrc=7100, track_sid="TR_2")], call.now)
    assert call.subscriber.taken["TR_2"].cap == 0, "there is no room for more than the smallest"
    for number in range(300):
        call.looks()
        call.comes(camera.next(key=number % 10 == 0))
    assert call.paused == [{"TR_1": True}, {"TR_1": False}]
    assert len(call.seer.packets) > count


def test_what_a_subscriber_wants() -> None:
    call = seen(rids=("q", "h"))
    low, high = Camera(ssrc=51), Camera(ssrc=52, sequence=9)
    call.comes(low.next(key=True), mid=b"7", rid=b"q")
    call.comes(high.next(key=True), mid=b"7", rid=b"h")
    taken = call.subscriber.taken["TR_1"]
    assert taken.layer is call.publisher.published["cam"].layers[1]
    call.subscriber.adjust("TR_1", 0, 0, 0, call.now, disabled=False)
    call.comes(low.next(key=True))
    assert taken.layer is call.publisher.published["cam"].layers[0]
    call.subscriber.adjust("TR_1", 0, 0, 0, call.now, disabled=True)
    count = len(call.seer.packets)
    call.comes(low.next(key=True))
    call.subscriber.adjust("TR_9", 0, 0, 0, call.now, disabled=True)
    assert len(call.seer.packets) == count
    assert call.wanted == [{0: True, 1: True, 2: False}]


def test_a_wish_outlives_that_its_track_is_away() -> None:
    call = seen(rids=("q", "h"))
    call.subscriber.adjust("TR_1", 0, 0, 0, call.now, disabled=False)
    low, high = Camera(ssrc=51), Camera(ssrc=52, sequence=9)
    call.comes(high.next(key=True), mid=b"7", rid=b"h")
    call.comes(low.next(key=True), mid=b"7", rid=b"q")
    call.comes(low.next(key=True))
    assert call.subscriber.taken["TR_1"].layer is call.publisher.published["cam"].layers[0]


def test_to_stop_what_is_not_taken_stops_nothing() -> None:
    call = seen(ssrcs=(50,))
    call.subscriber.stop("TR_9")
    call.comes(Camera(ssrc=50).next(key=True))
    assert len(call.seer.packets) == 1
    call.subscriber.stop("TR_1")
    call.subscriber.stop("TR_1")
    call.comes(Camera(ssrc=50).next(key=True))
    assert len(call.seer.packets) == 1


def test_reports_of_other_streams_and_a_bye_change_nothing() -> None:
    call = seen(ssrcs=(50,))
    call.comes(Camera(ssrc=50).next(key=True))
    block = ReportBlock(7999, 200, 9, 9, 0)
    call.subscriber.rtcp(goodbye_last(Report(1, (block,))), call.now)
    taken = call.subscriber.taken["TR_1"]
    assert taken.peer_view is None
    ours = ReportBlock(7000, 9, 9, 9, 0)
    call.subscriber.rtcp(goodbye_last(Report(1, (block, ours))), call.now)
    assert taken.peer_view == ours


def goodbye_last(report: Report) -> bytes:
    """A compound packet whose sender says at its end that it is gone."""
    return encode_report(report, "x") + bytes.fromhex("81cb0001 00000001")


def test_a_section_that_ends_or_has_another_ssrc() -> None:
    call = seen(ssrcs=(50,))
    call.comes(Camera(ssrc=50).next(key=True))
    first = call.subscriber.taken["TR_1"]
    call.subscriber.send_out([outgoing()], call.now)
    assert call.subscriber.taken["TR_1"] is first
    call.subscriber.send_out([outgoing(ssrc=8000)], call.now)
    track = call.publisher.published["cam"]
    assert [taken.ssrc for taken in track.subscriptions] == [8000]
    call.subscriber.send_out([], call.now)
    assert track.subscriptions == []
    call.publisher.take_in([])
    assert call.tracks.get("TR_1") is None
    assert not call.comes(Camera(ssrc=50).next())


def test_muted_unpublished_gone() -> None:
    call = seen(ssrcs=(50,))
    camera = Camera(ssrc=50)
    call.comes(camera.next(key=True))
    call.publisher.mute("cam", call.now, muted=True)
    call.comes(camera.next(key=True))
    assert len(call.seer.packets) == 1
    call.publisher.mute("cam", call.now, muted=False)
    call.comes(camera.next(key=True))
    assert len(call.seer.packets) == 2
    call.publisher.unpublish("cam")
    call.publisher.unpublish("mic")
    call.comes(camera.next(key=True))
    assert len(call.seer.packets) == 2
    call.subscriber.close()
    call.subscriber.close()
    assert call.subscriber.closed
    call.publisher.publish("cam", "TR_1", {}, call.now, muted=False)
    call.publisher.publish("mic", "TR_2", {}, call.now, muted=False)
    assert call.publisher.published["cam"].subscriptions == []
    call.publisher.leave_room()
    assert call.tracks.get("TR_1") is None


@given(st.binary(max_size=80), st.binary(max_size=40), st.integers(0, 0xFFFF))
def test_anything_may_come(packet: bytes, said: bytes, profile: int) -> None:
    call = seen(rids=("q", "h"), ssrcs=())
    plain = bytearray(bytes([0x80, 96]) + bytes(6) + (51).to_bytes(4, "big") + packet)
    call.comes(bytearray(plain), mid=b"7", rid=b"q")
    call.publisher.packet(51, plain, said, profile, call.now)
    call.publisher.packet(52, plain, said, profile, call.now)
    call.publisher.rtcp(packet, call.now)
    call.subscriber.rtcp(packet, call.now)
    call.looks()


def test_what_it_wants_may_be_said_before_the_track_is_sent() -> None:
    call = Call()
    call.publisher.take_in([incoming("q", "h", extensions=IDS)])
    call.subscriber.adjust("TR_1", 0, 0, 0, call.now, disabled=False)
    call.subscriber.adjust("TR_1", 0, 0, 0, call.now, disabled=True)
    call.subscriber.send_out([outgoing()], call.now)
    assert call.subscriber.taken["TR_1"].wish == Wish(0, paused=True)
    call.subscriber.send_out([], call.now)
    call.subscriber.send_out([outgoing(ssrc=9000)], call.now)
    assert call.subscriber.taken["TR_1"].wish == Wish(), "another subscription"
