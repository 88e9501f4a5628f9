from __future__ import annotations

import pytest
from livekit.protocol.sip import (
    CreateSIPParticipantRequest,
    Destination,
    SIPCodec,
    SIPMediaConfig,
    SIPOutboundConfig,
)

from hookflash.base.errors import ApiError
from hookflash.calls.dial_request import COUNTRIES, check_dial

GOOD = {"sip_trunk_id": "ST_a", "sip_call_to": "+1", "room_name": "r"}


def request(**fields: object) -> CreateSIPParticipantRequest:
    return CreateSIPParticipantRequest(**{**GOOD, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"sip_trunk_id": ""}, "missing sip trunk id and sip number"),
        (
            {"sip_trunk_id": "", "trunk": SIPOutboundConfig()},
            "no outbound hostname specified",
        ),
        ({"sip_call_to": ""}, "missing sip callee number"),
        (
            {"sip_call_to": "a@b"},
            "SipCallTo should be a phone number or SIP user, not a full SIP URI",
        ),
        (
            {"to_user_override": "a@b", "room_name": ""},
            "ToUserOverride should be a phone number or SIP user, not a full SIP URI",
        ),
        (
            {"to_user_override": "a b"},
            "ToUserOverride contains invalid characters: char 32 not allowed",
        ),
        ({"room_name": "", "display_name": '"'}, "missing room name"),
        ({"display_name": "é" * 65}, "DisplayName too long (max 128 characters)"),
        ({"display_name": 'a"b'}, "DisplayName must be a valid quoted string: invalid syntax"),
        ({"display_name": "a\nb"}, "DisplayName must be a valid quoted string: invalid syntax"),
        ({"display_name": "a\\qb"}, "DisplayName must be a valid quoted string: invalid syntax"),
        (
            {"display_name": "\\ud800"},
            "DisplayName must be a valid quoted string: invalid syntax",
        ),
        (
            {"destination": Destination(city="x")},
            "if city is specified, country or region must also be specified",
        ),
        (
            {"destination": Destination(country="us")},
            "country must be a valid ISO 3166-1 alpha-2 code (2-letter like 'US', 'IN', 'UK')",
        ),
        (
            {"headers": {"Call-ID": "x"}},
            "invalid header name: header name Call-ID not supported",
        ),
        ({"media": SIPMediaConfig(codecs=[SIPCodec()])}, "missing codec name"),
        ({"media_encryption": 7}, "media_encryption has no value 7"),
        ({"include_headers": 7}, "include_headers has no value 7"),
    ],
)
def test_refused(fields: dict[str, object], text: str) -> None:
    with pytest.raises(ApiError) as caught:
        check_dial(request(**fields))
    assert (caught.value.code, caught.value.msg) == ("invalid_argument", text)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"display_name": ""},
        {"display_name": 'A \\"quoted\\" name \\u00e9 \\x41 \\101 \\U0010ffff'},
        {"destination": Destination(city="x", country="US")},
        {"destination": Destination(city="x", region="y")},
        {"to_user_override": "+1-2.a"},
        {"sip_trunk_id": "", "sip_number": "+1"},
        {"sip_trunk_id": "", "trunk": SIPOutboundConfig(hostname="h")},
        {"headers": {"X-A": "1", "Route": "<sip:a;lr>"}},
    ],
)
def test_accepted(fields: dict[str, object]) -> None:
    check_dial(request(**fields))


def test_countries() -> None:
    assert len(COUNTRIES) == 249
