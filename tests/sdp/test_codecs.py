"""The codec table."""

from __future__ import annotations

import pytest

from hookflash.sdp.codecs import (
    Format,
    codec_attributes,
    find_event,
    packet_time,
    read_codecs,
    read_formats,
)
from hookflash.sdp.plan import Codec, CodecName
from hookflash.sdp.session import Media


def media(formats: str, *attributes: str) -> Media:
    pairs = [line.partition(":") for line in attributes]
    return Media(
        "audio",
        4000,
        "RTP/AVP",
        tuple(formats.split()),
        attributes=tuple((name, value if colon else None) for name, colon, value in pairs),
    )


def test_static_types_need_no_rtpmap() -> None:
    assert read_formats(media("0 8 9 13 18")) == (
        Format(0, "pcmu", 8000, 1),
        Format(8, "pcma", 8000, 1),
        Format(9, "g722", 8000, 1),
        Format(13, "cn", 8000, 1),
    )


def test_an_rtpmap_beats_the_static_table() -> None:
    line = media("0 96", "rtpmap:0 L16/44100/2", "rtpmap:96 pcmu/8000/1", "fmtp:96 x=1")
    assert read_formats(line) == (
        Format(0, "l16", 44100, 2),
        Format(96, "pcmu", 8000, 1, "x=1"),
    )


@pytest.mark.parametrize("rest", ["PCMA", "", "PCMA/", "PCMA/x", "PCMA/0", "PCMA/8000/1/1"])
def test_of_a_static_type_an_rtpmap_that_cannot_be_read_is_no_matter(rest: str) -> None:
    assert read_formats(media("8 96", f"rtpmap:8 {rest}", f"rtpmap:96 {rest}")) == (
        Format(8, "pcma", 8000, 1),
    )


def test_tabs_are_blanks() -> None:
    line = media("100", "rtpmap:100\tPCMU/8000", "fmtp:100 \tx=1")
    assert read_formats(line) == (Format(100, "pcmu", 8000, 1, "x=1"),)


def test_what_means_nothing_is_left_out() -> None:
    line = media(
        "96 97 98 99 100 101 200 x 0 0",
        "rtpmap:97 PCMU",
        "rtpmap:98 PCMU/x",
        "rtpmap:99 PCMU/8000/0",
        "rtpmap:100 PCMU/8000/1/1",
        "rtpmap:101 PCMU/0",
        "rtpmap:102 PCMU/8000",
    )
    assert [entry.number for entry in read_formats(line)] == [0]


def test_g722_with_its_true_rate_is_read_as_its_clock() -> None:
    line = media("9 96", "rtpmap:9 G722/16000", "rtpmap:96 G722/16000")
    assert read_codecs(read_formats(line), ["G722"]) == [Codec("G722", 9, 8000)]


def test_codecs_keep_the_order_of_the_line_and_only_the_allowed() -> None:
    line = media("111 8 0 96", "rtpmap:111 opus/48000/2", "fmtp:111 useinbandfec=1",
                 "rtpmap:96 opus/48000")  # fmt: skip
    formats = read_formats(line)
    assert read_codecs(formats, ["PCMU", "PCMA"]) == [
        Codec("PCMA", 8, 8000),
        Codec("PCMU", 0, 8000),
    ]
    assert read_codecs(formats, ["opus"]) == [Codec("opus", 111, 48000, 2, "useinbandfec=1")]


def test_telephone_event_of_the_clock_else_of_8000() -> None:
    both = read_formats(
        media(
            "101 102 110", "rtpmap:101 telephone-event/8000",
            "rtpmap:102 TELEPHONE-EVENT/8000", "rtpmap:110 telephone-event/48000",
        )
    )  # fmt: skip
    assert find_event(both, 48000) == Format(110, "telephone-event", 48000, 1)
    assert find_event(both, 8000) == Format(101, "telephone-event", 8000, 1)
    assert find_event(both, 16000) == Format(101, "telephone-event", 8000, 1)
    assert find_event(both[2:], 8000) is None


def test_attributes_of_our_own_formats() -> None:
    codecs = (Codec("opus", 111, 48000, 2, "stereo=0"), Codec("PCMU", 0, 8000))
    assert codec_attributes(codecs, ((101, 8000),)) == (
        ("rtpmap", "111 opus/48000/2"),
        ("fmtp", "111 stereo=0"),
        ("rtpmap", "0 PCMU/8000"),
        ("rtpmap", "101 telephone-event/8000"),
        ("fmtp", "101 0-16"),
    )


@pytest.mark.parametrize(
    ("attributes", "codec", "time"),
    [
        ([], "PCMU", 20),
        (["ptime:30"], "PCMU", 30),
        (["ptime:10"], "PCMU", 10),
        (["ptime:60"], "PCMU", 60),
        (["ptime:20.0"], "PCMU", 20),
        (["ptime:25"], "PCMU", 20),
        (["ptime:5"], "PCMU", 20),
        (["ptime:80"], "PCMU", 20),
        (["ptime:x"], "PCMU", 20),
        (["ptime"], "PCMU", 20),
        (["maxptime:40"], "PCMU", 20),
        (["maxptime:10"], "PCMU", 10),
        (["maxptime:2"], "PCMU", 10),
        (["ptime:40", "maxptime:30"], "PCMU", 30),
        (["ptime:30"], "opus", 20),
        (["ptime:50"], "opus", 40),
        (["ptime:60"], "opus", 60),
    ],
)
def test_packet_time(attributes: list[str], codec: CodecName, time: int) -> None:
    assert packet_time(media("0", *attributes), codec, 20) == time
