"""What a phone participant answers to LiveKit's RPC (facts §4.6)."""

from __future__ import annotations

import json

import pytest

from hookflash.base.errors import ApiError
from hookflash.exchange import rpc

HEADERS = [
    ("Via", "SIP/2.0/UDP h"),
    ("X-Plan", "gold"),
    ("From", "<sip:a@b>"),
    ("Content-Type", "application/sdp"),
    ("x-plan", "silver"),
    ("User-Agent", "phone"),
]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, ["X-Plan", "From", "x-plan", "User-Agent"]),
        ({"include": ["X-PLAN", "via"]}, ["X-Plan", "x-plan"]),
        ({"exclude": ["x-plan", "FROM"]}, ["User-Agent"]),
        ({"include": ["from", "user-agent"], "exclude": ["from"]}, ["User-Agent"]),
        ({"include": None}, ["X-Plan", "From", "x-plan", "User-Agent"]),
    ],
)
def test_remote_headers(wanted: dict[str, object], names: list[str]) -> None:
    assert list(json.loads(rpc.remote_headers(HEADERS, wanted))["headers"]) == names


@pytest.mark.parametrize("payload", ["[]", "{", "1", "[" * 5000, '"x"', " " * 15361])
def test_payloads_that_are_no_object_are_refused(payload: str) -> None:
    with pytest.raises(ApiError) as caught:
        rpc.arguments(payload)
    assert caught.value.code == "invalid_argument"


def test_no_payload_is_an_empty_object() -> None:
    assert rpc.arguments("") == {}
    assert rpc.arguments('{"a": 1}') == {"a": 1}


def test_bye_headers_are_checked_and_sorted() -> None:
    assert rpc.bye_headers({}) == ()
    assert rpc.bye_headers({"headers": {"X-B": "2", "X-A": "1"}}) == (("X-A", "1"), ("X-B", "2"))


@pytest.mark.parametrize("headers", [{"Via": "x"}, {"X-A": "1\r\nVia: x"}, {"X-A": 1}, ["X-A"]])
def test_bye_headers_that_cannot_be_sent_are_refused(headers: object) -> None:
    with pytest.raises(ApiError) as caught:
        rpc.bye_headers({"headers": headers})
    assert caught.value.code == "invalid_argument"


def test_names_must_be_texts() -> None:
    for wanted in ({"include": "x"}, {"exclude": [1]}):
        with pytest.raises(ApiError):
            rpc.remote_headers(HEADERS, wanted)
