"""calls.md §2: requests that belong to no call."""

from __future__ import annotations

import pytest

from hookflash.calls.legs.settings import ALLOW
from hookflash.calls.stray import answer_stray, shortened
from hookflash.sip.message import Request


def request(method: str, to: str = "<sip:b@192.0.2.2>") -> Request:
    headers = [
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
        ("From", "<sip:a@192.0.2.1>;tag=a"),
        ("To", to),
        ("Call-ID", "c"),
        ("CSeq", f"1 {method}"),
    ]
    return Request(method, "sip:b@192.0.2.2", headers)


def test_options_says_what_we_support() -> None:
    answer = answer_stray(request("OPTIONS"), "t")
    assert answer.status == 200
    assert answer.header("Allow") == ALLOW
    assert answer.header("Accept") == "application/sdp"
    assert answer.supported == {"100rel", "timer"}


def test_options_that_requires_what_we_lack_is_420() -> None:
    """RFC 3261 §8.2.2.3: as an INVITE would be."""
    asked = request("OPTIONS")
    asked.headers.add("Require", "timer, gin")
    answer = answer_stray(asked, "t")
    assert (answer.status, answer.header("Unsupported")) == (420, "gin")


def test_options_is_503_when_the_process_is_full_or_stopping() -> None:
    answer = answer_stray(request("OPTIONS"), "t", stopping=True)
    assert answer.status == 503
    assert answer.header("Retry-After") == "30"


@pytest.mark.parametrize("method", ["REFER", "MESSAGE", "SUBSCRIBE", "PUBLISH", "REGISTER"])
def test_what_we_do_not_carry_out_is_405_with_allow(method: str) -> None:
    answer = answer_stray(request(method), "t")
    assert (answer.status, answer.header("Allow")) == (405, ALLOW)


@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE", "PRACK", "NOTIFY"])
def test_what_needs_a_dialog_is_481_without_one(method: str) -> None:
    assert answer_stray(request(method), "t").status == 481


@pytest.mark.parametrize("method", ["BYE", "OPTIONS", "REFER", "INVITE"])
def test_an_unknown_dialog_is_481(method: str) -> None:
    assert answer_stray(request(method, "<sip:b@192.0.2.2>;tag=gone"), "t").status == 481


def test_an_unknown_method_is_501_with_allow() -> None:
    answer = answer_stray(request("DANCE"), "t")
    assert (answer.status, answer.header("Allow")) == (501, ALLOW)


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "BYE", "FLY"])
def test_every_answer_has_a_to_tag(method: str) -> None:
    """RFC 3261 §8.2.6.2; one that is there stays."""
    assert answer_stray(request(method), "t").to.tag == "t"
    known = request(method, "<sip:b@192.0.2.2>;tag=gone")
    assert answer_stray(known, "t").to.tag == "gone"


def test_a_short_request_has_a_short_answer() -> None:
    short = request("OPTIONS")
    answer = shortened(answer_stray(short, "t"), short)
    assert answer.status == 200
    assert len(answer.encode()) <= 1.5 * len(short.encode())
    assert (answer.header("Supported"), answer.header("To")) == (None, "<sip:b@192.0.2.2>;tag=t")
    usual = request("OPTIONS")
    usual.headers.add("User-Agent", "a telephone " * 10)
    assert shortened(answer_stray(usual, "t"), usual).header("Allow") == ALLOW


def test_allow_and_supported_of_another_kind_of_server() -> None:
    answer = answer_stray(
        request("OPTIONS"), "tag", allow="INVITE, REFER", supported="timer, replaces"
    )
    assert answer.header("Allow") == "INVITE, REFER"
    assert answer.header("Supported") == "timer, replaces"
