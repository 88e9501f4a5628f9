"""Requests and responses: views, building, the serialiser."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hookflash.base.errors import SipError
from hookflash.sip.codec import parse
from hookflash.sip.fields import CSeq, EventField, NameAddr, Via
from hookflash.sip.headers import Headers
from hookflash.sip.message import Message, Request, Response, reason_phrase
from hookflash.sip.uri import Uri

HEADERS = [
    ("Via", "SIP/2.0/UDP h1;branch=z9hG4bK1, SIP/2.0/UDP h2"),
    ("v", "SIP/2.0/TCP h3"),
    ("Record-Route", "<sip:p1;lr>, <sip:p2;lr>"),
    ("From", '"A, B" <sip:a@b>;tag=1'),
    ("To", "<sip:c@d;tag=no>"),
    ("Call-ID", "x@y"),
    ("CSeq", "1 INVITE"),
    ("m", "<sip:a@h1>, <sip:a@h2>"),
    ("Timestamp", "54"),
]


def invite(*more: tuple[str, str], body: bytes = b"") -> Request:
    return Request("INVITE", "sip:c@d", [*HEADERS, *more], body)


def test_views() -> None:
    message = invite(
        ("Route", "<sip:r1>"),
        ("Max-Forwards", "070"),
        ("Expires", "60"),
        ("Content-Type", 'Application / SDP ;x="y"'),
        ("o", "refer;id=1"),
        ("Require", "100rel"),
        ("k", "Timer, REPLACES"),
        ("Supported", "x"),
        ("Allow", "INVITE, bye"),
    )
    assert [via.host for via in message.vias] == ["h1", "h2", "h3"]
    assert message.top_via == message.vias[0] == Via("UDP", "h1", None, (("branch", "z9hG4bK1"),))
    assert message.from_ == NameAddr("A, B", Uri("sip", "a", host="b"), (("tag", "1"),))
    assert message.to.tag is None
    assert message.call_id == "x@y"
    assert message.cseq == CSeq(1, "INVITE")
    assert [contact.uri.host for contact in message.contacts] == ["h1", "h2"]
    assert message.contact == message.contacts[0]
    assert [route.uri.host for route in message.routes] == ["r1"]
    assert [route.uri.host for route in message.record_routes] == ["p1", "p2"]
    assert (message.max_forwards, message.expires) == (70, 60)
    assert message.content_type == "application/sdp"
    assert message.event == EventField("refer", (("id", "1"),))
    assert message.require == {"100rel"}
    assert message.supported == {"timer", "replaces", "x"}
    assert message.allow == {"INVITE", "bye"}
    assert message.uri == Uri("sip", "c", host="d")
    assert message.header("call-id") == "x@y"


def test_views_of_what_is_not_there() -> None:
    message = Request("OPTIONS", "sip:a")
    assert message.vias == []
    assert message.contacts == message.routes == message.record_routes == []
    assert message.contact is None
    assert message.max_forwards is None
    assert message.expires is None
    assert message.event is None
    assert message.content_type == ""
    assert message.require == message.supported == message.allow == frozenset()
    for view in ("top_via", "from_", "to", "call_id", "cseq"):
        with pytest.raises(SipError, match="Missing"):
            getattr(message, view)


def test_bad_values_raise_when_asked_for() -> None:
    names = ["Via", "From", "To", "Call-ID", "CSeq", "Contact", "Route", "Record-Route"]
    names += ["Max-Forwards", "Event"]
    message = Request("INVITE", "nothing", [(name, "") for name in names])
    message.headers.set("Contact", "<")
    message.headers.set("Route", "x")
    message.headers.set("Record-Route", ";")
    views = ["top_via", "from_", "to", "call_id", "cseq", "contacts", "contact", "routes"]
    for view in [*views, "record_routes", "max_forwards", "event", "uri"]:
        with pytest.raises(SipError) as caught:
            getattr(message, view)
        assert caught.value.status == 400
    message.headers.set("Via", ",")
    with pytest.raises(SipError):
        _ = message.top_via


def test_views_are_kept_until_the_headers_change() -> None:
    message = invite(("Event", "refer"), ("Allow", "BYE"))
    for view in ("top_via", "vias", "from_", "to", "cseq", "contacts", "event", "allow"):
        assert getattr(message, view) is getattr(message, view)
    before = message.from_
    message.headers.set("From", "<sip:z@z>")
    assert message.from_ != before
    message.headers.insert_first("Via", "SIP/2.0/UDP new")
    assert message.top_via.host == "new"
    assert len(message.vias) == 4


def test_the_star_is_no_contact() -> None:
    message = Request("REGISTER", "sip:a", [("Contact", "*")])
    assert message.contacts == []
    assert message.contact is None


def test_too_many_elements() -> None:
    message = Request("INVITE", "sip:a", [("Contact", "<sip:a>," * 257)])
    with pytest.raises(SipError, match="Too many"):
        _ = message.contacts


def test_encoding_spells_and_counts() -> None:
    message = Request(
        "INFO",
        Uri.sip("a", "b"),
        [("v", "SIP/2.0/UDP h"), ("CALL-ID", "x"), ("l", "99"), ("X-mine", "ü\udcff")],
        b"body",
    )
    assert message.encode() == (
        b"INFO sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nCall-ID: x\r\n"
        b"X-mine: \xc3\xbc\xff\r\nContent-Length: 4\r\n\r\nbody"
    )
    assert message.uri_text == "sip:a@b"
    assert message.uri is message.uri
    assert repr(message) == "<Request INFO sip:a@b>"


def test_headers_may_be_headers() -> None:
    headers = Headers(HEADERS)
    message = Request("BYE", "sip:a", headers)
    message.headers.remove("Via")
    assert "Via" in headers


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\rb", "\r\n", "a\0b", "\ud800"])
def test_nothing_injects_a_line(value: str) -> None:
    for message in (
        Request("INFO", "sip:a", [("Subject", value)]),
        Response(200, value),
        Response(200, "OK", [("X-Other", value)]),
    ):
        with pytest.raises(SipError):
            message.encode()


def test_nul_passes_as_quoted_pair_only() -> None:
    message = Request("INFO", "sip:a", [("To", '"\\\0" <sip:a>')])
    assert b'"\\\0"' in message.encode()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Request("", "sip:a"),
        lambda: Request("IN VITE", "sip:a"),
        lambda: Request("INVITE", ""),
        lambda: Request("INVITE", "sip:a SIP/2.0\r\nX: y"),
        lambda: Request("INVITE", "sip:a b"),
        lambda: Request("INVITE", "sip:a", [("X Y", "z")]),
        lambda: Response(99),
        lambda: Response(700),
        lambda: Response(200, "OK", [("X\r\n", "z")]),
    ],
)
def test_bad_parts_are_refused_at_once(make: Callable[[], Message]) -> None:
    with pytest.raises(SipError):
        make()


def test_a_changed_message_is_checked_when_written() -> None:
    message = invite()
    message.uri_text = "sip:a b"
    with pytest.raises(SipError):
        message.encode()


def test_a_message_as_such_has_no_start_line() -> None:
    with pytest.raises(NotImplementedError):
        Message().start_line()


def test_reply() -> None:
    answer = Response.reply(
        invite(), 180, to_tag="us", headers=[("Contact", "<sip:us>")], body=b"x"
    )
    assert (answer.status, answer.reason) == (180, "Ringing")
    assert answer.headers.items() == [
        ("Via", HEADERS[0][1]),
        ("Via", HEADERS[1][1]),
        ("Record-Route", HEADERS[2][1]),
        ("From", HEADERS[3][1]),
        ("To", "<sip:c@d;tag=no>;tag=us"),
        ("Call-ID", "x@y"),
        ("CSeq", "1 INVITE"),
        ("Contact", "<sip:us>"),
    ]
    assert answer.to.tag == "us"
    again = parse(answer.encode())
    assert isinstance(again, Response)
    assert again.body == b"x"
    assert repr(again) == "<Response 180 Ringing>"


def test_reply_copies_what_the_status_asks_for() -> None:
    trying = Response.reply(invite(), 100)
    assert trying.header("Timestamp") == "54"
    assert trying.header("Record-Route") is None
    assert trying.header("To") == "<sip:c@d;tag=no>"
    busy = Response.reply(invite(), 486, "Busy")
    assert busy.reason == "Busy"
    assert busy.header("Record-Route") is None
    assert busy.header("Timestamp") is None


def test_reply_keeps_a_tag_and_works_on_ruins() -> None:
    tagged = invite()
    tagged.headers.set("To", "sip:c@d ; TAG = mine")
    assert Response.reply(tagged, 200, to_tag="us").to.tag == "mine"
    tagged.headers.set("To", '"x;tag=y" <sip:c@d>')
    assert Response.reply(tagged, 200, to_tag="us").to.tag == "us"
    tagged.headers.set("To", '"x <sip:c@d>;tag=z')
    assert Response.reply(tagged, 400, to_tag="us").header("To") == '"x <sip:c@d>;tag=z'
    bare = Response.reply(Request("INFO", "sip:a"), 400, to_tag="us")
    assert bare.headers.items() == []


def test_phrases_are_at_hand() -> None:
    assert reason_phrase(202) == Response(202).reason == "Accepted"
    assert Response(200, "").reason == ""
