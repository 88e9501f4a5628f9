"""Offer and answer (RFC 3264; calls.md §1 row SDP, §2 row re-INVITE, §3)."""

from __future__ import annotations

import random
import re
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.base.errors import SdpError
from hookflash.base.ids import Ids
from hookflash.sdp.crypto import SUITES
from hookflash.sdp.negotiation import SdpNegotiator
from hookflash.sdp.plan import Codec, CodecName, Encryption, LocalMedia, MediaPlan, MediaSettings
from hookflash.sdp.session import SessionDescription

KEY = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"
SUITE = "AES_CM_128_HMAC_SHA1_80"
CRYPTO = f"a=crypto:1 {SUITE} inline:{KEY}"
AUDIO = "m=audio 4000 RTP/AVP 0"
OPUS: tuple[CodecName, ...] = ("PCMU", "opus")


def sdp(*lines: str, connection: str = "c=IN IP4 192.0.2.7", version: int = 1) -> bytes:
    head = ["v=0", f"o=- 1 {version} IN IP4 192.0.2.9", "s=-", connection, "t=0 0"]
    return "\r\n".join([*head, *lines, ""]).encode()


def negotiator(
    encryption: Encryption = "disable",
    codecs: tuple[CodecName, ...] = ("PCMU", "PCMA", "G722"),
    address: str = "198.51.100.1",
    rtcp_port: int = 10001,
    seed: int = 1,
) -> SdpNegotiator:
    return SdpNegotiator(
        ids=Ids(random.Random(seed)),
        settings=MediaSettings(codecs=codecs, encryption=encryption),
        local=LocalMedia(address, 10000, rtcp_port),
    )


def lines(body: bytes, kind: str) -> list[str]:
    return [line[2:] for line in body.decode().splitlines() if line.startswith(kind + "=")]


def version(body: bytes) -> int:
    return int(lines(body, "o")[0].split()[2])


def direction(body: bytes) -> str:
    (found,) = {"sendrecv", "sendonly", "recvonly", "inactive"}.intersection(lines(body, "a"))
    return found


# --- answers ------------------------------------------------------------------------------------


def test_a_plain_answer() -> None:
    body, plan = negotiator().answer(
        sdp("m=audio 4000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15")
    )
    assert re.sub(rb"^o=- \d+ 1 ", b"o=- ID 1 ", body, flags=re.M).decode().split("\r\n") == [
        "v=0",
        "o=- ID 1 IN IP4 198.51.100.1",
        "s=-",
        "c=IN IP4 198.51.100.1",
        "t=0 0",
        "m=audio 10000 RTP/AVP 0 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:20",
        "a=sendrecv",
        "",
    ]
    assert plan == MediaPlan(
        remote=("192.0.2.7", 4000),
        remote_rtcp=("192.0.2.7", 4001),
        codec=Codec("PCMU", 0, 8000),
        receive={0: Codec("PCMU", 0, 8000)},
        dtmf_send=101,
        dtmf_receive=frozenset({101}),
        comfort_noise=frozenset({13}),
    )


def test_every_line_is_answered_in_order_with_port_0_but_the_audio() -> None:
    body, _ = negotiator().answer(
        sdp("m=video 5000/2 RTP/AVP 31 32", "m=audio 6000 UDP/TLS/RTP/SAVPF 0", AUDIO,
            "m=audio 4002 RTP/AVP 0", "m=image 0 udptl t38")
    )  # fmt: skip
    assert lines(body, "m") == [
        "video 0 RTP/AVP 31 32",
        "audio 0 UDP/TLS/RTP/SAVPF 0",
        "audio 10000 RTP/AVP 0",
        "audio 0 RTP/AVP 0",
        "image 0 udptl t38",
    ]


def test_the_offerers_order_decides_among_the_allowed() -> None:
    offer = sdp("m=audio 4000 RTP/AVP 18 9 8 0")
    assert negotiator(codecs=("PCMU", "PCMA")).answer(offer)[1].codec.name == "PCMA"
    assert negotiator().answer(offer)[1].codec == Codec("G722", 9, 8000)


