from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol.room import CreateRoomRequest, SendDataRequest
from livekit.protocol.sip import (
    CreateSIPDispatchRuleRequest,
    CreateSIPInboundTrunkRequest,
    TransferSIPParticipantRequest,
)

from hookflash.base.errors import ApiError
from hookflash.base.protojson import JsonWriter
from hookflash.twirp.codec import JSON, PROTOBUF, content_kind, decode


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("application/json", JSON),
        ("Application/JSON; charset=utf-8", JSON),
        (" application/protobuf ", PROTOBUF),
        ("text/plain", ""),
        ("", ""),
        ("application/json+x", ""),
    ],
)
def test_content_kind(header: str, kind: str) -> None:
    assert content_kind(header) == kind


def transfer(text: str) -> TransferSIPParticipantRequest:
    return decode(JSON, text.encode(), TransferSIPParticipantRequest)


def test_json_in_takes_both_spellings() -> None:
    wanted = TransferSIPParticipantRequest(room_name="r", play_dialtone=True, headers={"a": "b"})
    wanted.ringing_timeout.FromMilliseconds(1500)
    assert wanted == transfer(
        '{"roomName":"r","playDialtone":true,"ringingTimeout":"1.5s","headers":{"a":"b"}}'
    )
    assert wanted == transfer(
        '{"room_name":"r","play_dialtone":true,"ringing_timeout":"1.500s","headers":{"a":"b"},'
        '"nope":{"x":[1]}}'
    )


def test_json_in_takes_enums_by_name_and_number_and_bytes() -> None:
    request = decode(
        JSON,
        b'{"trunk":{"include_headers":1,"mediaEncryption":"SIP_MEDIA_ENCRYPT_ALLOW"}}',
        CreateSIPInboundTrunkRequest,
    )
    assert (request.trunk.include_headers, request.trunk.media_encryption) == (1, 1)
    assert decode(JSON, b'{"data":"aGk=","kind":"LOSSY"}', SendDataRequest).data == b"hi"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{nope",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b'{"trunk":1}',
        b'{"trunk":[]}',
        b'{"trunk":"x"}',
        b'{"trunk":"\\ud800"}',
        b'{"trunk":{"media":{"codecs":["x"]}}}',
        b'{"trunk":{"media":{"codecs":{"name":"x"}}}}',
        b'{"trunk":{"numbers":"x"}}',
        b'{"trunk":{"name":1}}',
        b'{"trunk":{"ringing_timeout":"soon"}}',
        b'{"trunk":{"ringing_timeout":5}}',
        b'{"trunk":{"ringing_timeout":"99999999999999999999s"}}',
        b'{"trunk":{"created_at":"yesterday"}}',
        b'{"trunk":{"name":"\\ud800"}}',
        b'{"trunk":{"name":"a"},"trunk":{"headers":[1]}}',
        b'{"trunk":{"include_headers":99999999999}}',
        b'{"trunk":{"include_headers":1e400}}',
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
    ],
)
def test_bad_json(body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        decode(JSON, body, CreateSIPInboundTrunkRequest)
    assert caught.value.code == "malformed"
    assert caught.value.msg == "the json request could not be decoded"


def test_bad_protobuf() -> None:
    with pytest.raises(ApiError) as caught:
        decode(PROTOBUF, b"\xff\xff\xff", CreateSIPInboundTrunkRequest)
    assert (caught.value.code, caught.value.msg) == (
        "malformed",
        "the protobuf request could not be decoded",
    )
    assert decode(PROTOBUF, b"", CreateSIPInboundTrunkRequest) == CreateSIPInboundTrunkRequest()


KEYS = (
    *("dispatchRule", "dispatch_rule", "rule", "room_config", "agents", "attributes", "pin"),
    *("dispatch_rule_direct", "media", "codecs", "rate", "created_at", "media_timeout"),
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON_VALUES)
def test_random_json_is_read_or_malformed_and_can_be_written(value: object) -> None:
    try:
        message = decode(JSON, json.dumps(value).encode(), CreateSIPDispatchRuleRequest)
    except ApiError:
        return
    else:
        json.loads(JsonWriter().encode(message))


@given(st.binary(max_size=300))
def test_random_bytes_are_read_or_malformed_and_can_be_written(data: bytes) -> None:
    for kind in (JSON, PROTOBUF):
        try:
            message = decode(kind, data, CreateSIPDispatchRuleRequest)
        except ApiError:
            continue
        else:
            json.loads(JsonWriter().encode(message))


def test_json_with_too_many_messages_is_refused_before_they_are_made() -> None:
    def agents(count: int) -> bytes:
        return json.dumps({"agents": [{}] * count}).encode()

    assert len(decode(JSON, agents(10_000), CreateRoomRequest).agents) == 10_000
    with pytest.raises(ApiError) as caught:
        decode(JSON, agents(10_001), CreateRoomRequest)
    assert (caught.value.code, caught.value.msg) == (
        "invalid_argument",
        "too many agents (max 10000)",
    )
    odds: list[object] = ["x" * 10_001, {str(number): {} for number in range(10_001)}]
    for odd in odds:
        with pytest.raises(ApiError, match="could not be decoded"):
            decode(JSON, json.dumps({"agents": odd}).encode(), CreateRoomRequest)
