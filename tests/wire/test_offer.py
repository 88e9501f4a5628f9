"""calls.md §1 SDP: what is offered and how it is answered; §3 codecs."""

from __future__ import annotations

import pytest
from tests.wire.kit.call import Call
from tests.wire.kit.message import Message, sdp
from tests.wire.kit.phone import Phone
from tests.wire.kit.server import Exchange

pytestmark = pytest.mark.interop

VIDEO = "m=video 5006 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
KEY = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"


def lines(answer: Message, prefix: str) -> list[str]:
    """All SDP lines that start so."""
    return [line for line in answer.text.split("\r\n") if line.startswith(prefix)]


def refused(exchange: Exchange, phone: Phone, body: str, kind: str = "") -> Message:
    """The refusal of an INVITE with this body."""
    call = Call(phone, exchange.line().number)
    call.invite([("Content-Type", kind)] if kind else [], body)
    return call.refuse()


def test_answer(exchange: Exchange, phone: Phone) -> None:
    """The offer is answered; ptime 20; even port of the range; our own session id."""
    call = Call(phone, exchange.line().number)
    answer = call.connect()
    media = answer.sdp("m=audio ").split()
    low, high = map(int, exchange.settings["sip"]["rtp_port"].split("-"))
    assert low <= int(media[0]) <= high
    assert int(media[0]) % 2 == 0
    assert media[1:] == ["RTP/AVP", "0", "101"]
    assert "telephone-event/8000" in answer.text
    assert answer.sdp("a=sendrecv") == ""
    assert "a=sendrecv" in answer.text
    assert answer.get("Content-Type") == "application/sdp"


def test_every_m_line(exchange: Exchange, phone: Phone) -> None:
    """Every m-line of the offer is answered in order, all but the first usable audio with
    port 0."""
    call = Call(phone, exchange.line().number)
    offer = call.sdp().split("m=audio")
    body = offer[0] + VIDEO + "m=audio" + offer[1] + "m=audio 5010 RTP/AVP 0\r\n" + VIDEO
    answer = call.connect(body=body)
    media = [line.split() for line in lines(answer, "m=")]
    assert [line[0] for line in media] == ["m=video", "m=audio", "m=audio", "m=video"]
    assert [line[1] == "0" for line in media] == [True, False, True, True]


def test_first_usable_audio(exchange: Exchange, phone: Phone) -> None:
    """The first usable audio: one of unknown codecs only is passed over."""
    call = Call(phone, exchange.line().number)
    offer = call.sdp().split("m=audio")
    odd = "m=audio 5012 RTP/AVP 98\r\na=rtpmap:98 FROB/8000\r\n"
    answer = call.connect(body=offer[0] + odd + "m=audio" + offer[1])
    media = [line.split() for line in lines(answer, "m=")]
    assert [line[1] == "0" for line in media] == [True, False]


def test_no_common_codec(exchange: Exchange, phone: Phone) -> None:
    """No common codec 488 with Warning 305."""
    answer = refused(exchange, phone, sdp(5000, codecs="18", extra=["a=rtpmap:18 G729/8000"]))
    assert answer.status == 488
    assert answer.get("Warning").startswith("305")


@pytest.mark.parametrize(
    "media", ["m=video 5000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n", "m=audio 0 RTP/AVP 0\r\n"]
)
def test_no_usable_audio(exchange: Exchange, phone: Phone, media: str) -> None:
    """No usable audio 488 with Warning 304."""
    answer = refused(exchange, phone, sdp(5000).split("m=audio")[0] + media)
    assert answer.status == 488
    assert answer.get("Warning").startswith("304")


def test_unreadable(exchange: Exchange, phone: Phone) -> None:
    """Unreadable SDP 400, which names the fault."""
    for body, fault in (("hello", "session description"), ("v=0\r\nm=audio x RTP/AVP 0\r\n", "m=")):
        answer = refused(exchange, phone, body, "application/sdp")
        assert answer.status == 400
        assert fault in answer.reason