def test_opus_only_where_it_is_listed() -> None:
    offer = sdp(
        "m=audio 4000 RTP/AVP 96 97 98 0", "a=rtpmap:96 opus/48000/2", "a=fmtp:96 useinbandfec=1",
        "a=rtpmap:97 telephone-event/8000", "a=rtpmap:98 telephone-event/48000",
    )  # fmt: skip
    assert negotiator().answer(offer)[1].codec.name == "PCMU"
    body, plan = negotiator(codecs=OPUS).answer(offer)
    assert lines(body, "m") == ["audio 10000 RTP/AVP 96 98"]
    assert "rtpmap:96 opus/48000/2" in lines(body, "a")
    assert plan.codec == Codec("opus", 96, 48000, 2, "useinbandfec=1")
    assert (plan.dtmf_send, plan.dtmf_receive, plan.dtmf_clock) == (98, frozenset({98}), 48000)


@pytest.mark.parametrize("fmtp", ["", "useinbandfec=0", "stereo=1;maxaveragebitrate=20000"])
def test_our_decoder_recovers_lost_packets_and_our_answer_says_so(fmtp: str) -> None:
    """RFC 7587 §6.1: useinbandfec is about who receives, so it does not depend on the peer's."""
    attributes = ["a=rtpmap:96 opus/48000/2", *([f"a=fmtp:96 {fmtp}"] if fmtp else [])]
    body, plan = negotiator(codecs=OPUS).answer(sdp("m=audio 4000 RTP/AVP 96", *attributes))
    assert [line for line in lines(body, "a") if line.startswith("fmtp:96")] == [
        "fmtp:96 useinbandfec=1"
    ]
    assert plan.codec.fmtp == fmtp


def test_the_fallback_is_taken_where_nothing_else_fits_and_never_offered() -> None:
    """An INVITE with Opus alone, as WhatsApp sends it."""
    leg = SdpNegotiator(
        ids=Ids(random.Random(1)),
        settings=MediaSettings(fallback=("opus",)),
        local=LocalMedia("192.0.2.1", 10000, 10001),
    )
    assert b"opus" not in leg.offer()
    leg.rollback()
    opus = ("a=rtpmap:96 opus/48000/2",)
    assert leg.answer(sdp("m=audio 4000 RTP/AVP 96 0", *opus))[1].codec.name == "PCMU"
    assert leg.answer(sdp("m=audio 4000 RTP/AVP 96", *opus))[1].codec.name == "opus"
    assert b"opus" in leg.offer()  # it is in use


def test_telephone_event_with_8000_where_the_codecs_clock_is_missing() -> None:
    _, plan = negotiator(codecs=OPUS).answer(
        sdp("m=audio 4000 RTP/AVP 96 97", "a=rtpmap:96 opus/48000/2",
            "a=rtpmap:97 telephone-event/8000")
    )  # fmt: skip
    assert (plan.dtmf_send, plan.dtmf_clock) == (97, 8000)


def test_without_telephone_event_there_is_none() -> None:
    _, plan = negotiator().answer(sdp(AUDIO))
    assert plan.dtmf_send is None
    assert plan.dtmf_receive == frozenset()


def test_comfort_noise_is_taken_but_not_asked_for() -> None:
    body, plan = negotiator().answer(sdp("m=audio 4000 RTP/AVP 0 13"))
    assert lines(body, "m") == ["audio 10000 RTP/AVP 0"]
    assert plan.comfort_noise == {13}


@pytest.mark.parametrize(
    ("attributes", "ptime"),
    [
        ([], 20),
        (["a=ptime:30"], 30),
        (["a=ptime:200"], 20),
        (["a=maxptime:10"], 10),
        (["a=ptime:40", "a=maxptime:20"], 20),
    ],
)
def test_the_peers_ptime_is_honoured_and_returned(attributes: list[str], ptime: int) -> None:
    body, plan = negotiator().answer(sdp(AUDIO, *attributes))
    assert plan.ptime == ptime
    assert f"ptime:{ptime}" in lines(body, "a")


HOLD = [
    ("sendrecv", "sendrecv", True, True),
    ("sendonly", "recvonly", False, True),
    ("recvonly", "sendonly", True, False),
    ("inactive", "inactive", False, False),
]


@pytest.mark.parametrize("level", ["session", "media"])
@pytest.mark.parametrize(("offered", "answered", "send", "receive"), HOLD)
def test_directions(level: str, offered: str, answered: str, send: bool, receive: bool) -> None:
    rows = [f"a={offered}", AUDIO] if level == "session" else ["a=sendrecv", AUDIO, f"a={offered}"]
    body, plan = negotiator().answer(sdp(*rows))
    assert direction(body) == answered
    assert (plan.send, plan.receive_audio, plan.held) == (send, receive, not send)


