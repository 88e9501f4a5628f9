"""Our half of a description."""

from __future__ import annotations

import pytest
from tests.webrtc import clients

from hookflash.sdp.plan import Direction
from hookflash.webrtc.description import HeaderExtension, read
from hookflash.webrtc.formats import RtpCodec
from hookflash.webrtc.writing import (
    ABS_SEND_TIME,
    AUDIO_LEVEL,
    MAX_MESSAGE_SIZE,
    MID,
    RID,
    TRANSPORT_CC,
    DescriptionWriter,
    LocalTransport,
    SentTrack,
    answered_extensions,
    received_extensions,
)


def test_the_transport_stands_in_each_section_the_candidates_in_the_first_alive() -> None:
    writer = DescriptionWriter(clients.LOCAL, "passive")
    writer.rejected("audio", "0", "RTP/AVP", ("0", "8"))
    writer.data("d")
    writer.rtp("audio", "1", "inactive", clients.OPUS, {})
    text = writer.text(77, 3)
    assert text.startswith("v=0\r\no=- 77 3 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n")
    head = text.split("m=")[0]
    assert "a=group:BUNDLE d 1\r\n" in head
    assert "a=ice-lite\r\n" in head
    rejected, data, sound = (clients.section_of(text, mid) for mid in ("0", "d", "1"))
    assert rejected == ["m=audio 0 RTP/AVP 0 8", "c=IN IP4 0.0.0.0", "a=mid:0", "a=inactive"]
    transport = {
        "a=setup:passive",
        "a=ice-ufrag:ours",
        "a=ice-pwd:" + "o" * 24,
        f"a=fingerprint:{clients.FINGERPRINT}",
    }
    candidates = {f"a={line}" for line in (*clients.CANDIDATES, "end-of-candidates")}
    assert set(data) >= transport | candidates
    assert set(sound) >= transport
    assert not set(sound) & candidates


def test_data_channels() -> None:
    writer = DescriptionWriter(LocalTransport("ours", "o" * 24, "sha-256 AB"), "actpass")
    writer.data("0")
    lines = clients.section_of(writer.text(1, 1), "0")
    assert lines[0] == "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"
    assert "a=sctp-port:5000" in lines
    assert f"a=max-message-size:{MAX_MESSAGE_SIZE}" in lines
    assert "a=setup:actpass" in lines


def test_a_section_with_a_track() -> None:
    writer = DescriptionWriter(clients.LOCAL, "passive")
    codecs = (RtpCodec("VP8", 96, 90000, rtx=97),)
    sent = SentTrack("PA_b|TR_v", "TR_v", 5, 6)
    writer.rtp(
        "video",
        "3",
        "sendonly",
        codecs,
        {4: HeaderExtension("urn:x"), 5: HeaderExtension("urn:y", "recvonly")},
        sent=sent,
        rtcp_rsize=False,
    )
    lines = clients.section_of(writer.text(1, 1), "3")
    assert lines[0] == "m=video 9 UDP/TLS/RTP/SAVPF 96 97"
    assert lines[lines.index("a=rtcp-mux") :][:7] == [
        "a=rtcp-mux",
        "a=rtpmap:96 VP8/90000",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=extmap:4 urn:x",
        "a=extmap:5/recvonly urn:y",
        "a=msid:PA_b|TR_v TR_v",
    ]
    assert "a=ssrc-group:FID 5 6" in lines
    for ssrc in (5, 6):
        assert f"a=ssrc:{ssrc} cname:PA_b|TR_v" in lines
        assert f"a=ssrc:{ssrc} msid:PA_b|TR_v TR_v" in lines
    assert "a=sendonly" in lines


def test_one_ssrc_without_retransmissions() -> None:
    names = [name for name, _ in SentTrack("s", "t", 5).attributes()]
    assert names == ["msid", "ssrc", "ssrc"]


def test_two_channels_are_told() -> None:
    writer = DescriptionWriter(clients.LOCAL, "passive")
    sent = SentTrack("s", "t", 5, stereo=True)
    writer.rtp("audio", "0", "sendonly", clients.OPUS, {}, sent=sent)
    lines = clients.section_of(writer.text(1, 1), "0")
    assert "a=fmtp:111 minptime=10;useinbandfec=1;sprop-stereo=1" in lines


def test_simulcast_is_taken() -> None:
    writer = DescriptionWriter(clients.LOCAL, "passive")
    writer.rtp("video", "0", "recvonly", clients.VP8, {}, rids=("q", "h"))
    lines = clients.section_of(writer.text(1, 1), "0")
    assert lines[-6:-3] == ["a=rid:q recv", "a=rid:h recv", "a=simulcast:recv q;h"]


def test_known_extensions_are_answered_by_kind_with_the_ids_of_the_offer() -> None:
    offered = read(
        clients.offer(clients.rtp("audio", "0", "recvonly"), clients.rtp("video", "1", "recvonly"))
    )
    sound, pictures = map(answered_extensions, offered.sections)
    assert sound == {1: HeaderExtension(AUDIO_LEVEL), 4: HeaderExtension(MID)}
    assert pictures == {4: HeaderExtension(MID), 10: HeaderExtension(RID)}


def test_the_time_and_number_of_pictures_are_answered_and_not_those_of_sound() -> None:
    """Bandwidth is estimated from pictures alone, as LiveKit has it."""
    more = f"a=extmap:5 {ABS_SEND_TIME}\r\na=extmap:6 {TRANSPORT_CC}\r\na=extmap:4 "
    texts = [
        clients.rtp(kind, mid, "recvonly").replace("a=extmap:4 ", more)
        for kind, mid in (("audio", "0"), ("video", "1"))
    ]
    sound, pictures = map(answered_extensions, read(clients.offer(*texts)).sections)
    assert sorted(sound) == [1, 4]
    assert [pictures[5].uri, pictures[6].uri] == [ABS_SEND_TIME, TRANSPORT_CC]


@pytest.mark.parametrize(
    ("theirs", "ours", "received"),
    [
        ("", "sendrecv", True),
        ("/sendonly", "recvonly", True),
        ("/recvonly", "sendonly", False),
        ("/inactive", "inactive", False),
    ],
)
def test_an_extension_of_one_direction(theirs: str, ours: Direction, received: bool) -> None:
    text = clients.rtp("video", "0", "sendrecv").replace("extmap:10", f"extmap:10{theirs}")
    section = read(clients.offer(text)).sections[0]
    assert answered_extensions(section)[10] == HeaderExtension(RID, ours)
    assert (received_extensions(section) == {4: MID, 10: RID}) is received


def test_nothing_alive_is_no_bundle() -> None:
    writer = DescriptionWriter(clients.LOCAL, "passive")
    writer.rejected("audio", "", "RTP/AVP", ("0",))
    text = writer.text(1, 1)
    assert "BUNDLE" not in text
    assert "a=mid" not in text
