"""Which line of an offer is taken, and why none is (RFC 3264 §6; calls.md §1 row SDP)."""

from __future__ import annotations

import pytest

from hookflash.base.errors import SdpError
from hookflash.sdp.plan import Encryption, MediaSettings
from hookflash.sdp.selection import check_offer, choose, rtcp_address
from hookflash.sdp.session import Media, SessionDescription

KEY = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"
CRYPTO = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"
ALIEN = f"a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:{KEY}"


def sdp(*lines: str, connection: str | None = "c=IN IP4 192.0.2.7") -> bytes:
    head = ["v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", "t=0 0"]
    return "\r\n".join([*head, *([connection] if connection else []), *lines, ""]).encode()


def chosen(*lines: str, encryption: Encryption = "disable") -> int:
    settings = MediaSettings(encryption=encryption)
    return choose(SessionDescription.parse(sdp(*lines)), settings).index


def test_the_first_audio_line_that_fits_is_taken() -> None:
    assert chosen("m=audio 4000 RTP/AVP 0") == 0
    assert chosen("m=video 4000 RTP/AVP 31", "m=audio 4000 RTP/AVP 0") == 1
    assert chosen("m=audio 0 RTP/AVP 0", "m=audio 4000 RTP/AVP 0") == 1
    assert chosen("m=audio 4000 UDP/TLS/RTP/SAVPF 0", "m=audio 4002 RTP/AVP 0") == 1
    assert chosen("m=audio 4000 RTP/AVP 18", "m=audio 4002 RTP/AVP 0") == 1
    assert chosen("m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/AVP 0") == 0
    assert chosen("m=audio 4000 RTP/AVPF 0") == 0


def test_a_line_of_a_family_that_we_lack_is_passed_over() -> None:
    """RFC 4091: the same audio by both families, either one first."""
    six, four = ("m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::1"), ("m=audio 4002 RTP/AVP 0",)
    codecs = ("m=audio 4004 RTP/AVP 18",)
    settings = MediaSettings()
    for own, address in (("192.0.2.10", "192.0.2.7"), ("2001:db8::10", "2001:db8::1")):
        ours = {"192.0.2.7": own, "2001:db8::1": own}
        for lines in ((*six, *four), (*four, *six), (*codecs, *six, *four)):
            assert check_offer(sdp(*lines), settings, local=ours.__getitem__) == address
    with pytest.raises(SdpError) as caught:
        check_offer(sdp(*six, *codecs), settings, local=lambda _: "192.0.2.10")
    assert (caught.value.status, caught.value.warning) == (488, 301)


def test_encryption_decides_between_two_lines() -> None:
    both = ("m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/SAVP 0", CRYPTO)
    assert chosen(*both) == 0
    assert chosen(*both, encryption="allow") == 0
    assert chosen(*both, encryption="require") == 1
    turned = ("m=audio 4002 RTP/SAVP 0", CRYPTO, "m=audio 4000 RTP/AVP 0")
    assert chosen(*turned) == 1
    assert chosen(*turned, encryption="allow") == 0


@pytest.mark.parametrize(
    ("lines", "encryption", "status", "warning"),
    [
        ((), "disable", 488, 304),
        (("m=image 4000 udptl t38",), "disable", 488, 304),
        (("m=audio 0 RTP/AVP 0",), "disable", 488, 304),
        (("m=audio 4000 TCP/MSRP *",), "disable", 488, 304),
        (("m=audio 4000 RTP/AVP 18",), "disable", 488, 305),
        (("m=audio 4000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"), "disable", 488, 305),
        (("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 opus/48000/2"), "disable", 488, 305),
        (("m=audio 4000 RTP/AVP 18", "m=image 5000 udptl t38"), "disable", 488, 305),
        (("m=audio 4000 RTP/SAVP 0", CRYPTO), "disable", 488, 304),
        (("m=audio 4000 RTP/SAVP 0",), "allow", 488, None),
        (("m=audio 4000 RTP/SAVP 0", ALIEN), "allow", 488, None),
        (("m=audio 4000 RTP/SAVP 0", ALIEN), "require", 488, None),
        (("m=audio 4000 RTP/AVP 0",), "require", 488, None),
        (("m=audio 4000 RTP/AVP 0", ALIEN), "require", 488, None),
        (("m=audio 4000 RTP/AVP 0", "c=IN IP4 host.example"), "disable", 488, 301),
        (("m=audio 4000 RTP/AVP 0", "c=ATM NSAP 1.2.3.4"), "disable", 488, 301),
        (("m=audio 4000 RTP/AVP 0", "c=IN IP4 224.2.1.1/127"), "disable", 488, 330),
    ],
)
def test_why_an_offer_is_refused(
    lines: tuple[str, ...], encryption: Encryption, status: int, warning: int | None
) -> None:
    with pytest.raises(SdpError) as caught:
        check_offer(sdp(*lines), MediaSettings(encryption=encryption))
    assert (caught.value.status, caught.value.warning) == (status, warning)