@pytest.mark.parametrize("offered", ["sendrecv", "sendonly", "recvonly", "inactive"])
def test_hold_by_an_unspecified_address_in_any_direction(offered: str) -> None:
    leg = negotiator()
    leg.answer(sdp(AUDIO, "a=rtcp:4009"))
    body, plan = leg.answer(sdp("m=audio 4000 RTP/AVP 0", f"a={offered}",
                                connection="c=IN IP4 0.0.0.0"))  # fmt: skip
    assert direction(body) == "recvonly"
    assert not plan.send
    assert plan.remote == ("192.0.2.7", 4000)
    assert plan.remote_rtcp == ("192.0.2.7", 4009)
    body, plan = leg.answer(sdp(AUDIO))
    assert direction(body) == "sendrecv"
    assert plan.send


def test_an_unspecified_address_from_the_start_is_never_a_destination() -> None:
    _, plan = negotiator().answer(sdp(AUDIO, "c=IN IP4 0.0.0.0"))
    assert (plan.remote, plan.remote_rtcp) == (("192.0.2.9", 9), ("192.0.2.9", 9))
    assert not plan.send
    bare = b"v=0\r\nc=IN IP6 ::\r\nm=audio 4000 RTP/AVP 0\r\n"
    _, plan = negotiator().answer(bare)
    assert plan.remote == ("198.51.100.1", 9)


def test_session_and_media_level_connection() -> None:
    leg = negotiator()
    assert leg.answer(sdp(AUDIO))[1].remote == ("192.0.2.7", 4000)
    assert leg.answer(sdp(AUDIO, "c=IN IP4 192.0.2.8"))[1].remote == ("192.0.2.8", 4000)


def test_rtcp_where_the_peer_wants_it() -> None:
    assert negotiator().answer(sdp(AUDIO, "a=rtcp:4321"))[1].remote_rtcp == ("192.0.2.7", 4321)
    body, plan = negotiator().answer(sdp(AUDIO, "a=rtcp-mux", "a=rtcp:4321"))
    assert plan.rtcp_mux
    assert plan.remote_rtcp == plan.remote
    assert "rtcp-mux" in lines(body, "a")
    body, plan = negotiator().answer(sdp(AUDIO))
    assert not plan.rtcp_mux
    assert "rtcp-mux" not in lines(body, "a")


def test_our_rtcp_port_is_named_only_if_it_is_not_the_next() -> None:
    assert "rtcp:10005" in lines(negotiator(rtcp_port=10005).answer(sdp(AUDIO))[0], "a")
    assert b"a=rtcp" not in negotiator().answer(sdp(AUDIO))[0]


def test_ipv6() -> None:
    body, plan = negotiator(address="2001:db8::1").answer(
        sdp(AUDIO, connection="c=IN IP6 2001:db8::7")
    )
    assert lines(body, "c") == ["IN IP6 2001:db8::1"]
    assert lines(body, "o")[0].endswith(" IN IP6 2001:db8::1")
    assert plan.remote == ("2001:db8::7", 4000)


@pytest.mark.parametrize(("address", "port"), [("192.0.2.1", 4002), ("2001:db8::1", 4000)])
def test_of_two_ip_families_ours_is_answered(address: str, port: int) -> None:
    offer = sdp(AUDIO, "c=IN IP6 2001:db8::7", AUDIO.replace("4000", "4002"))
    body, plan = negotiator(address=address).answer(offer)
    assert plan.remote[1] == port
    refused = [line.split()[1] == "0" for line in lines(body, "m")]
    assert refused == [port != 4000, port != 4002]


def test_the_other_ip_family_is_refused_but_not_its_hold() -> None:
    leg = negotiator(address="2001:db8::1")
    with pytest.raises(SdpError) as caught:
        leg.answer(sdp(AUDIO))
    assert (caught.value.status, caught.value.warning) == (488, 301)
    assert not leg.answer(sdp(AUDIO, "c=IN IP4 0.0.0.0"))[1].send


@pytest.mark.parametrize(
    ("offer", "status", "warning"),
    [
        (b"nonsense", 400, None),
        (sdp("m=image 4000 udptl t38"), 488, 304),
        (sdp("m=audio 4000 RTP/AVP 18"), 488, 305),
    ],
)
def test_a_refused_offer_leaves_the_session_as_it_was(
    offer: bytes, status: int, warning: int | None
) -> None:
    leg = negotiator()
    body, plan = leg.answer(sdp(AUDIO))
    with pytest.raises(SdpError) as caught:
        leg.answer(offer)
    assert (caught.value.status, caught.value.warning) == (status, warning)
    assert (leg.local_sdp, leg.current) == (body, plan)


# --- versions -----------------------------------------------------------------------------------


