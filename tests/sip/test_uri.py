"""URIs: what is read, written, and when two are the same."""

from __future__ import annotations

import pytest

from hookflash.base.errors import SipError
from hookflash.sip.uri import REMEMBERED, Uri, escape_user, unescape


def test_all_parts_of_a_sip_uri() -> None:
    text = "sips:al%69ce:se%63ret@Example.com:5070;transport=tcp;lr?Subject=a%20b&Priority=urgent"
    uri = Uri.parse(text)
    assert uri == Uri(
        "sips",
        "al%69ce",
        "se%63ret",
        "Example.com",
        5070,
        (("transport", "tcp"), ("lr", None)),
        (("Subject", "a%20b"), ("Priority", "urgent")),
    )
    assert str(uri) == text
    assert uri.user_text == uri.number == "alice"
    assert uri.host_port == "Example.com:5070"
    assert uri.header("subject") == "a b"
    assert uri.header("x") is None
    assert uri.is_sip


@pytest.mark.parametrize(
    "text",
    [
        "sip:example.com",
        "sip:a@192.0.2.1",
        "sip:a@[2001:db8::1]:5060;transport=udp",
        "sip:a@[::ffff:192.0.2.1]",
        "sip:a:@b",
        "sip:*67#@b_c.example-1.com",
        "sip:user;par=1/2?x,y@h",
        "sip:+1-212-555-1212:1234@gateway.com;user=phone",
        "tel:+1-201-555-0123;phone-context=example.com;ext=22",
        "tel:911",
        "mailto:a@b",
        "urn:service:sos",
        "h.323:x",
    ],
)
def test_reading_and_writing_changes_nothing(text: str) -> None:
    assert str(Uri.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip:@host",
        "sip:a@",
        "sip:a@b@c",
        "sip: a@b",
        "sip:a@b ",
        "sip:a@b;x y",
        "sip:a@b\r\nX: y",
        "sip:a@b:99999",
        "sip:a@b:",
        "sip:a@b:123456",
        "sip:a@[::1",
        "sip:a@[:::1]",
        "sip:a@b?",
        "sip:a@b?x",
        "sip:a@b?=x",
        "sip:a@b;;x",
        "sip:a@b;=x",
        'sip:"a"@b',
        "<sip:a@b>",
        "sip:ä@ö",
        "+15105550100",
        "tel:",
        "tel:;x=y",
        "1a:b",
        "a@b",
        "sips:",
    ],
)
def test_bad_uris(text: str) -> None:
    with pytest.raises(SipError) as caught:
        Uri.parse(text)
    assert caught.value.status == 400


def test_schemes_in_any_case() -> None:
    assert Uri.parse("SIP:a@b").scheme == "sip"
    assert Uri.parse("TEL:1").scheme == "tel"
    assert Uri.parse("TEL:1").number == "1"
    assert Uri.parse("HTTP://x").opaque == "//x"
    assert not Uri.parse("HTTP://x").is_sip
    assert Uri.parse("http://x").user_text == ""


def test_ipv6_has_no_brackets_inside() -> None:
    uri = Uri.parse("sip:[2001:db8::1]:5062")
    assert (uri.host, uri.port) == ("2001:db8::1", 5062)
    assert uri.host_port == "[2001:db8::1]:5062"
    assert str(Uri.sip(None, "::1")) == "sip:[::1]"


def test_making_one_escapes_the_user() -> None:
    uri = Uri.sip("a b@c>\r\n#ü", "example.com", 5060, (("lr", None),))
    assert str(uri) == "sip:a%20b%40c%3E%0D%0A%23%C3%BC@example.com:5060;lr"
    assert Uri.parse(str(uri)).user_text == "a b@c>\r\n#ü"
    assert escape_user("+1(510)555-0100") == "+1(510)555-0100"


def test_unescaping_leaves_what_is_no_escape() -> None:
    assert unescape("%Z%45%4") == "%ZE%4"
    assert unescape("%C3%BC%ff") == "ü\udcff"


