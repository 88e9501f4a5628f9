"""Tokens, quoting, lists and parameters."""

from __future__ import annotations

import pytest

from hookflash.base.errors import SipError
from hookflash.sip.grammar import (
    find_param,
    format_params,
    is_safe,
    is_token,
    parse_params,
    quote,
    remove_param,
    replace_param,
    scalar,
    split_list,
    unquote,
)


def test_tokens() -> None:
    assert is_token("INVITE")
    assert is_token("!%'*+-.~`_0")
    for text in ("", "a b", "a:b", "ä", "a\r\n", "a\n", "a/b", '"a"'):
        assert not is_token(text)


def test_safe_values_have_no_line_end_and_no_bare_nul() -> None:
    assert is_safe("a \\\0 b\t\x7f ü")
    for text in ("a\rb", "a\nb", "\0", "a\0"):
        assert not is_safe(text)


@pytest.mark.parametrize(("text", "number"), [("0", 0), (" 0070\t", 70), ("0" * 40 + "9", 9)])
def test_scalars(text: str, number: int) -> None:
    assert scalar(text, "x", 255) == number


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.5", "256", "٣", "9" * 5000, "1 2", "0x1"])
def test_what_is_no_scalar(text: str) -> None:
    with pytest.raises(SipError, match="Bad x"):
        scalar(text, "x", 255)


@pytest.mark.parametrize("text", ["", "plain", 'a "b" \\c', "ü", '"', "\\"])
def test_quoting_round_trips(text: str) -> None:
    assert unquote(quote(text)) == text


def test_unquoting_leaves_other_texts() -> None:
    assert unquote("abc") == "abc"
    assert unquote('"') == '"'
    assert unquote('"a\\"b\\\\"') == 'a"b\\'


def test_lists_respect_quotes_and_brackets() -> None:
    assert split_list("a") == ["a"]
    assert split_list("  ") == []
    assert split_list("a, b ,c") == ["a", "b", "c"]
    assert split_list('"a, b" <sip:a,b@c>, <sip:d>;x="1,2"') == [
        '"a, b" <sip:a,b@c>',
        '<sip:d>;x="1,2"',
    ]
    assert split_list(r'"a\", b", c') == [r'"a\", b"', "c"]
    assert split_list(",a,,b,") == ["a", "b"]
    assert split_list('a, "b, c", d', 2) == ["a", '"b, c"']
    assert split_list("a, b", 2) == ["a", "b"]


def test_an_open_quote_or_bracket_takes_the_rest() -> None:
    assert split_list('a, "b, c') == ["a", '"b, c']
    assert split_list("a, <b, c") == ["a", "<b, c"]


def test_parameters() -> None:
    assert parse_params("a=1;lr;b=") == (("a", "1"), ("lr", None), ("b", ""))
    assert parse_params(' a = "x;\\"y" ; b ') == (("a", '"x;\\"y"'), ("b", None))
    assert parse_params("a=b=c") == (("a", "b=c"),)
    assert parse_params("") == ()


def test_one_semicolon_too_many_at_the_end_is_let_pass() -> None:
    assert parse_params("a;") == (("a", None),)
    assert parse_params('a="b" ; ') == (("a", '"b"'),)


@pytest.mark.parametrize("text", [";", "a;;b", "=b", "a;=b", "a b", 'a="x', "a,b", "<a>", "a= ;;"])
def test_bad_parameters(text: str) -> None:
    with pytest.raises(SipError, match="Bad parameter"):
        parse_params(text)


def test_finding_replacing_and_removing_ignores_case() -> None:
    params = (("Tag", "1"), ("lr", None), ("tag", "2"))
    assert find_param(params, "tag") == ("tag", "2")
    assert find_param(params, "LR") == ("lr", None)
    assert find_param(params, "x") is None
    assert replace_param(params, "TAG", "3") == (("Tag", "3"), ("lr", None))
    assert replace_param(params, "x", None) == (*params, ("x", None))
    assert remove_param(params, "taG") == (("lr", None),)
    assert format_params(params) == ";Tag=1;lr;tag=2"