def test_an_unchanged_session_has_an_unchanged_version() -> None:
    leg = negotiator("allow")
    first, plan = leg.answer(sdp("m=audio 4000 RTP/AVP 0", CRYPTO))
    assert leg.answer(sdp("m=audio 4000 RTP/AVP 0", CRYPTO, version=2)) == (first, plan)
    # The peer moves: our side is as it was.
    moved, plan = leg.answer(sdp("m=audio 4444 RTP/AVP 0", CRYPTO))
    assert moved == first
    assert plan.remote == ("192.0.2.7", 4444)


def test_a_changed_session_has_the_next_version_and_the_same_id() -> None:
    leg = negotiator()
    bodies = [leg.answer(sdp(AUDIO))[0], leg.answer(sdp(AUDIO, "a=sendonly"))[0]]
    bodies += [leg.answer(sdp(AUDIO))[0], leg.answer(sdp("m=audio 4000 RTP/AVP 8"))[0]]
    assert [version(body) for body in bodies] == [1, 2, 3, 4]
    assert len({lines(body, "o")[0].split()[1] for body in bodies}) == 1
    assert bodies[3] == leg.local_sdp


# --- our offers ---------------------------------------------------------------------------------


def test_our_first_offer() -> None:
    leg = negotiator(codecs=("PCMA", "PCMU", "opus"))
    body = leg.offer()
    assert lines(body, "m") == ["audio 10000 RTP/AVP 8 0 111 101 110"]
    assert lines(body, "a") == [
        "rtpmap:8 PCMA/8000",
        "rtpmap:0 PCMU/8000",
        "rtpmap:111 opus/48000/2",
        "fmtp:111 useinbandfec=1",
        "rtpmap:101 telephone-event/8000",
        "fmtp:101 0-16",
        "rtpmap:110 telephone-event/48000",
        "fmtp:110 0-16",
        "ptime:20",
        "sendrecv",
    ]
    assert leg.current is None
    assert leg.local_sdp == body


def test_each_side_receives_with_the_numbers_of_its_own_sdp() -> None:
    leg = negotiator(codecs=("PCMU", "opus"))
    leg.offer()
    plan = leg.accept(
        sdp("m=audio 4000 RTP/AVP 100 0 97 98", "a=rtpmap:100 opus/48000/2",
            "a=rtpmap:97 telephone-event/48000", "a=rtpmap:98 telephone-event/8000")
    )  # fmt: skip
    assert plan.codec == Codec("opus", 100, 48000, 2)
    assert plan.receive[0] == Codec("PCMU", 0, 8000)
    assert plan.receive[111] == Codec("opus", 111, 48000, 2, "useinbandfec=1")
    assert (plan.dtmf_send, plan.dtmf_clock) == (97, 48000)
    assert plan.dtmf_receive >= {101, 110}
    assert leg.current == plan


def test_the_numbers_of_the_answer_are_taken_too() -> None:
    """Wrong by RFC 3264 §5.1, and common: many peers have one number per session."""
    leg = negotiator(codecs=("PCMU", "opus"))
    leg.offer()
    plan = leg.accept(
        sdp("m=audio 4000 RTP/AVP 100 0 122", "a=rtpmap:100 opus/48000/2",
            "a=rtpmap:122 telephone-event/8000")
    )  # fmt: skip
    assert plan.receive[100] == plan.receive[111]
    assert plan.receive[111].name == "opus"
    assert plan.dtmf_receive == {101, 122}


def test_a_number_of_our_offer_keeps_our_meaning() -> None:
    leg = negotiator(codecs=("PCMU", "PCMA", "opus"))
    leg.offer()
    plan = leg.accept(
        sdp("m=audio 4000 RTP/AVP 8 101 111", "a=rtpmap:8 PCMU/8000", "a=rtpmap:101 opus/48000/2",
            "a=rtpmap:111 telephone-event/48000")
    )  # fmt: skip
    assert sorted(plan.receive) == [0, 111]
    assert plan.receive[111].name == "opus"
    assert plan.dtmf_receive == {110}


def test_only_what_the_answer_kept_is_received() -> None:
    leg = negotiator()
    leg.offer()
    plan = leg.accept(sdp("m=audio 4000 RTP/AVP 18 8"))
    assert plan.receive == {8: Codec("PCMA", 8, 8000)}
    assert (plan.dtmf_send, plan.dtmf_receive) == (None, frozenset())