def test_parameters() -> None:
    uri = Uri.parse("sip:a@b;Transport=TCP;lr;%6Daddr=1%2E2")
    assert uri.param("transport") == "TCP"
    assert uri.param("lr") == ""
    assert uri.param("maddr") == "1.2"
    assert uri.param("ttl") is None
    assert uri.has_param("LR")
    assert not uri.has_param("user")
    assert str(uri.with_param("transport", "udp").without_param("LR")) == (
        "sip:a@b;Transport=udp;%6Daddr=1%2E2"
    )
    assert str(uri.with_param("ob")).endswith(";ob")
    assert uri.without_param("x") is uri


def test_a_uri_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Uri.parse("sip:a@b").user = "c"  # type: ignore[misc]


def test_a_semicolon_in_the_headers_is_escaped() -> None:
    uri = Uri.parse("sip:a@b?X=y;z")
    assert str(uri) == "sip:a@b?X=y%3Bz"
    assert uri.header("X") == "y;z"


# RFC 3261 §19.1.4, its examples and its rules.
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("sip:a@[2001:DB8::0:1]", "sip:a@[2001:db8::1]"),
        ("sip:a%2fb@c", "sip:a%2Fb@c"),
        ("tel:+1-201-555-0123;ext=2;a=b", "TEL:+12015550123;A=B;EXT=2"),
        ("urn:service:sos", "URN:service:sos"),
    ],
)
def test_equivalent(first: str, second: str) -> None:
    assert Uri.parse(first).equivalent(Uri.parse(second))
    assert Uri.parse(second).equivalent(Uri.parse(first))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:a@b", "sips:a@b"),
        ("sip:a@b", "sip:b"),
        ("sip:a:x@b", "sip:a:y@b"),
        ("sip:a:x@b", "sip:a@b"),
        ("sip:a@b", "sip:a@b;user=phone"),
        ("sip:a@b;ttl=1", "sip:a@b"),
        ("sip:a@b;method=BYE", "sip:a@b"),
        ("sip:a@b;maddr=1.2.3.4", "sip:a@b"),
        ("sip:a@b;x=1", "sip:a@b;x=2"),
        ("sip:a%2Fb@c", "sip:a/b@c"),
        ("tel:+12015550123", "tel:2015550123"),
        ("tel:1;ext=2", "tel:1"),
        ("urn:service:sos", "urn:service:SOS"),
    ],
)
def test_not_equivalent(first: str, second: str) -> None:
    assert not Uri.parse(first).equivalent(Uri.parse(second))
    assert not Uri.parse(second).equivalent(Uri.parse(first))


def test_equivalence_is_not_transitive() -> None:
    plain, five, on = (Uri.parse("sip:carol@chicago.com" + rest) for rest in ("", ";x=5", ";x=on"))
    assert plain.equivalent(five)
    assert plain.equivalent(on)
    assert not five.equivalent(on)


@pytest.mark.parametrize(
    ("user", "number"),
    [
        ("+15551112222;cpc=ordinary", "+15551112222"),
        ("5551112222;npdi;rn=+1555", "5551112222"),
        ("%2B1555;ext=2", "+1555"),
        ("*72#;x", "*72#"),
        ("alice;day=tuesday", "alice;day=tuesday"),
        (";x", ";x"),
    ],
)
def test_the_parameters_of_a_number_in_a_user_part_are_no_part_of_it(
    user: str, number: str
) -> None:
    assert Uri.parse(f"sip:{user}@h").number == number


def test_what_is_remembered_is_short_and_a_refusal_is_made_anew() -> None:
    long = f"sip:{'a' * REMEMBERED}@example.com"
    assert Uri.parse(long) is not Uri.parse(long)
    assert Uri.parse(long) == Uri.parse(long)
    short = "sip:alice@example.com"
    assert Uri.parse(short) is Uri.parse(short)
    for _ in range(2):
        with pytest.raises(SipError):
            Uri.parse("sip:")