def test_audio_without_an_address_is_unreadable() -> None:
    with pytest.raises(SdpError) as caught:
        check_offer(sdp("m=audio 4000 RTP/AVP 0", connection=None), MediaSettings())
    assert caught.value.status == 400


def test_a_foreign_suite_on_a_plain_line_is_plain_where_allowed() -> None:
    assert chosen("m=audio 4000 RTP/AVP 0", ALIEN, encryption="allow") == 0


def test_check_offer_tells_the_address_of_the_audio() -> None:
    settings = MediaSettings()
    assert check_offer(sdp("m=audio 4000 RTP/AVP 0"), settings) == "192.0.2.7"
    assert check_offer(sdp("m=audio 1 RTP/AVP 0", "c=IN IP6 2001:db8::1"), settings) == (
        "2001:db8::1"
    )
    assert check_offer(sdp("m=audio 1 RTP/AVP 0", "c=IN IP4 0.0.0.0"), settings) == ""


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (None, ("192.0.2.7", 4001)),
        ("5000", ("192.0.2.7", 5000)),
        ("5000 IN IP4 192.0.2.8", ("192.0.2.8", 5000)),
        ("5000 IN IP6 2001:db8::1", ("192.0.2.7", 5000)),
        ("5000 IN IP4 0.0.0.0", ("192.0.2.7", 5000)),
        ("5000 IN IP4 224.0.0.1", ("192.0.2.7", 5000)),
        ("5000 IN IP4 host", ("192.0.2.7", 5000)),
        ("0", ("192.0.2.7", 4001)),
        ("x", ("192.0.2.7", 4001)),
        ("", ("192.0.2.7", 4001)),
    ],
)
def test_rtcp_attribute(value: str | None, address: tuple[str, int]) -> None:
    attributes = () if value is None else (("rtcp", value),)
    media = Media("audio", 4000, "RTP/AVP", ("0",), attributes=attributes)
    assert rtcp_address(media, ("192.0.2.7", 4000)) == address


def test_the_last_port_has_no_next() -> None:
    assert rtcp_address(Media("audio", 65535, "RTP/AVP", ("0",)), ("1.1.1.1", 65535)) == (
        "1.1.1.1",
        65535,
    )


@pytest.mark.parametrize("name", ["localhost", "sbc-1.carrier.example", "media_1.example."])
def test_a_host_name_stands_for_the_address_of_the_signalling(name: str) -> None:
    """RFC 8866 §5.7 allows it; nearly always it is the same machine."""
    description = SessionDescription.parse(sdp("m=audio 4000 RTP/AVP 0", f"c=IN IP4 {name}"))
    for signalling in ("192.0.2.1", "2001:db8::1"):
        found = choose(description, MediaSettings(), signalling).connection
        assert (found.address, found.unspecified) == (signalling, False)


@pytest.mark.parametrize("name", ["127.0.0.1.5", "1.2.3", "256.1.1.1", "a..b", "-", "x" * 64])
def test_what_is_no_host_name_stands_for_nothing(name: str) -> None:
    description = SessionDescription.parse(sdp("m=audio 4000 RTP/AVP 0", f"c=IN IP4 {name}"))
    with pytest.raises(SdpError) as caught:
        choose(description, MediaSettings(), "192.0.2.1")
    assert caught.value.status == 488


def test_an_unreadable_connection_counts_where_it_is_needed() -> None:
    audio = ("m=audio 4000 RTP/AVP 0", "c=IN IP4 192.0.2.1")
    for lines in ((*audio, "m=video 0 RTP/AVP 96", "c=IN IP4"), audio):
        offer = sdp(*lines, connection="c=IN IP4")
        assert check_offer(offer, MediaSettings()) == "192.0.2.1"
    with pytest.raises(SdpError) as caught:
        check_offer(sdp("m=audio 4000 RTP/AVP 0", "c=IN IP4"), MediaSettings())
    assert caught.value.status == 400


def test_of_two_keys_the_one_without_an_mki_is_taken() -> None:
    named = CRYPTO.replace("crypto:1", "crypto:2") + "|2^31|1:1"
    settings = MediaSettings(encryption="allow")
    for lines in ((CRYPTO, named), (named, CRYPTO)):
        offer = SessionDescription.parse(sdp("m=audio 4000 RTP/SAVP 0", *lines))
        key = choose(offer, settings).key
        assert key is not None
        assert (key.tag, key.mki) == (1, b"")