@pytest.mark.parametrize("ours", ["sendrecv", "sendonly", "recvonly", "inactive"])
@pytest.mark.parametrize("theirs", ["sendrecv", "sendonly", "recvonly", "inactive"])
def test_directions_of_offer_and_answer_meet(ours: str, theirs: str) -> None:
    leg = negotiator()
    body = leg.offer(direction=ours)  # type: ignore[arg-type]
    assert direction(body) == ours
    plan = leg.accept(sdp(AUDIO, f"a={theirs}"))
    assert plan.send == (ours in ("sendrecv", "sendonly") and theirs in ("sendrecv", "recvonly"))
    assert plan.receive_audio == (
        ours in ("sendrecv", "recvonly") and theirs in ("sendrecv", "sendonly")
    )


def test_an_answer_with_an_unspecified_address_is_a_hold() -> None:
    leg = negotiator()
    leg.answer(sdp(AUDIO))
    leg.offer()
    plan = leg.accept(sdp(AUDIO, "c=IN IP4 0.0.0.0"))
    assert not plan.send
    assert plan.remote == ("192.0.2.7", 4000)


def test_a_full_offer_on_hold_is_sendrecv_with_all_codecs_and_keeps_the_lines() -> None:
    leg = negotiator()
    leg.answer(
        sdp("m=video 5000 RTP/AVP 31", "m=audio 4000 RTP/AVP 8 96", "a=sendonly",
            "a=rtpmap:96 telephone-event/8000", "a=ptime:30", "a=rtcp-mux")
    )  # fmt: skip
    held = leg.current
    body = leg.offer()
    assert lines(body, "m") == ["video 0 RTP/AVP 31", "audio 10000 RTP/AVP 8 0 9 96"]
    assert direction(body) == "sendrecv"
    assert version(body) == 2
    assert {"rtcp-mux", "ptime:30"} <= set(lines(body, "a"))
    # Until the answer comes, nothing is agreed anew.
    assert leg.current == held
    plan = leg.accept(sdp("m=video 0 RTP/AVP 31", "m=audio 4000 RTP/AVP 8", "a=rtcp-mux"))
    assert plan.send
    assert plan.rtcp_mux


def test_an_offer_of_the_codec_in_use_alone() -> None:
    leg = negotiator()
    leg.answer(sdp("m=audio 4000 RTP/AVP 8"))
    assert lines(leg.offer(full=False), "m") == ["audio 10000 RTP/AVP 8 101"]


def test_numbers_keep_their_meaning_for_the_session() -> None:
    leg = negotiator(codecs=OPUS)
    # The peer has given our favourite numbers to other things.
    leg.answer(
        sdp("m=audio 4000 RTP/AVP 101 111", "a=rtpmap:101 opus/48000/2",
            "a=rtpmap:111 telephone-event/48000")
    )  # fmt: skip
    assert lines(leg.offer(), "m") == ["audio 10000 RTP/AVP 101 0 96 111"]
    leg.rollback()
    # And takes one of them back.
    leg.answer(
        sdp("m=audio 4000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000")
    )  # fmt: skip
    assert lines(leg.offer(), "m") == ["audio 10000 RTP/AVP 0 96 101 111"]


def test_mux_that_was_not_offered_is_not_agreed() -> None:
    leg = negotiator()
    leg.offer()
    plan = leg.accept(sdp(AUDIO, "a=rtcp-mux"))
    assert not plan.rtcp_mux
    assert plan.remote_rtcp == ("192.0.2.7", 4001)


def test_rollback_brings_the_session_back() -> None:
    leg = negotiator()
    first, plan = leg.answer(sdp(AUDIO))
    offer = leg.offer()
    assert version(offer) == 2
    leg.rollback()
    assert (leg.local_sdp, leg.current) == (first, plan)
    assert leg.answer(sdp(AUDIO))[0] == first
    # The number of the refused offer is not given to another session.
    assert version(leg.answer(sdp(AUDIO, "a=inactive"))[0]) == 3
    leg.rollback()
    assert version(leg.local_sdp) == 3


def test_rollback_before_anything_was_agreed() -> None:
    leg = negotiator()
    leg.offer()
    leg.rollback()
    assert leg.local_sdp == b""
    assert leg.current is None


def test_a_second_offer_takes_the_place_of_the_first() -> None:
    leg = negotiator()
    first, _ = leg.answer(sdp(AUDIO))
    leg.offer()
    again = leg.offer()
    assert version(again) == 2
    leg.rollback()
    assert leg.local_sdp == first


