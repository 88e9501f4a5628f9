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
from hookflash.calls.trunks.enums import check_enums


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
