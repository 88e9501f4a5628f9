from __future__ import annotations

import json

import pytest
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol.agent_dispatch import AgentDispatch
from livekit.protocol.models import DataPacket, ParticipantInfo, Room, TimedVersion
from livekit.protocol.room import SendDataRequest
from livekit.protocol.sip import (
    CreateSIPDispatchRuleRequest,
    CreateSIPInboundTrunkRequest,
    SIPDispatchRuleInfo,
    SIPInboundTrunkInfo,
    TransferSIPParticipantRequest,
    TransferSIPParticipantResponse,
)

from hookflash.base.errors import ApiError
from hookflash.twirp.codec import JSON, PROTOBUF, JsonWriter, content_kind, decode


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


def shown(message: Message) -> object:
    return json.loads(JsonWriter().encode(message))


def test_json_out() -> None:
    trunk = SIPInboundTrunkInfo(sip_trunk_id="ST_a", numbers=["+1"], headers={"b": "2", "a": "1"})
    trunk.ringing_timeout.FromSeconds(20)
    trunk.created_at.FromMilliseconds(1500)
    trunk.media.codecs.add(name="PCMU", rate=8000)
    trunk.include_headers = 77  # type: ignore[assignment]
    assert shown(trunk) == {
        "sip_trunk_id": "ST_a",
        "name": "",
        "metadata": "",
        "numbers": ["+1"],
        "allowed_addresses": [],
        "allowed_numbers": [],
        "auth_username": "",
        "auth_password": "",
        "auth_realm": "",
        "headers": {"a": "1", "b": "2"},
        "headers_to_attributes": {},
        "attributes_to_headers": {},
        "include_headers": 77,
        "ringing_timeout": "20s",
        "ringing_timeout_status": "SIP_STATUS_UNKNOWN",
        "max_call_duration": None,
        "krisp_enabled": False,
        "media_encryption": "SIP_MEDIA_ENCRYPT_DISABLE",
        "media": {"only_listed_codecs": False, "codecs": [{"name": "PCMU", "rate": 8000}]},
        "created_at": "1970-01-01T00:00:01.500Z",
        "updated_at": None,
    }


def test_json_out_leaves_unset_oneofs_and_optionals_out() -> None:
    rule = SIPDispatchRuleInfo()
    rule.rule.dispatch_rule_direct.SetInParent()
    rule.media.encryption = 0  # type: ignore[assignment]
    values = shown(rule)
    assert isinstance(values, dict)
    assert values["rule"] == {"dispatch_rule_direct": {"room_name": "", "pin": ""}}
    assert values["media"]["encryption"] == "SIP_MEDIA_ENCRYPT_DISABLE"
    assert "media_timeout" not in values["media"]
    assert shown(TransferSIPParticipantResponse()) == {
        "transfer_id": "",
        "status": "STS_TRANSFER_ONGOING",
        "reason": "STR_UNSPECIFIED",
        "sip_status": None,
    }


def test_int64_are_strings_and_bytes_base64() -> None:
    room = shown(Room(creation_time=5, version=TimedVersion(unix_micro=7, ticks=1)))
    assert isinstance(room, dict)
    assert room["creation_time"] == "5"
    assert room["version"] == {"unix_micro": "7", "ticks": 1}
    values = shown(SendDataRequest(data=b"hi"))
    assert isinstance(values, dict)
    assert values["data"] == "aGk="


def test_other_well_known_types_and_floats() -> None:
    writer = JsonWriter()
    struct = Struct()
    struct.update({"a": 1})
    assert writer.to_dict(struct)["fields"] == {"a": 1.0}
    packet = DataPacket()
    packet.speaker.speakers.add(level=float("inf"))
    level = json.loads(writer.encode(packet))["speaker"]["speakers"][0]["level"]
    assert level == "Infinity"
    packet.speaker.speakers[0].level = 0.5
    assert writer.to_dict(packet)["speaker"]["speakers"][0]["level"] == 0.5


@pytest.mark.parametrize(
    ("seconds", "nanos", "text"),
    [
        (0, 0, "0s"),
        (-1, -500_000_000, "-1.500s"),
        (1, 1, "1.000000001s"),
        (1, 1000, "1.000001s"),
        (2**62, 0, "4611686018427387904s"),
    ],
)
def test_durations(seconds: int, nanos: int, text: str) -> None:
    request = TransferSIPParticipantRequest()
    request.ringing_timeout.seconds = seconds
    request.ringing_timeout.nanos = nanos
    values = shown(request)
    assert isinstance(values, dict)
    assert values["ringing_timeout"] == text


def test_a_time_that_is_none() -> None:
    trunk = SIPInboundTrunkInfo()
    trunk.created_at.seconds = 2**62
    values = shown(trunk)
    assert isinstance(values, dict)
    assert values["created_at"] is None


def test_nested_messages() -> None:
    dispatch = AgentDispatch()
    dispatch.state.jobs.add(id="AJ_a")
    values = shown(dispatch)
    assert isinstance(values, dict)
    assert values["state"]["jobs"][0]["id"] == "AJ_a"
    assert shown(ParticipantInfo(kind=ParticipantInfo.SIP, attributes={"a": "b"})) is not None


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