def test_a_refresh_is_the_unchanged_session() -> None:
    leg = negotiator()
    body, plan = leg.answer(sdp(AUDIO, "a=sendonly"))
    assert leg.refresh() == body
    assert leg.refresh() == body
    assert leg.accept(sdp(AUDIO, "a=sendonly")) == plan
    assert leg.refresh() == body
    leg.rollback()
    assert leg.current == plan


def test_a_refresh_of_nothing_is_an_offer() -> None:
    leg = negotiator()
    assert lines(leg.refresh(), "m") == ["audio 10000 RTP/AVP 0 8 9 101"]


def test_an_offer_while_ours_is_unanswered_is_glare() -> None:
    leg = negotiator()
    leg.offer()
    with pytest.raises(SdpError) as caught:
        leg.answer(sdp(AUDIO))
    assert caught.value.status == 491


def test_the_sdp_of_a_later_response_beats_the_earlier() -> None:
    leg = negotiator()
    leg.offer()
    assert leg.accept(sdp("m=audio 4000 RTP/AVP 0")).remote[1] == 4000
    plan = leg.accept(sdp("m=audio 5000 RTP/AVP 8"))
    assert (plan.remote[1], plan.codec.name) == (5000, "PCMA")


@pytest.mark.parametrize(
    ("answer", "status", "warning"),
    [
        (b"nonsense", 400, None),
        (sdp(), 488, 304),
        (sdp("m=video 4000 RTP/AVP 0"), 488, 304),
        (sdp("m=audio 0 RTP/AVP 0"), 488, 304),
        (sdp("m=audio 4000 RTP/AVP 18"), 488, 305),
        (sdp(AUDIO, "c=IN IP6 2001:db8::1"), 488, 301),
        (sdp(AUDIO, "c=IN IP4 host"), 488, 301),
    ],
)
def test_a_bad_answer_leaves_the_offer_open(
    answer: bytes, status: int, warning: int | None
) -> None:
    leg = negotiator()
    leg.offer()
    with pytest.raises(SdpError) as caught:
        leg.accept(answer)
    assert (caught.value.status, caught.value.warning) == (status, warning)


def test_an_answer_to_nothing_is_refused() -> None:
    with pytest.raises(SdpError):
        negotiator().accept(sdp(AUDIO))


# --- encryption ---------------------------------------------------------------------------------


def test_a_plain_line_with_keys_is_answered_so() -> None:
    offer = sdp(AUDIO, "a=crypto:4 AEAD_AES_128_GCM inline:" + b64encode(bytes(28)).decode(),
                CRYPTO)  # fmt: skip
    body, plan = negotiator("allow").answer(offer)
    assert lines(body, "m") == ["audio 10000 RTP/AVP 0"]
    (crypto,) = [line for line in lines(body, "a") if line.startswith("crypto:")]
    assert crypto.startswith("crypto:4 AEAD_AES_128_GCM inline:")
    assert plan.crypto_send is not None
    assert plan.crypto_receive is not None
    # Each side's line holds the key with which it sends (RFC 4568 §4).
    assert crypto.endswith(b64encode(plan.crypto_send.key).decode())
    assert plan.crypto_receive.key == bytes(28)
    assert len(plan.crypto_send.key) == 28


def test_where_encryption_is_off_a_plain_line_is_answered_plain() -> None:
    body, plan = negotiator().answer(sdp(AUDIO, CRYPTO))
    assert b"crypto" not in body
    assert plan.crypto_send is plan.crypto_receive is None


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("encryption", ["allow", "require"])
def test_a_secure_line_with_each_suite(suite: str, encryption: Encryption) -> None:
    key = b64encode(b"k" * SUITES[suite]).decode()
    leg = negotiator(encryption)
    body, plan = leg.answer(
        sdp("m=audio 4000 RTP/SAVP 0", f"a=crypto:1 OTHER inline:{key}",
            f"a=crypto:2 {suite} inline:{key}|2^31")
    )  # fmt: skip
    assert lines(body, "m") == ["audio 10000 RTP/SAVP 0"]
    assert plan.crypto_send is not None
    assert (plan.crypto_send.suite, plan.crypto_send.tag) == (suite, 2)
    assert len(plan.crypto_send.key) == SUITES[suite]
    # A later offer of ours keeps suite, key and profile.
    offer = leg.offer()
    assert lines(offer, "m")[0].split()[2] == "RTP/SAVP"
    assert b64encode(plan.crypto_send.key).decode() in offer.decode()
    assert offer.count(b"a=crypto:") == 1