def test_multipart(exchange: Exchange, phone: Phone) -> None:
    """Multipart: its application/sdp part; other parts are ignored, ISUP and those that nobody
    explains too, and one that cannot be read."""
    call = Call(phone, exchange.line().number)
    parts = (
        "--b\r\nContent-Type: text/plain\r\nContent-Disposition: render;handling=optional\r\n\r\n"
        "hello\r\n--b\r\nContent-Type: application/ISUP;version=itu-t92+\r\n"
        "Content-Disposition: signal\r\n\r\nxx\r\n"
        "--b\r\nContent-Type: application/frob\r\n\r\nhello\r\n--b\r\nx y\r\n\r\nx\r\n"
        f"--b\r\nContent-Type: application/sdp\r\n\r\n{call.sdp()}\r\n--b--\r\n"
    )
    answer = call.connect([("Content-Type", 'multipart/mixed;boundary="b"')], parts)
    assert answer.sdp("m=audio ")


def test_multipart_required(exchange: Exchange, phone: Phone) -> None:
    """Multipart: another part that says handling=required itself: 415, ISUP too."""
    for kind in ("application/frob", "application/ISUP;version=itu-t92+"):
        parts = (
            f"--b\r\nContent-Type: {kind}\r\n"
            "Content-Disposition: x;handling=required\r\n\r\nhello\r\n"
            f"--b\r\nContent-Type: application/sdp\r\n\r\n{sdp(5000)}\r\n--b--\r\n"
        )
        answer = refused(exchange, phone, parts, "multipart/mixed;boundary=b")
        assert answer.status == 415
        assert "application/sdp" in answer.get("Accept")


@pytest.mark.parametrize(
    ("kind", "body", "fault"),
    [
        ("multipart/mixed", "--b\r\n\r\nx\r\n--b--\r\n", "boundary"),
        ("multipart/mixed;boundary=c", "--b\r\n\r\nx\r\n--b--\r\n", "delimiter"),
        ("multi part/", "x", "media type"),
    ],
)
def test_malformed_multipart(
    exchange: Exchange, phone: Phone, kind: str, body: str, fault: str
) -> None:
    """Malformed: 400 naming the fault, also in the body (RFC 5621)."""
    answer = refused(exchange, phone, body, kind)
    assert answer.status == 400
    assert fault in answer.reason


def test_avp_with_crypto(exchange: Exchange, phone: Phone) -> None:
    """RTP/AVP with a=crypto answered so (RFC 8643)."""
    line = exchange.line(media={"encryption": "SIP_MEDIA_ENCRYPT_ALLOW"})
    call = Call(phone, line.number)
    answer = call.connect(body=call.sdp(extra=[f"a=crypto:7 AES_CM_128_HMAC_SHA1_80 {KEY}"]))
    assert "RTP/AVP" in answer.sdp("m=audio ").split()
    assert answer.sdp("a=crypto:").startswith("7 AES_CM_128_HMAC_SHA1_80 inline:")
    assert KEY not in answer.text


def test_savp(exchange: Exchange, phone: Phone) -> None:
    """SDES as the trunk's media.encryption says; a line with another suite only: no common one."""
    line = exchange.line(media={"encryption": "SIP_MEDIA_ENCRYPT_REQUIRE"})
    call = Call(phone, line.number)
    crypto = [
        f"a=crypto:1 AES_256_CM_HMAC_SHA1_80 {KEY}",
        f"a=crypto:2 AES_CM_128_HMAC_SHA1_32 {KEY}",
    ]
    answer = call.connect(body=call.sdp(extra=crypto, profile="RTP/SAVP"))
    assert "RTP/SAVP" in answer.sdp("m=audio ").split()
    assert answer.sdp("a=crypto:").startswith("2 AES_CM_128_HMAC_SHA1_32 ")


@pytest.mark.parametrize("extra", ["", f"a=crypto:1 FROB_256 {KEY}"])
def test_crypto_required(exchange: Exchange, phone: Phone, extra: str) -> None:
    """Crypto required and missing 488."""
    line = exchange.line(media={"encryption": "SIP_MEDIA_ENCRYPT_REQUIRE"})
    call = Call(phone, line.number)
    call.invite(body=call.sdp(extra=[extra] if extra else []))
    assert call.refuse().status == 488


def test_no_sdp(exchange: Exchange, phone: Phone) -> None:
    """No SDP in the INVITE: our offer goes in the 200, the answer comes in the ACK."""
    line = exchange.line()
    call = Call(phone, line.number)
    offer = call.dial(body="")
    assert "a=sendrecv" in offer.text
    assert {"0", "8", "9"} <= set(offer.sdp("m=audio ").split())
    assert "telephone-event" in offer.text
    call.ack(body=call.sdp())
    call.sound.play(440)
    call.sound.heard(lambda packets: len(packets) > 3, "RTP of the exchange")


