"""The codecs that are forwarded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.sdp.session import Media
from hookflash.webrtc.formats import (
    RtpCodec,
    codec_attributes,
    common,
    formats_of,
    is_stereo,
    parameters,
    payload_types,
    read_codecs,
    translated,
)

H264 = "level-asymmetry-allowed=1;packetization-mode={};profile-level-id={}"


def media(kind: str, formats: str, *attributes: str) -> Media:
    pairs = tuple((name, value) for name, _, value in (a.partition(":") for a in attributes))
    return Media(kind, 9, "UDP/TLS/RTP/SAVPF", tuple(formats.split()), attributes=pairs)


def names(found: tuple[RtpCodec, ...]) -> list[tuple[str, int]]:
    return [(codec.name, codec.payload_type) for codec in found]


def test_of_sound_opus_alone_is_forwarded() -> None:
    offered = media(
        "audio",
        "63 111 9 0 8 13 110 126",
        "rtpmap:111 opus/48000/2",
        "rtpmap:63 red/48000/2",
        "rtpmap:110 telephone-event/48000",
        "fmtp:111 minptime=10;useinbandfec=1",
    )
    assert read_codecs(offered) == (RtpCodec("opus", 111, 48000, 2, "minptime=10;useinbandfec=1"),)


def test_of_pictures_four_codecs_with_their_retransmissions_and_feedback() -> None:
    offered = media(
        "video",
        "96 97 98 99 102 45 118 120 49",
        "rtpmap:96 vp8/90000",
        "rtpmap:97 rtx/90000",
        "rtpmap:98 VP9/90000",
        "rtpmap:99 rtx/90000",
        "rtpmap:102 H264/90000",
        "rtpmap:45 AV1/90000",
        "rtpmap:118 red/90000",
        "rtpmap:120 ulpfec/90000",
        "rtpmap:49 flexfec-03/90000",
        "fmtp:97 apt=96",
        "fmtp:99 rtx-time=3000; apt=98",
        "rtcp-fb:96 nack  pli",
        "rtcp-fb:96 goog-remb",
        "rtcp-fb:96 ack rpsi",
        "rtcp-fb:* transport-cc",
    )
    found = read_codecs(offered)
    assert names(found) == [("VP8", 96), ("VP9", 98), ("H264", 102), ("AV1", 45)]
    assert [codec.rtx for codec in found] == [97, 99, None, None]
    assert found[0].feedback == ("goog-remb", "transport-cc", "nack pli")
    assert found[1].feedback == ("transport-cc",)


def test_sound_is_no_picture() -> None:
    assert read_codecs(media("video", "111", "rtpmap:111 opus/48000/2")) == ()
    assert read_codecs(media("audio", "96", "rtpmap:96 VP8/90000")) == ()


@pytest.mark.parametrize(
    ("name", "fmtp"),
    [
        ("VP9", "profile-id=7"),
        ("AV1", "profile=x"),
        ("H264", H264.format("2", "42e01f")),
        ("H264", H264.format("1", "58e01f")),
        ("H264", H264.format("1", "42e0")),
        ("H264", H264.format("1", "zzzzzz")),
    ],
)
def test_a_profile_that_there_is_not_is_left_out(name: str, fmtp: str) -> None:
    assert read_codecs(media("video", "96", f"rtpmap:96 {name}/90000", f"fmtp:96 {fmtp}")) == ()


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (("VP9", ""), ("VP9", "profile-id=0"), True),
        (("VP9", "profile-id=2"), ("VP9", "profile-id=0"), False),
        (("AV1", "level-idx=5;profile=0;tier=0"), ("AV1", ""), True),
        (("AV1", "profile=1"), ("AV1", ""), False),
        (("H264", H264.format(1, "42e01f")), ("H264", H264.format(1, "42C034")), True),
        (("H264", H264.format(1, "42e01f")), ("H264", H264.format(0, "42e01f")), False),
        (("H264", H264.format(1, "42e01f")), ("H264", H264.format(1, "42001f")), False),
        (("H264", H264.format(1, "64001f")), ("H264", H264.format(1, "640c1f")), False),
        (("H264", H264.format(0, "42000a")), ("H264", ""), True),
        (("VP8", "max-fr=30"), ("VP8", ""), True),
        (("VP8", ""), ("VP9", ""), False),
    ],
)
def test_what_one_decoder_reads_alike(
    one: tuple[str, str], other: tuple[str, str], alike: bool
) -> None:
    codecs = [RtpCodec(name, 96, 90000, fmtp=fmtp) for name, fmtp in (one, other)]
    assert (codecs[0].format == codecs[1].format) is alike


def test_opus_is_answered_with_fec_and_with_what_the_client_said_of_it() -> None:
    def fmtp(said: str, *, stereo: bool = False) -> tuple[str, str | None]:
        return codec_attributes([RtpCodec("opus", 109, 48000, 2, said)], stereo=stereo)[1]

    plain = "109 minptime=10;useinbandfec=1"
    assert fmtp("maxplaybackrate=48000;stereo=0;cbr=1") == ("fmtp", plain)
    assert fmtp("usedtx=1; stereo=1") == ("fmtp", f"{plain};stereo=1;usedtx=1")
    assert fmtp("", stereo=True) == ("fmtp", f"{plain};sprop-stereo=1")


def test_codecs_are_written_as_they_were_offered_their_retransmissions_last() -> None:
    codecs = (
        RtpCodec("VP8", 96, 90000, feedback=("nack", "nack pli"), rtx=97),
        RtpCodec("VP9", 98, 90000, fmtp="profile-id=2"),
    )
    assert codec_attributes(codecs) == [
        ("rtpmap", "96 VP8/90000"),
        ("rtcp-fb", "96 nack"),
        ("rtcp-fb", "96 nack pli"),
        ("rtpmap", "98 VP9/90000"),
        ("fmtp", "98 profile-id=2"),
        ("rtpmap", "97 rtx/90000"),
        ("fmtp", "97 apt=96"),
    ]
    assert payload_types(codecs) == ("96", "98", "97")


def test_feedback_of_sound_is_not_answered() -> None:
    written = codec_attributes([RtpCodec("opus", 111, 48000, 2, feedback=("transport-cc",))])
    assert [name for name, _ in written] == ["rtpmap", "fmtp"]


def test_payload_types_are_translated_by_what_they_mean() -> None:
    publisher = (
        RtpCodec("VP8", 120, 90000),
        RtpCodec("H264", 126, 90000, fmtp=H264.format(1, "42e01f")),
        RtpCodec("AV1", 45, 90000),
    )
    client = (
        RtpCodec("H264", 102, 90000, fmtp=H264.format(0, "42e01f")),
        RtpCodec("H264", 104, 90000, fmtp=H264.format(1, "42e034")),
        RtpCodec("VP8", 96, 90000),
    )
    assert translated(publisher, client) == {120: 96, 126: 104}
    assert names(common(client, formats_of(publisher))) == [("H264", 104), ("VP8", 96)]


def test_stereo_is_what_the_publisher_says_of_opus() -> None:
    assert is_stereo([RtpCodec("opus", 111, 48000, 2, "minptime=10;stereo=1")])
    assert not is_stereo([RtpCodec("opus", 111, 48000, 2, "stereo=0")])
    assert not is_stereo([RtpCodec("VP8", 96, 90000, 1, "stereo=1")])


def test_the_first_of_two_parameters_counts() -> None:
    assert parameters("APT=96; apt=97;;x") == {"apt": "96", "": "", "x": ""}


@given(st.lists(st.text(alphabet="0123456789 /=;:*aptH264vVP8rx", max_size=30), max_size=12))
def test_any_lines_give_codecs_or_none(values: list[str]) -> None:
    lines = [f"{name}:{value}" for value in values for name in ("rtpmap", "fmtp", "rtcp-fb")]
    for codec in read_codecs(media("video", "96 97 98", *lines)):
        assert codec.payload_type in (96, 97, 98)