def test_our_key_is_the_same_all_through_and_another_in_another_call() -> None:
    leg = negotiator("allow")
    first = leg.answer(sdp(AUDIO, CRYPTO))[1].crypto_send
    again = leg.answer(sdp(AUDIO, CRYPTO.replace("crypto:1", "crypto:2")))[1].crypto_send
    assert first is not None
    assert again is not None
    assert (first.key, again.tag) == (again.key, 2)
    assert first != negotiator("allow", seed=2).answer(sdp(AUDIO, CRYPTO))[1].crypto_send


def test_a_new_key_of_the_peer_gets_a_new_one_of_ours() -> None:
    """There may be another telephone now, which counts the packets from the beginning."""
    leg = negotiator("allow")
    first = leg.answer(sdp(AUDIO, CRYPTO))[1].crypto_send
    other = CRYPTO.replace(KEY, b64encode(b"k" * 30).decode())
    again = leg.answer(sdp(AUDIO, other, version=2))[1].crypto_send
    assert first is not None
    assert again is not None
    assert first.key != again.key
    assert leg.answer(sdp(AUDIO, other, version=3))[1].crypto_send == again


def test_allow_offers_one_plain_line_with_keys() -> None:
    leg = negotiator("allow")
    body = leg.offer()
    assert lines(body, "m") == ["audio 10000 RTP/AVP 0 8 9 101"]
    offered = [line.split()[1] for line in lines(body, "a") if line.startswith("crypto:")]
    assert offered == list(SUITES)
    assert leg.accept(sdp(AUDIO)).crypto_send is None
    # What was agreed plain stays plain.
    assert b"crypto" not in leg.offer()


def test_require_offers_a_secure_line() -> None:
    leg = negotiator("require")
    body = leg.offer()
    assert lines(body, "m") == ["audio 10000 RTP/SAVP 0 8 9 101"]
    with pytest.raises(SdpError) as caught:
        leg.accept(sdp("m=audio 4000 RTP/SAVP 0"))
    assert caught.value.status == 488
    plan = leg.accept(sdp("m=audio 4000 RTP/SAVP 0", CRYPTO))
    assert plan.crypto_send is not None
    assert f"crypto:1 {SUITE} inline:" in body.decode()
    assert b64encode(plan.crypto_send.key) in body


@pytest.mark.parametrize("profile", ["RTP/AVP", "RTP/SAVP"])
def test_an_answer_with_a_key_is_encrypted(profile: str) -> None:
    leg = negotiator("allow")
    leg.offer()
    plan = leg.accept(
        sdp(f"m=audio 4000 {profile} 0", CRYPTO.replace("1 AES", "4 AES").replace("_80", "_32"))
    )
    assert plan.crypto_send is not None
    assert plan.crypto_receive is not None
    assert plan.crypto_send.suite == plan.crypto_receive.suite == "AES_CM_128_HMAC_SHA1_32"


@pytest.mark.parametrize("profile", ["RTP/AVP", "RTP/SAVP"])
def test_an_answer_with_a_tag_of_its_own_is_encrypted_by_its_suite(profile: str) -> None:
    leg = negotiator("allow")
    offer = leg.offer().decode()
    answer = sdp(f"m=audio 4000 {profile} 0", CRYPTO.replace("crypto:1", "crypto:9"))
    plan = leg.accept(answer)
    assert plan.crypto_send is not None
    assert plan.crypto_receive is not None
    assert plan.crypto_send.suite == plan.crypto_receive.suite == SUITE
    assert f"crypto:1 {SUITE} inline:{b64encode(plan.crypto_send.key).decode()}" in offer
    # Its next answer is no other.
    assert leg.offer().count(b"a=crypto:1 ") == 1
    assert leg.accept(answer).crypto_receive == plan.crypto_receive


def test_keys_in_an_answer_to_an_offer_without_any_are_no_matter() -> None:
    leg = negotiator()
    leg.offer()
    assert leg.accept(sdp(AUDIO, CRYPTO)).crypto_send is None


@pytest.mark.parametrize(
    "answer",
    [
        sdp(AUDIO, CRYPTO.replace("crypto:1", "crypto:2")),
        sdp(AUDIO, CRYPTO.replace("_80", "_64")),
        sdp(AUDIO, CRYPTO + " UNENCRYPTED_SRTP"),
        sdp(AUDIO, "a=crypto:"),
        sdp("m=audio 4000 RTP/SAVP 0"),
        sdp("m=audio 4000 RTP/SAVP 0", CRYPTO.replace("crypto:1", "crypto:2")),
        sdp("m=audio 4000 UDP/TLS/RTP/SAVP 0", CRYPTO),
    ],
)
def test_an_answer_that_does_not_fit_the_keys(answer: bytes) -> None:
    leg = negotiator("allow")
    leg.offer()
    with pytest.raises(SdpError) as caught:
        leg.accept(answer)
    assert caught.value.status == 488


