"""Header fields: order, names, lists."""

from __future__ import annotations

import pytest

from hookflash.base.errors import SipError
from hookflash.sip.headers import COMPACT, Headers, canonical_name, header_key
from hookflash.sip.message import MAX_ELEMENTS


def sample() -> Headers:
    return Headers(
        [("Via", "a, b"), ("f", "x"), ("v", "c"), ("X-One", "1"), ("VIA", "d"), ("x-one", "2")]
    )


def test_names_in_any_case_and_compact() -> None:
    headers = sample()
    assert headers.get("via") == headers.get("V") == headers.get("vIa") == "a, b"
    assert headers.get("From") == "x"
    assert headers.get("x-ONE") == "1"
    assert headers.get("To") is None
    assert headers.get_all("Via") == ["a, b", "c", "d"]
    assert headers.get_all("To") == []
    assert headers.split("Via") == ["a", "b", "c", "d"]
    assert headers.split("From") == ["x"]
    assert headers.split("To") == []
    assert "FROM" in headers
    assert "To" not in headers
    assert len(headers) == 6


def test_every_compact_form_has_its_canonical_one() -> None:
    for short, key in COMPACT.items():
        assert header_key(short) == header_key(short.upper()) == key
        assert canonical_name(short).lower() == key
    assert canonical_name("CALL-id") == "Call-ID"
    assert canonical_name("cseq") == "CSeq"
    assert canonical_name("x-Mine") == "x-Mine"


def test_one_field_line_of_each_needs_no_second_look() -> None:
    headers = Headers([("Contact", "<sip:a>, <sip:b>")])
    assert headers.split("m") == ["<sip:a>", "<sip:b>"]


@pytest.mark.parametrize("lines", [1, 3, 400])
def test_of_a_list_that_has_no_end_the_first_elements_count(lines: int) -> None:
    """Enough of them to see that an address list is too long."""
    named = [str(number) for number in range(600)]
    each = -(-len(named) // lines)
    parts = [", ".join(named[at : at + each]) for at in range(0, len(named), each)]
    headers = Headers([("Require", part) for part in parts])
    assert headers.split("Require") == named[: MAX_ELEMENTS + 1]


def test_adding_setting_removing() -> None:
    headers = sample()
    headers.views["x"] = 1
    headers.add("To", "y")
    assert headers.views == {}
    assert headers.items()[-1] == ("To", "y")
    headers.set("v", "only")
    assert headers.get_all("Via") == ["only"]
    assert headers.items()[0] == ("v", "only")
    headers.set("CSeq", "1 A")
    assert headers.items()[-1] == ("CSeq", "1 A")
    headers.insert_first("Via", "top")
    assert headers.get_all("via") == ["top", "only"]
    assert headers.remove("x-one") == 2
    assert headers.remove("x-one") == 0
    assert headers.get("X-One") is None


def test_replacing_the_top_value_in_place() -> None:
    for warm in (False, True):
        headers = sample()
        if warm:
            headers.index()
        headers.views.update({"via": 1, "top-via": 2, "from": 3})
        headers.replace_first_value("v", "new")
        assert headers.split("Via") == ["new", "b", "c", "d"]
        assert headers.get("Via") == "new, b"
        assert headers.views == {"from": 3}
        assert headers == Headers(headers.items())
    only = Headers([("To", "x"), ("Via", "a")])
    only.replace_first_value("Via", "new")
    assert only.items() == [("To", "x"), ("Via", "new")]
    with pytest.raises(KeyError):
        only.replace_first_value("From", "x")


def test_a_copy_is_independent() -> None:
    headers = sample()
    other = headers.copy()
    assert other == headers
    other.add("To", "z")
    assert "To" not in headers
    assert other != headers
    assert headers != sample().items()
    assert Headers(headers) == headers
    assert repr(Headers([("To", "z")])) == "Headers([('To', 'z')])"


@pytest.mark.parametrize("name", ["", "A B", "A:", "X\r\nY", "ä", "X\n"])
def test_bad_names_never_come_in(name: str) -> None:
    headers = Headers()
    for action in (
        lambda: Headers([(name, "x")]),
        lambda: headers.add(name, "x"),
        lambda: headers.set(name, "x"),
        lambda: headers.insert_first(name, "x"),
    ):
        with pytest.raises(SipError):
            action()
    assert len(headers) == 0
