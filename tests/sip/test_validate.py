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


@pytest.mark.parametrize("name", ["Max-Forwards", "Content-Type", "Replaces"])
def test_others_twice(name: str) -> None:
    assert refused(request((name, "1"), (name, "1"))).text == f"Repeated {name} header"


@pytest.mark.parametrize(
    "name",
    [
        *("Route", "Event", "Session-Expires", "Min-SE", "Refer-To", "Referred-By"),
        *("Expires", "RAck", "Subscription-State", "Date", "X-Own"),
    ],
)
def test_what_an_invite_does_not_need_may_be_anything(name: str) -> None:
    check_request(request((name, "<;"), (name, "")))


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
        ("Record-Route", "x"),
    ],
)
def test_unreadable(name: str, value: str) -> None:
    error = refused(request((name, value), without=name))
    assert error.status == 400


IN_DIALOG = [("BYE", ";tag=us"), ("NOTIFY", ";tag=us"), ("ACK", ""), ("CANCEL", "")]


def in_dialog(method: str, *more: tuple[str, str], tag: str = ";tag=us") -> Request:
    items = [item for item in BASE if item[0] not in {"To", "CSeq"}]
    own = [("To", f"<sip:c@d>{tag}"), ("CSeq", f"1 {method}")]
    return Request(method, "mailto:a@b", [*items, *own, *more])


@pytest.mark.parametrize(("method", "tag"), IN_DIALOG)
def test_what_is_under_way_is_not_refused_for_what_it_does_not_need(method: str, tag: str) -> None:
    names = ("Contact", "Route", "Record-Route", "Event", "Session-Expires", "Refer-To", "Expires")
    bad = [(name, "<;") for name in (*names, "Max-Forwards", "Content-Type", "RAck", "Replaces")]
    check_request(in_dialog(method, *bad, *bad, tag=tag))


@pytest.mark.parametrize(("method", "tag"), IN_DIALOG)
@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq"])
def test_but_for_a_mandatory_header_that_lacks_or_stands_twice(
    method: str, tag: str, name: str
) -> None:
    good = in_dialog(method, tag=tag)
    again = in_dialog(method, (name, good.header(name) or ""), tag=tag)
    assert refused(again).text == f"Repeated {name} header"
    if name != "To":
        good.headers.remove(name)
        assert refused(good).text == f"Missing {name} header"


@pytest.mark.parametrize(
    ("name", "value"), [("Via", ";"), ("Call-ID", "a b"), ("CSeq", "x"), ("CSeq", "1 INFO")]
)
@pytest.mark.parametrize(("method", "tag"), IN_DIALOG)
def test_or_one_that_cannot_be_read(method: str, tag: str, name: str, value: str) -> None:
    bad = in_dialog(method, tag=tag)
    bad.headers.set(name, value)
    assert refused(bad).status == 400


@pytest.mark.parametrize("name", ["From", "To"])
def test_of_the_parties_the_tags_will_do(name: str) -> None:
    message = in_dialog("INFO")
    message.headers.set(name, f"<sip:a b@h> ; tag={name}")
    check_request(message)
    assert (message.from_tag if name == "From" else message.to_tag) == name
    message.headers.set(name, "<sip:a b@h>")
    assert (message.from_tag if name == "From" else message.to_tag) == ""


@pytest.mark.parametrize(
    ("method", "name", "twice"),
    [
        ("INVITE", "Content-Type", "a/b"),
        ("UPDATE", "Content-Type", "a/b"),
        ("INFO", "Content-Type", "a/b"),
        ("PRACK", "Content-Type", "a/b"),
        ("PRACK", "RAck", "1 1 INVITE"),
        ("REFER", "Refer-To", "<sip:a@b>"),
        ("REFER", "Referred-By", "<sip:a@b>"),
        ("REFER", "Replaces", "x"),
    ],
)
def test_what_is_needed_stands_once(method: str, name: str, twice: str) -> None:
    check_request(in_dialog(method, (name, twice)))
    error = refused(in_dialog(method, (name, twice), (name, twice)))
    assert error.text == f"Repeated {name} header"


def test_what_is_needed_can_be_read() -> None:
    assert refused(in_dialog("REFER", ("Refer-To", "<;"))).status == 400


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