# --- anything at all ----------------------------------------------------------------------------


def exercise(data: bytes, encryption: Encryption) -> None:
    """Only SdpError may escape; what is agreed names real addresses and ports."""
    leg = negotiator(encryption, codecs=("PCMU", "PCMA", "G722", "opus"))
    plans = []
    for step in (leg.answer, lambda data: (leg.offer(), leg.accept(data))):
        try:
            plans.append(step(data)[1])
        except SdpError as error:
            assert error.status in (400, 488)  # noqa: PT017
    for plan in plans:
        assert 0 < plan.remote[1] < 65536
        assert 0 < plan.remote_rtcp[1] < 65536
        assert plan.remote[0] not in ("0.0.0.0", "::")
        assert 10 <= plan.ptime <= 60
        assert 0 <= plan.codec.payload_type < 128
    SessionDescription.parse(leg.local_sdp or leg.offer())


LINES = st.sampled_from(
    [
        "m=audio 4000 RTP/AVP 0 8 101", "m=audio 0 RTP/AVP 0", "m=audio 4000 RTP/SAVP 96 97 9",
        "m=video 1 RTP/AVP 31", "m=image 1 udptl t38", "c=IN IP4 0.0.0.0", "c=IN IP4 10.0.0.1",
        "c=IN IP6 ::", "c=IN IP6 2001:db8::1", "c=IN IP4 host", CRYPTO, "a=sendonly", "a=inactive",
        "a=recvonly", "a=rtcp-mux", "a=rtcp:99", "a=rtcp:1 IN IP4 1.2.3.4", "a=ptime:30",
        "a=maxptime:0", "a=rtpmap:96 opus/48000/2", "a=rtpmap:97 telephone-event/48000",
        "a=rtpmap:101 telephone-event/8000", "a=rtpmap:0 X/1/2/3", "a=", "x=", "b=AS:1",
    ]
)  # fmt: skip


@given(st.lists(LINES | st.text(max_size=30), max_size=14), st.sampled_from(["disable", "allow"]))
def test_random_lines(rows: list[str], encryption: Encryption) -> None:
    text = "\n".join(["v=0", "c=IN IP4 192.0.2.7", *rows])
    exercise(text.encode("utf-8", "surrogatepass"), encryption)


def test_mutated_offers() -> None:
    rng = random.Random(7)
    source = sdp(
        "m=video 5000 RTP/AVP 31", "m=audio 4000 RTP/AVP 96 8 0 101", "a=rtpmap:96 opus/48000/2",
        "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16", CRYPTO, "a=ptime:20",
        "a=rtcp:4009 IN IP4 192.0.2.8", "a=sendrecv",
    )  # fmt: skip
    for _ in range(2000):
        data = bytearray(source)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data))
            data[at : at + rng.randint(0, 6)] = rng.randbytes(rng.randint(0, 3))
        exercise(bytes(data), "allow")


def test_an_offer_whose_key_has_an_mki() -> None:
    """Our key comes with the same one: some peers refuse a key without."""
    leg = negotiator(encryption="require")
    body, plan = leg.answer(sdp("m=audio 4000 RTP/SAVP 0", CRYPTO + "|2^31|1:1"))
    assert plan.crypto_receive is not None
    assert plan.crypto_send is not None
    assert (plan.crypto_receive.mki, plan.crypto_send.mki) == (b"\1", b"\1")
    (crypto,) = [line for line in lines(body, "a") if line.startswith("crypto:")]
    assert crypto.endswith("|2^31|1:1")
    assert leg.answer(sdp("m=audio 4000 RTP/SAVP 0", CRYPTO + "|2^31|1:1"))[0] == body
    plain, again = leg.answer(sdp("m=audio 4000 RTP/SAVP 0", CRYPTO))
    assert again.crypto_send is not None
    assert again.crypto_send.mki == b""
    assert b"|2^31" not in plain


def test_an_answer_with_a_host_name() -> None:
    leg = negotiator()
    leg.offer()
    leg.signalling = "192.0.2.44"
    plan = leg.accept(sdp("m=audio 4000 RTP/AVP 0", "c=IN IP4 localhost"))
    assert plan.remote == ("192.0.2.44", 4000)
    assert plan.send
