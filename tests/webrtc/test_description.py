"""What a client's description says."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.webrtc import clients

from hookflash.base.errors import SdpError
from hookflash.webrtc.description import (
    LIMITS,
    MAX_RIDS,
    HeaderExtension,
    MediaSection,
    RemoteTransport,
    read,
)

RECORDED = [
    found["sdp"]
    for name in (
        "browser-livekit-client-2.23.0",
        "python-sdk-1.2.1",
        "python-sdk-1.2.1-video",
        "python-sdk-1.2.1-resume",
        "python-sdk-1.2.1-resume-two-connections",
    )
    for line in clients.record(name)
    for found in (
        (line.get("msg") or {}).get("offer"),
        (line.get("msg") or {}).get("answer"),
        ((line.get("join") or {}).get("join_request") or {}).get("publisher_offer"),
    )
    if found and "sdp" in found
]
"""Every whole description of these recordings, of both sides."""


def only(*lines: str, kind: str = "video", way: str = "sendonly") -> MediaSection:
    return read(clients.offer(clients.rtp(kind, "0", way, *lines))).sections[0]


def test_an_offer_of_the_python_sdk() -> None:
    described = read(clients.record("python-sdk-1.2.1")[27]["msg"]["offer"]["sdp"])
    assert [s.mid for s in described.sections] == list("01234567")
    assert described.bundle == tuple("01234567")
    assert [s.kind for s in described.sections] == [
        *["audio"] * 3,
        *["video"] * 3,
        "application",
        "audio",
    ]
    assert {s.direction for s in described.sections[:6]} == {"recvonly"}
    assert described.sections[6].sctp_port == 5000
    assert described.sections[6].max_message_size == 262144
    sent = described.sections[7]
    assert (sent.direction, sent.sends) == ("sendonly", True)
    assert (sent.stream_id, sent.track_id) == ("-", "5239d22a-4c86-48e1-b79e-a4714a12168e")
    assert len(sent.ssrcs) == 1
    assert [(c.name, c.payload_type) for c in sent.codecs] == [("opus", 111)]
    assert sent.extensions[4] == HeaderExtension("urn:ietf:params:rtp-hdrext:sdes:mid")
    assert sent.rtcp_mux
    assert sent.rtcp_rsize
    assert described.remote is not None
    assert described.remote.setup == "actpass"
    assert described.remote.fingerprints[0].startswith("sha-256 ")


def test_simulcast_of_the_python_sdk() -> None:
    described = read(clients.record("python-sdk-1.2.1-video")[52]["msg"]["offer"]["sdp"])
    sent = described.sections[7]
    assert sent.rids == ("h", "q")
    assert sent.ssrcs == ()
    assert [(c.name, c.payload_type) for c in sent.codecs] == [("VP8", 96)]


@pytest.mark.parametrize("sdp", RECORDED)
def test_every_recorded_description_is_read(sdp: str) -> None:
    described = read(sdp)
    assert [(s.mid, s.kind) for s in described.sections] == [
        (mid, kind) for mid, kind, _ in clients.shape(sdp)
    ]
    assert described.remote is not None


def test_the_transport_is_that_of_the_section_that_carries_the_bundle() -> None:
    stopped = clients.rtp("audio", "0", "recvonly").replace("m=audio 9", "m=audio 0")
    other = clients.data("1").replace("ice-ufrag:thei", "ice-ufrag:+/34").replace("AB:", "ab:")
    remote = read(clients.offer(stopped, other)).remote
    assert remote == RemoteTransport("+/34", "t" * 24, (clients.FINGERPRINT,), "actpass")


def test_the_transport_may_stand_above_the_sections() -> None:
    bare = clients.data("1").replace(clients.TRANSPORT, "")
    text = clients.offer(bare).replace("a=group", clients.TRANSPORT + "a=group")
    remote = read(text).remote
    assert remote is not None
    assert remote.ufrag == "thei"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a=ice-ufrag:thei", "a=ice-ufrag:thé"),
        ("a=ice-pwd:ttt", "a=ice-pwd: "),
        ("a=fingerprint:sha-256 AB", "a=fingerprint:sha-256 XY"),
        ("a=setup:actpass", "a=setup:holdconn"),
        ("m=application 9", "m=application 0"),
    ],
)
def test_without_a_whole_transport_there_is_none(old: str, new: str) -> None:
    assert read(clients.offer(clients.data("0"))).remote is not None
    assert read(clients.offer(clients.data("0")).replace(old, new)).remote is None


def test_all_fingerprints_count() -> None:
    second = "a=fingerprint:SHA-512 " + ":".join(["0f"] * 64) + "\r\na=setup"
    remote = read(clients.offer(clients.data("0").replace("a=setup", second))).remote
    assert remote is not None
    assert remote.fingerprints == (clients.FINGERPRINT, "sha-512 " + ":".join(["0F"] * 64))


def test_stopped_is_port_0_unless_it_is_bundled() -> None:
    text = clients.rtp("audio", "1", "recvonly").replace("m=audio 9", "m=audio 0")
    stopped, bundled = (
        read(clients.offer(clients.data("0"), each)).sections[1]
        for each in (text, text + "a=bundle-only\r\n")
    )
    assert stopped.stopped
    assert not bundled.stopped


def test_the_first_bundle_counts_and_only_sections_that_are_there() -> None:
    text = clients.offer(clients.data("0"), clients.rtp("audio", "1", "recvonly"), bundle=[])
    groups = "a=group\r\na=group:LS 0\r\na=group:bundle 1 9 1\r\na=group:BUNDLE 0\r\n"
    assert read(text).bundle == ()
    assert read(text.replace("t=0 0\r\n", "t=0 0\r\n" + groups)).bundle == ("1",)


def test_a_direction_above_all_holds_where_none_is_said() -> None:
    text = clients.offer(clients.data("0"), clients.rtp("audio", "1", "x-none"))
    assert read(text).sections[1].direction == "sendrecv"
    assert (
        read(text.replace("a=group", "a=inactive\r\na=group")).sections[1].direction == "inactive"
    )


def test_the_track_id_is_the_last_word_of_msid() -> None:
    assert only("msid:stream cid").track_id == "cid"
    assert only("msid:cid").track_id == "cid"
    assert only("ssrc:1 cname:x", "ssrc:1 msid:stream cid2").track_id == "cid2"
    assert only().track_id == ""


def test_ssrcs_without_those_of_repairs() -> None:
    section = only(
        "ssrc-group:FID 1 2",
        "ssrc-group:FID 3 x",
        "ssrc-group:FEC-FR 1 5",
        "ssrc-group:SIM 1 3",
        "ssrc-group:",
        *(f"ssrc:{number} cname:x" for number in (1, 1, 2, 3, 5, 4294967296)),
    )
    assert section.ssrcs == (1, 3)
    assert section.rtx_ssrcs == {1: 2}


def test_encodings_in_the_order_of_simulcast() -> None:
    rids = ("rid:q send", "rid:h send pt=96", "rid:f send", "rid:r recv", "rid:x!y send")
    assert only(*rids).rids == ("q", "h", "f")
    assert only(*rids, "simulcast:recv r send f,q;~h;z").rids == ("f", "h")
    assert only(*rids, "simulcast:recv r").rids == ("q", "h", "f")
    assert only("simulcast:send f;h").rids == ()
    assert len(only(*(f"rid:{n} send" for n in range(99))).rids) == MAX_RIDS


def test_header_extensions_by_id() -> None:
    said = (
        "extmap:9 urn:nine some=more",
        "extmap:9 urn:again",
        "extmap:15 urn:high",
        "extmap:7",
        "extmap:0 urn:padding",
        "extmap:8/sendonly urn:way",
        "extmap:6/back urn:no-way",
        "extmap",
    )
    found = only(*said).extensions
    assert list(found) == [4, 10, 13, 9, 8]
    assert found[9] == HeaderExtension("urn:nine")
    assert found[8] == HeaderExtension("urn:way", "sendonly")


def test_two_sections_of_one_mid_are_refused() -> None:
    with pytest.raises(SdpError, match="two sections with one mid"):
        read(clients.offer(clients.data("0"), clients.rtp("audio", "0", "recvonly")))


@pytest.mark.parametrize("mid", ["x" * 65, "a b", "ä"])
def test_a_mid_is_a_short_word(mid: str) -> None:
    with pytest.raises(SdpError, match="mid"):
        read(clients.offer(clients.data(mid), bundle=[]))


def test_what_is_too_long_is_refused() -> None:
    whole = clients.offer(*(clients.rtp("audio", str(n), "recvonly") for n in range(150)))
    assert len(read(whole).sections) == 150
    with pytest.raises(SdpError, match="over 262144 bytes"):
        read(whole + f"a={'x' * 100}\r\n" * 2000)
    with pytest.raises(SdpError, match="over 262144 bytes"):
        read("v=0\r\n" + "é" * (LIMITS.octets - 10))
    with pytest.raises(SdpError, match="over 1000 media"):
        read(clients.HEAD + "m=audio 9 X 0\r\n" * 1001)
    with pytest.raises(SdpError, match="over 20000 lines"):
        read(clients.HEAD + "a=x\r\n" * 20001)


def test_a_lone_surrogate_does_no_harm() -> None:
    assert read(clients.offer(clients.data("0") + "a=x:\ud800\r\n")).remote is not None


@given(st.text(alphabet="vosctma=:0 1\r\n/-;,", max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(SdpError):
        read("v=0\r\n" + text)


@pytest.mark.parametrize("seed", range(10))
def test_a_damaged_description_is_read_or_refused(seed: int) -> None:
    for text in clients.damaged(seed):
        with contextlib.suppress(SdpError):
            read(text)


def test_a_long_description_costs_in_proportion() -> None:
    def seconds(times: int) -> float:
        lines = [f"ssrc:{n} msid:- x" for n in range(times)]
        lines += [f"rid:{n} send" for n in range(times)]
        lines += [f"rtcp-fb:{n % 128} nack {n}" for n in range(times)]
        text = clients.offer(clients.rtp("video", "0", "sendonly", *lines))
        best = 9.0
        for _ in range(3):
            start = time.perf_counter()
            read(text)
            best = min(best, time.perf_counter() - start)
        return best

    assert seconds(4000) < 100 * seconds(250)  # 16 times the lines
