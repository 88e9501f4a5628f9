"""What a message alone shows to be wrong."""

from __future__ import annotations

import pytest

from hookflash.base.errors import SipError
from hookflash.sip.message import Request, Response
from hookflash.sip.validate import check_request, check_response

BASE = [
    ("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"),
    ("From", "<sip:a@b>;tag=1"),
    ("To", "<sip:c@d>"),
    ("Call-ID", "x"),
    ("CSeq", "1 INVITE"),
]


def request(
    *more: tuple[str, str], without: str = "", method: str = "INVITE", uri: str = "sip:c@d"
) -> Request:
    items = [item for item in BASE if item[0] != without]
    return Request(method, uri, [*items, *more])


def refused(message: Request) -> SipError:
    with pytest.raises(SipError) as caught:
        check_request(message)
    return caught.value


def test_a_good_request_passes() -> None:
    check_request(request())
    check_request(
        request(
            ("Contact", "<sip:a@h>;expires=60, <tel:1>;expires=soon"),
            ("Route", "<sip:p;lr>"),
            ("Record-Route", "<sip:p;lr>"),
            ("Max-Forwards", "0"),
            ("Expires", "4294967295"),
            ("Event", "refer"),
            ("Session-Expires", "90"),
            ("Refer-To", "<tel:1>"),
            ("Via", "garbage below"),
        )
    )


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_missing(name: str) -> None:
    message = request(without=name)
    error = refused(message)
    assert (error.text, error.status) == (f"Missing {name} header", 400)
    assert error.message is (None if name == "Via" else message)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("f", "<sip:a@b>"),
        ("t", "<sip:a@b>"),
        ("i", "x"),
        ("cseq", "1 INVITE"),
    ],
)
def test_twice(name: str, value: str) -> None:
    error = refused(request((name, value)))
    assert error.text.startswith("Repeated ")


@pytest.mark.parametrize(
    "name",
    ["Max-Forwards", "Content-Type", "Expires", "Event", "Session-Expires", "Refer-To", "Replaces"],
)
def test_others_twice(name: str) -> None:
    assert refused(request((name, "1"), (name, "1"))).text == f"Repeated {name} header"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Via", ";"),
        ("From", '"a <sip:a@b'),
        ("To", "<sip:a@b"),
        ("Call-ID", ""),
        ("Call-ID", "a b"),
        ("CSeq", "2147483648 INVITE"),
        ("CSeq", "INVITE"),
        ("Max-Forwards", "256"),
        ("Max-Forwards", "many"),
        ("Contact", "<sip:a@b"),
        ("Route", "x"),
        ("Record-Route", "x"),
        ("Event", ""),
        ("Session-Expires", "long"),
        ("Refer-To", "+1510"),
    ],
)
def test_unreadable(name: str, value: str) -> None:
    error = refused(request((name, value), without=name))
    assert error.status == 400


def test_cseq_of_another_method() -> None:
    assert refused(request(method="BYE")).status == 400
    assert refused(request(method="FOO")).status == 501
    check_request(request(("CSeq", "1 FOO"), without="CSeq", method="FOO"))


@pytest.mark.parametrize(
    ("uri", "status"), [("<sip:a>", 400), ("sip:a?X=y", 400), ("foo", 400), ("http://x", 416)]
)
def test_request_uris(uri: str, status: int) -> None:
    assert refused(request(uri=uri)).status == status
    check_request(request(uri="tel:+1"))


def test_an_ack_is_never_answered() -> None:
    assert refused(request(method="ACK")).message is None


def test_responses() -> None:
    check_response(Response(200, headers=[*BASE, ("Contact", "<sip:a>"), ("Retry-After", "5 (x)")]))
    check_response(Response(486, headers=[*BASE, ("Contact", "broken")]))
    other = [*BASE[:4], ("CSeq", "2 BYE")]
    check_response(Response(200, headers=[*other, ("Contact", "broken")]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Via", "SIP/2.0/UDP other"),
        ("From", "<sip:a@b>"),
    ],
)
def test_responses_to_drop(name: str, value: str) -> None:
    with pytest.raises(SipError):
        check_response(Response(200, headers=[*BASE, (name, value)]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Retry-After", "99999999999"),
        ("Contact", "broken"),
        ("Contact", "sip:a@b?x=y"),
        ("Record-Route", "broken"),
        ("Expires", "x"),
    ],
)
def test_an_answered_invite_wants_its_ack_whatever_the_answer_says(name: str, value: str) -> None:
    response = Response(200, headers=[*BASE, (name, value)])
    check_response(response)
    assert (response.contact, response.record_routes) == (None, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [("To", '"x\\" sip:a@b;tag=odd'), ("From", "broken"), ("Call-ID", "a b"), ("CSeq", "1 invite")],
)
def test_nor_is_it_dropped_for_what_names_it(name: str, value: str) -> None:
    """Via and CSeq say to which INVITE; methods in other letters are the same in a response."""
    items = [item for item in BASE if item[0] != name]
    response = Response(200, headers=[*items, (name, value)])
    check_response(response)
    assert response.cseq.method == "INVITE"
    assert response.to_tag == ("odd" if name == "To" else "")


@pytest.mark.parametrize("name", ["Expires", "Session-Expires", "Content-Type", "Event"])
def test_nor_for_a_header_that_stands_twice(name: str) -> None:
    check_response(Response(200, headers=[*BASE, (name, "1"), (name, "2")]))


def test_two_vias_in_one_line() -> None:
    via = ("Via", "SIP/2.0/UDP a, SIP/2.0/UDP b")
    with pytest.raises(SipError, match="More than one Via"):
        check_response(Response(200, headers=[via, *BASE[1:]]))
