"""Transfer targets (transfer.md §2) and sipfrag bodies (transfer.md §4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.base.errors import ApiError
from hookflash.sip.refer import NOT_A_TARGET, Fragment, parse_fragment, parse_target


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("sip:bob@example.com", "<sip:bob@example.com>"),
        ("<sip:bob@example.com>", "<sip:bob@example.com>"),
        ("sips:bob@example.com;transport=tls", "<sips:bob@example.com;transport=tls>"),
        ("SIP:bob@example.com", "<sip:bob@example.com>"),
        ("TEL:+15105550100", "<tel:+15105550100>"),
        ("tel:+15105550100;ext=22", "<tel:+15105550100;ext=22>"),
        ("<tel:+1-510-555-0100>", "<tel:+1-510-555-0100>"),
        ("tel:911;phone-context=+1", "<tel:911;phone-context=+1>"),
        ("sip:1,2,3@example.com", "<sip:1,2,3@example.com>"),
        ("sip:a;x=1?b@example.com", "<sip:a;x=1?b@example.com>"),
        ("sip:a;method=BYE@example.com", "<sip:a;method=BYE@example.com>"),
        ("sip:example.com", "<sip:example.com>"),
        ("sip:100@[2001:db8::1]:5070", "<sip:100@[2001:db8::1]:5070>"),
        ("sip:bob@example.com;method=INVITE", "<sip:bob@example.com;method=INVITE>"),
        (
            "sip:bob@example.com?Replaces=1%40a%3Bto-tag%3D2%3Bfrom-tag%3D3&X-A=b",
            "<sip:bob@example.com?Replaces=1%40a%3Bto-tag%3D2%3Bfrom-tag%3D3&X-A=b>",
        ),
    ],
)
def test_targets_are_sent_in_one_pair_of_angle_brackets(asked: str, sent: str) -> None:
    assert parse_target(asked).refer_to == sent


@pytest.mark.parametrize(
    "asked",
    [
        "+15105550100",
        "someone@example.com",
        '"Bob" <sip:bob@example.com>',
        "http://example.com",
        " sip:bob@example.com",
        "<<sip:bob@example.com>>",
        "<sip:bob@example.com",
        "<",
        "<>",
    ],
)
def test_what_has_no_scheme_is_refused_with_livekits_text(asked: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_target(asked)
    assert caught.value.code == "invalid_argument"
    assert caught.value.msg.startswith(NOT_A_TARGET)


def test_livekits_text_to_the_letter() -> None:
    with pytest.raises(ApiError) as caught:
        parse_target("+15105550100")
    assert caught.value.msg == "transfer_to must be a valid SIP(s) or TEL URI (sip:, sips: or tel:)"
    with pytest.raises(ApiError, match=r"^invalid_argument: missing transfer to$"):
        parse_target("")


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ("sip:bob smith@example.com", "char 32"),
        ("sip:bob@example.com\r\nX-Evil: 1", "char 13"),
        ("sip:bob@example.com\n", "char 10"),
        ("sip:bob@exa\tmple.com", "char 9"),
        ("sip:bob\x00@example.com", "char 0"),
        ("sip:bob\x7f@example.com", "char 127"),
        ('sip:"bob"@example.com', "char 34"),
        ("sip:bob@example.com>", "char 62"),
        ("sip:<bob@example.com", "char 60"),
        ("<sip:bob@example.com>;x=<y>", None),
        ("sip:josé@example.com", "must be escaped"),
        ("sip:" + "a" * 2000 + "@example.com", "longer than"),
        ("sip:bob@example.com;method=BYE", "method"),
        ("sip:bob@example.com;METHOD=refer", "method"),
        ("sip:bob@example.com;m%65thod=BYE", "method"),
        ("tel:+1555;method=MESSAGE", "method"),
        ("sip:", "Bad"),
        ("sip:bob@", "Bad"),
        ("sip:bob@example.com:99999", "port"),
        ("tel:", "no telephone number"),
        ("tel:hello", "no telephone number"),
        ("tel:-", "no telephone number"),
        ("tel:+1555;a=b?Replaces=x", "no headers"),
        ("sip:bob@example.com?Replaces=a;b=c", "must be escaped"),
        ("sip:bob@example.com?Replaces=a@b", "must be escaped"),
        ("sip:bob@example.com?X=%0d%0aVia:x", "control characters"),
        ("sip:bob@example.com?X=%7F", "control characters"),
    ],
)
def test_what_would_break_the_header_is_refused(asked: str, fault: str | None) -> None:
    with pytest.raises(ApiError) as caught:
        parse_target(asked)
    assert caught.value.code == "invalid_argument"
    assert caught.value.msg.startswith(NOT_A_TARGET)
    assert (fault or "") in caught.value.msg


FORBIDDEN = """
Route Via From To Call-ID CSeq Contact Authorization Proxy-Authorization
route VIA %52oute v f t i m
"""


@pytest.mark.parametrize("name", FORBIDDEN.split())
def test_embedded_headers_that_would_steer_the_new_call_are_refused(name: str) -> None:
    with pytest.raises(ApiError, match="not allowed in it"):
        parse_target(f"sip:bob@example.com?X-A=1&{name}=x")


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"SIP/2.0 200 OK\r\n", Fragment(200, "OK")),
        (b"SIP/2.0 200 OK", Fragment(200, "OK")),
        (b"SIP/2.0 200 OK\n", Fragment(200, "OK")),
        (b"SIP/2.0 200 OK\nContact: <sip:a>\n", Fragment(200, "OK")),
        (b"SIP/2.0 200\r\n", Fragment(200, "")),
        (b"SIP/2.0 200 \r\n", Fragment(200, "")),
        (b"SIP/2.0 200", Fragment(200, "")),
        (b"sip/2.0 180 Ringing\r\n", Fragment(180, "Ringing")),
        (b"SIP/2.0 486 Busy Here\r\nWarning: 399 x\r\nContact: <sip:a>\r\n", None),
        (b"\r\nSIP/2.0 100 Trying\r\n", Fragment(100, "Trying")),
        (b"SIP/2.0\t603  Decline\r\n", Fragment(603, "Decline")),
        (b"SIP/2.0 486 Besetzt \xc3\xbc\r\n", Fragment(486, "Besetzt ü")),
        (b"SIP/2.0 486 \xff\r\n", Fragment(486, "\ufffd")),
        (b"SIP/2.0 200 OK\rTo: <sip:a@b>\r", Fragment(200, "OK")),
        (b"  SIP/2.0 200  OK ", Fragment(200, "OK")),
        (b"SIP/2.0 486 \x1b[31mBusy\x07\xc2\x9b\x00\r\n", Fragment(486, "[31mBusy")),
    ],
)
def test_sipfrags_are_read_leniently(body: bytes, wanted: Fragment | None) -> None:
    assert parse_fragment(body) == (wanted or Fragment(486, "Busy Here"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"200 OK",
        b"SIP/2.0",
        b"SIP/2.0 20 OK",
        b"SIP/2.0 2000 OK",
        b"SIP/2.0 200OK",
        b"SIP/2.0 099 X",
        b"SIP/2.0 700 X",
        b"SIP/3.0 200 OK",
        b"HTTP/1.1 200 OK",
        b"INVITE sip:a@b SIP/2.0",
        b"garbage",
        b"\x00\xff",
    ],
)
def test_what_is_no_status_line_is_no_news(body: bytes) -> None:
    assert parse_fragment(body) is None


def test_a_long_phrase_is_cut() -> None:
    fragment = parse_fragment(b"SIP/2.0 200 " + b"x" * 60_000)
    assert fragment is not None
    assert len(fragment.reason) <= 512


@given(st.one_of(st.text(), st.text().map("sip:".__add__), st.text().map("tel:+1;".__add__)))
def test_no_target_ever_breaks_out_of_its_brackets(text: str) -> None:
    try:
        target = parse_target(text)
    except ApiError:
        return
    assert not set(target.uri) & set('<>" \r\n\x00')
    assert parse_target(target.refer_to) == target


@given(st.one_of(st.binary(), st.binary().map(b"SIP/2.0 ".__add__)))
def test_no_body_raises(body: bytes) -> None:
    fragment = parse_fragment(body)
    assert fragment is None or 100 <= fragment.status <= 699
