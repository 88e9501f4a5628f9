"""Extra headers: LiveKit's rules and texts, and the names that nobody may set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.base.errors import ApiError
from hookflash.calls.headers import (
    REQUEST_RESERVED,
    TRUNK_RESERVED,
    attribute_headers,
    check_header_name,
    check_headers,
    merge_headers,
)


def refusal(headers: dict[str, str], reserved: frozenset[str] = REQUEST_RESERVED) -> str:
    with pytest.raises(ApiError) as caught:
        check_headers(headers, reserved)
    assert caught.value.code == "invalid_argument"
    return caught.value.msg


def test_usual_headers_pass() -> None:
    check_headers(
        {"X-Reason": "billing", "User-to-User": "a;encoding=hex", "Diversion": "<tel:+1>"}
    )
    check_headers({"Referred-By": "<sip:me@example.com>", "X-Empty": "", "X-Utf": "naïve\ttext ☎"})
    check_headers({})


RESERVED = """
Via To From Call-ID CSeq Contact Route Record-Route Max-Forwards Content-Type Content-Length
Content-Disposition Content-Anything Require Proxy-Require Authorization Proxy-Authorization
Refer-To Refer-Sub Target-Dialog Session-Expires Identity v t f i m c e l r x y
Accept Accept-Encoding Accept-Language Allow Allow-Events Event Expires Reply-To k o u
"""


@pytest.mark.parametrize("name", RESERVED.split())
def test_a_request_may_not_set_reserved_names_in_any_case_or_form(name: str) -> None:
    assert refusal({name: "x"}) == f"invalid header name: header name {name} not supported"
    assert refusal({name.lower(): "x"}).endswith("not supported")
    assert refusal({name.upper(): "x"}).endswith("not supported")
    headers, dropped = attribute_headers({"a": name}, {"a": "1"})
    assert (headers, dropped) == ((), (name,))


@pytest.mark.parametrize("name", ["Via", "To", "v", "t", "f", "i", "Accept", "Record-Route", "c"])
def test_a_trunk_may_not_set_via_and_the_like(name: str) -> None:
    assert refusal({name: "x"}, TRUNK_RESERVED).endswith(f"header name {name} not supported")


def test_a_trunk_may_set_what_livekit_allows_it() -> None:
    names = "Route Referred-By P-Asserted-Identity User-Agent Replaces Subject Diversion s X-A"
    check_headers(dict.fromkeys(names.split(), "x"), TRUNK_RESERVED)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "header name cannot be empty"),
        ("X" * 256, "header name too long (max 255 characters)"),
        ("X Y", "header name X Y contains invalid characters: char 32 not allowed"),
        ("X:Y", "header name X:Y contains invalid characters: char 58 not allowed"),
        ("X\r\nY", "header name X\r\nY contains invalid characters: char 13 not allowed"),
        (
            "Xé",
            "header name Xé contains invalid characters: char 233 out of range, "
            "consider explicilty adding utf8 characters",
        ),
    ],
)
def test_bad_names_have_livekits_texts(name: str, text: str) -> None:
    assert refusal({name: "x"}) == f"invalid header name: {text}"
    with pytest.raises(ApiError):
        check_header_name(name)


def test_mappings_know_no_reserved_names() -> None:
    check_header_name("Via")
    check_header_name("X" * 255)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\r\nb", "header X-Y: value: char 13 not allowed"),
        ("a\nb", "header X-Y: value: char 10 not allowed"),
        ("\x00", "header X-Y: value: char 0 not allowed"),
        ("\x7f", "header X-Y: value: char 127 not allowed"),
        ("x" * 1025, "header X-Y: value too long (max 1024 characters)"),
        ("é" * 513, "header X-Y: value too long (max 1024 characters)"),
    ],
)
def test_bad_values_have_livekits_texts(value: str, text: str) -> None:
    assert refusal({"X-Y": value}) == f"invalid header value for X-Y: {text}"
    assert attribute_headers({"a": "X-Y"}, {"a": value}) == ((), ("X-Y",))


def test_values_of_full_length_pass() -> None:
    check_headers({"X-Y": "x" * 1024, "X-Z": "é" * 512})


def test_attributes_become_headers_where_they_are_set() -> None:
    headers, dropped = attribute_headers(
        {"b": "X-B", "a": "X-A", "missing": "X-C", "v": "Via"}, {"a": "1", "b": "", "v": "x"}
    )
    assert headers == (("X-A", "1"), ("X-B", ""))
    assert dropped == ("Via",)


def test_an_attributes_header_replaces_the_requests_and_all_are_sorted() -> None:
    merged = merge_headers({"X-B": "request", "X-A": "request"}, [("x-b", "attribute")])
    assert merged == (("X-A", "request"), ("x-b", "attribute"))
    assert merge_headers({"X-B": "2", "X-A": "1"}, ()) == (("X-A", "1"), ("X-B", "2"))
    assert merge_headers({"X-C": "2"}, [("X-A", "1")]) == (("X-A", "1"), ("X-C", "2"))


def test_they_are_sorted_by_the_name_that_goes_out() -> None:
    """`b` goes out as Referred-By and `s` as Subject."""
    request = {"x-c": "3", "X-D": "4", "s": "2", "b": "1"}
    names = [name for name, _ in merge_headers(request, ())]
    assert names == ["b", "s", "x-c", "X-D"]
    merged = merge_headers({"b": "request", "s": "request"}, [("Referred-By", "attribute")])
    assert merged == (("Referred-By", "attribute"), ("s", "request"))


@given(st.dictionaries(st.text(max_size=300), st.text(max_size=1100), max_size=3))
def test_what_passes_can_neither_break_a_line_nor_a_name(headers: dict[str, str]) -> None:
    try:
        check_headers(headers)
    except ApiError:
        return
    for name, value in headers.items():
        assert not set(name) & set(" \t\r\n:")
        assert not set(value) & set("\r\n\x00")