def test_offerers_order(exchange: Exchange, phone: Phone) -> None:
    """The offerer's order decides among those that the trunk allows."""
    for codecs, chosen in (("8 0 101", "8"), ("0 8", "0"), ("9 0 8", "9"), ("18 8 0", "8")):
        call = Call(phone, exchange.line().number)
        answer = call.connect(body=call.sdp(codecs=codecs))
        assert answer.sdp("m=audio ").split()[2] == chosen, codecs


def test_trunk_codecs(exchange: Exchange, phone: Phone) -> None:
    """Those that the trunk allows: only_listed_codecs."""
    line = exchange.line(media={"only_listed_codecs": True, "codecs": [{"name": "PCMA"}]})
    call = Call(phone, line.number)
    answer = call.connect(body=call.sdp(codecs="0 8"))
    assert answer.sdp("m=audio ").split()[2] == "8"


def test_opus(exchange: Exchange, phone: Phone) -> None:
    """Opus (48 kHz), telephone-event with the clock of the chosen codec (else 8000)."""
    line = exchange.line(media={"codecs": [{"name": "opus"}]})
    call = Call(phone, line.number)
    extra = ["a=rtpmap:111 opus/48000/2", "a=rtpmap:110 telephone-event/48000"]
    answer = call.connect(body=call.sdp(codecs="111 110 101", extra=extra))
    assert answer.sdp("m=audio ").split()[2:] == ["111", "110"]
    assert "110 telephone-event/48000" in answer.text
    assert exchange.attribute(line.room, "hookflash.codec").lower() == "opus"


def test_payload_numbers(exchange: Exchange, phone: Phone) -> None:
    """Each side receives with the numbers of its own SDP: dynamic numbers are mirrored."""
    call = Call(phone, exchange.line().number)
    extra = ["a=rtpmap:96 PCMU/8000", "a=rtpmap:97 telephone-event/8000"]
    answer = call.connect(body=call.sdp(codecs="96 97", extra=extra))
    assert answer.sdp("m=audio ").split()[2:] == ["96", "97"]
    call.sound.listen()
    packets = call.sound.heard(lambda seen: len(seen) > 3, "RTP")
    assert {packet.payload_type for packet in packets} == {96}


@pytest.mark.parametrize(("line", "size"), [("a=ptime:40", 320), ("a=maxptime:10", 80), ("", 160)])
def test_ptime(exchange: Exchange, phone: Phone, line: str, size: int) -> None:
    """20 sent unless `a=ptime` or `maxptime` says otherwise."""
    call = Call(phone, exchange.line().number)
    call.connect(body=call.sdp(extra=[line] if line else []))
    packets = call.sound.heard(lambda seen: len(seen) > 3, "RTP")
    assert {len(packet.payload) for packet in packets} == {size}


def test_rtcp_mux(exchange: Exchange, phone: Phone) -> None:
    """RTCP on the next port or muxed if offered."""
    call = Call(phone, exchange.line().number)
    assert "a=rtcp-mux" in call.connect(body=call.sdp(extra=["a=rtcp-mux"])).text
    plain = Call(phone, exchange.line().number)
    assert "a=rtcp-mux" not in plain.connect().text


def test_answer_direction(exchange: Exchange, phone: Phone) -> None:
    """Real offer/answer in the first INVITE too: sendonly → recvonly, inactive → inactive."""
    for ours, theirs in (("sendonly", "recvonly"), ("inactive", "inactive")):
        call = Call(phone, exchange.line().number)
        answer = call.connect(body=call.sdp(direction=ours))
        assert f"a={theirs}" in answer.text


def test_opus_alone_on_a_default_trunk(exchange: Exchange, phone: Phone) -> None:
    """An INVITE as WhatsApp sends it: answered with Opus, for `sip.codecs` is not set."""
    call = Call(phone, exchange.line().number)
    opus = ["a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1"]
    answer = call.dial(body=call.sdp(codecs="111", extra=opus))
    assert answer.sdp("m=audio ").split()[2:] == ["111"]
    assert "a=fmtp:111 useinbandfec=1" in answer.text.split("\r\n")
    call.ack()
