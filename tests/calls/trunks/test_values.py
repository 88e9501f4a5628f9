from __future__ import annotations

import pytest
from google.protobuf.message import Message
from livekit.protocol.sip import (
    CreateSIPParticipantRequest,
    SIPInboundTrunkInfo,
    SIPMediaConfig,
    SIPOutboundConfig,
)

from hookflash.base.errors import ApiError
from hookflash.calls.trunks.values import check_enums, distinct, normalise


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (SIPInboundTrunkInfo(media_encryption=7), "media_encryption has no value 7"),  # type: ignore[arg-type]
        (SIPMediaConfig(encryption=-1), "encryption has no value -1"),  # type: ignore[arg-type]
        (SIPOutboundConfig(transport=4), "transport has no value 4"),  # type: ignore[arg-type]
        (CreateSIPParticipantRequest(include_headers=3), "include_headers has no value 3"),  # type: ignore[arg-type]
    ],
)
def test_unknown_numbers(message: Message, text: str) -> None:
    with pytest.raises(ApiError) as caught:
        check_enums(message)
    assert (caught.value.code, caught.value.msg) == ("invalid_argument", text)


def test_known_numbers() -> None:
    for number in range(3):
        check_enums(SIPInboundTrunkInfo(media_encryption=number, include_headers=number))  # type: ignore[arg-type]
    check_enums(CreateSIPParticipantRequest())
    check_enums(SIPInboundTrunkInfo(ringing_timeout_status=599))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("number", "normal"),
    [
        ("+1 (510) 555-0100", "+15105550100"),
        ("1510-555-0100", "+15105550100"),
        ("+15105550100", "+15105550100"),
        ("100", "+100"),
        ("alice", "alice"),
        ("alice 1", "alice 1"),
        ("+1+2", "+1+2"),
        ("+", "+"),
        ("", ""),
        ("1510*", "1510*"),
        ("١٢٣", "١٢٣"),
        ("+1\n", "+1\n"),
    ],
)
def test_normalise(number: str, normal: str) -> None:
    assert normalise(number) == normal


def test_distinct_keeps_the_first_spelling() -> None:
    assert distinct(["1 5", "+15", "bob"]) == {"+15": "1 5", "bob": "bob"}
