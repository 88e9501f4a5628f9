"""Session descriptions as text (RFC 8866)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.base.errors import SdpError
from hookflash.sdp.session import (
    Connection,
    Media,
    Origin,
    SessionDescription,
    ip_family,
    is_multicast,
    is_unspecified,
    whole_number,
)

FULL = (
    "v=0\r\n"
    "o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\r\n"
    "s=Call to John Smith\r\n"
    "i=SDP Offer #1\r\n"
    "u=http://www.jdoe.example.com/home.html\r\n"
    "e=Jane Doe <jane@jdoe.example.com>\r\n"
    "p=+1 617 555-6011\r\n"
    "c=IN IP4 198.51.100.1\r\n"
    "b=AS:64\r\n"
    "t=0 0\r\n"
    "a=sendonly\r\n"
    "m=audio 49170 RTP/AVP 0 101\r\n"
    "i=the voice\r\n"
    "b=TIAS:64000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
    "a=rtcp-mux\r\n"
    "m=video 51372/2 RTP/AVP 99\r\n"
    "c=IN IP6 2001:db8::2\r\n"
    "a=rtpmap:99 h263-1998/90000\r\n"
    "a=inactive\r\n"
)


def parse(text: str) -> SessionDescription:
    return SessionDescription.parse(text.encode("utf-8", "surrogateescape"))


def test_a_canonical_description_comes_back_byte_for_byte() -> None:
    assert parse(FULL).encode() == FULL.encode()


def test_the_parts_of_a_description() -> None:
    sdp = parse(FULL)
    assert sdp.origin == Origin(
        "3724394400", "3724394405", "198.51.100.1", "IP4", "IN", username="jdoe"
    )
    assert sdp.name == "Call to John Smith"
    assert sdp.connection == Connection("198.51.100.1")
    assert sdp.lines[0] == ("i", "SDP Offer #1")
    audio, video = sdp.media
    assert (audio.kind, audio.port, audio.protocol, audio.formats) == (
        "audio",
        49170,
        "RTP/AVP",
        ("0", "101"),
    )
    assert audio.attribute("rtcp-mux") == ""
    assert audio.attribute("rtpmap") == "101 telephone-event/8000"
    assert audio.attribute("ptime") is None
    assert audio.attribute_values("rtcp-mux") == [""]
    assert audio.lines == (("i", "the voice"), ("b", "TIAS:64000"))
    assert video.port_count == 2
    assert sdp.connection_of(audio) == Connection("198.51.100.1")
    assert sdp.connection_of(video) == Connection("2001:db8::2", "IP6")
    assert sdp.direction_of(audio) == "sendonly"
    assert sdp.direction_of(video) == "inactive"


def test_a_direction_that_stands_nowhere_is_sendrecv() -> None:
    sdp = parse("v=0\nm=audio 1 RTP/AVP 0\n")
    assert sdp.direction_of(sdp.media[0]) == "sendrecv"


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_any_line_end_is_read(end: str) -> None:
    assert parse(FULL.replace("\r\n", end)) == parse(FULL)


def test_a_missing_last_line_end_blank_lines_and_trailing_blanks_are_read() -> None:
    sloppy = FULL.replace("\r\n", " \t\r\n\r\n").rstrip() + "\0"
    assert parse(sloppy) == parse(FULL)


def test_little_is_needed() -> None:
    sdp = parse("v=0")
    assert sdp == SessionDescription()
    assert sdp.encode() == b"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"


def test_unknown_lines_are_kept_and_come_last_before_the_attributes() -> None:
    sdp = parse("v=0\nX=what\ns=x\nt=1 2\nt=3 4\nz=0 0\na=flag\nm=AUDIO 1 RTP/AVP 0\nq=1\nt=9 9\n")
    assert sdp.times == ("1 2", "3 4")
    assert sdp.lines == (("X", "what"), ("z", "0 0"))
    assert sdp.media[0].kind == "audio"
    assert sdp.media[0].lines == (("q", "1"), ("t", "9 9"))
    assert SessionDescription.parse(sdp.encode()) == SessionDescription(
        name="x",
        times=("1 2", "3 4"),
        lines=(("z", "0 0"), ("X", "what")),
        attributes=(("flag", None),),
        media=(Media("audio", 1, "RTP/AVP", ("0",), lines=(("t", "9 9"), ("q", "1"))),),
    )


def test_the_first_of_repeated_lines_counts() -> None:
    sdp = parse("v=0\no=a 1 1 IN IP4 1.1.1.1\no=b 2 2 IN IP4 2.2.2.2\ns=x\ns=y\nc=IN IP4 1.1.1.1\n"
                "c=IN IP4 2.2.2.2\n")  # fmt: skip
    assert (sdp.origin.username, sdp.name) == ("a", "x")
    assert sdp.connection == Connection("1.1.1.1")


def test_lenient_fields() -> None:
    sdp = parse("v=0\no=John Doe 1 2 IN IP4 1.1.1.1\nc=in ip4 224.2.1.1/127/3\na=ptime: 20\n")
    assert sdp.origin.username == "John Doe"
    assert sdp.connection == Connection("224.2.1.1")
    assert sdp.attributes == (("ptime", "20"),)


def test_bytes_that_are_no_utf8_come_back() -> None:
    data = b"v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=\xff\xfe\r\nt=0 0\r\n"
    assert SessionDescription.parse(data).encode() == data


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\r\n\r\n",
        "v=1\r\n",
        "o=- 1 1 IN IP4 1.1.1.1\r\nv=0\r\n",
        "v=0\r\nm=audio 1 RTP/AVP\r\n",
        "v=0\r\nm=audio x RTP/AVP 0\r\n",
        "v=0\r\nm=audio 65536 RTP/AVP 0\r\n",
        "v=0\r\nm=audio -1 RTP/AVP 0\r\n",
        "v=0\r\nm=audio 1/x RTP/AVP 0\r\n",
        "v=0\r\nm=audio 99999999999999999999 RTP/AVP 0\r\n",
        "v=0\r\na=" + "x" * 9000 + "\r\n",
        "v=0\r\n" + "a=x\r\n" * 3000,
        "v=0\r\n" + "m=audio 1 RTP/AVP 0\r\n" * 65,
        "v=0\r\n" + "a=x\r\n" * 20000,
        "v=0\r\n" + "x\r\n" * 3000,
    ],
)
def test_what_cannot_be_read_is_a_400(text: str) -> None:
    with pytest.raises(SdpError) as caught:
        parse(text)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("address", "family"),
    [
        ("192.0.2.1", "IP4"),
        ("255.255.255.255", "IP4"),
        ("256.0.0.1", None),
        ("1.2.3", None),
        ("01.2.3.4", None),
        ("1.2.3.4.5", None),
        ("٣.2.3.4", None),
        ("2001:db8::1", "IP6"),
        ("::", "IP6"),
        ("fe80::1%eth0", None),
        ("host.example.com", None),
        ("", None),
        (":::", None),
    ],
)
def test_ip_family(address: str, family: str | None) -> None:
    assert ip_family(address) == family


def test_special_addresses() -> None:
    assert is_unspecified("0.0.0.0")
    assert is_unspecified("::")
    assert is_unspecified("0:0:0:0:0:0:0:0")
    assert not is_unspecified("::1")
    assert not is_unspecified("10.0.0.0")
    assert is_multicast("224.2.1.1")
    assert is_multicast("255.255.255.255")
    assert is_multicast("ff02::1")
    assert not is_multicast("192.0.2.1")
    assert Connection.of("::1") == Connection("::1", "IP6")


def test_whole_number() -> None:
    assert whole_number("20", 100) == 20
    assert whole_number("101", 100) is None
    assert whole_number("²", 100) is None
    assert whole_number("", 100) is None
    assert whole_number("1" * 5000, 10**11) is None


def reread(data: bytes) -> None:
    try:
        sdp = SessionDescription.parse(data)
    except SdpError:
        return
    again = SessionDescription.parse(sdp.encode())
    assert again.encode() == sdp.encode()
    assert again.media == tuple(again.media)


@given(st.binary(max_size=300))
def test_random_bytes_raise_only_sdp_error(data: bytes) -> None:
    reread(data)
    reread(b"v=0\r\n" + data)


@given(st.lists(st.tuples(st.sampled_from("vosiuepcbtrzkamX"), st.text(max_size=40)), max_size=20))
def test_random_lines_raise_only_sdp_error(lines: list[tuple[str, str]]) -> None:
    text = "v=0\n" + "".join(f"{kind}={value}\n" for kind, value in lines)
    reread(text.encode("utf-8", "surrogatepass"))


def test_mutated_descriptions_raise_only_sdp_error() -> None:
    rng = random.Random(4)
    source = FULL.encode()
    for _ in range(3000):
        data = bytearray(source)
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(len(data))
            if rng.random() < 0.4:
                del data[at : at + rng.randint(1, 12)]
            else:
                data[at : at + rng.randint(0, 3)] = rng.randbytes(rng.randint(1, 4))
        reread(bytes(data))


@pytest.mark.parametrize(
    "line",
    [
        "o=- 1 1 IN IP4",
        "o=",
        "o= 1 1 IN IP4 h",
        "nonsense",
        "=x",
        "ä=x",
        " a=x",
        "m=application 0 UDP/BFCP",
        "m=video",
        "m=",
        "m=video x RTP/AVP 96",
        "m=video 0 RTP/AVP 96\r\nc=IN IP4",
    ],
)
def test_a_line_that_the_sound_does_not_need_refuses_nothing(line: str) -> None:
    audio = "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\n"
    for text in (f"v=0\r\n{line}\r\n{audio}", f"v=0\r\n{audio}{line}\r\n"):
        description = parse(text)
        (media,) = [media for media in description.media if media.kind == "audio"]
        assert description.connection_of(media) == Connection("192.0.2.1")
        assert len(description.media) == 1 + line.startswith("m=")
        again = SessionDescription.parse(description.encode())
        assert [m.port for m in again.media] == [m.port for m in description.media]
