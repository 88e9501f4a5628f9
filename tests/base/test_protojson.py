"""Our JSON against protobuf's own."""

from __future__ import annotations

import json

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol.agent_dispatch import AgentDispatch
from livekit.protocol.metrics import MetricSample
from livekit.protocol.models import (
    DataPacket,
    ParticipantInfo,
    ParticipantPermission,
    Room,
    RTPStats,
    TimedVersion,
    TrackInfo,
    UserPacket,
)
from livekit.protocol.room import ListRoomsRequest, SendDataRequest
from livekit.protocol.rtc import SimulateScenario
from livekit.protocol.sip import (
    CreateSIPParticipantRequest,
    SIPCallInfo,
    SIPDispatchRuleInfo,
    SIPInboundTrunkInfo,
    SIPOutboundTrunkInfo,
    SIPTransferInfo,
    TransferSIPParticipantRequest,
    TransferSIPParticipantResponse,
)

from hookflash.base.protojson import JsonWriter

to_json = JsonWriter("json", defaults=False).to_dict
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
LONG = st.integers(-(2**63), 2**63 - 1)


@given(
    st.builds(
        ParticipantInfo,
        sid=TEXT,
        state=st.integers(0, 9),
        joined_at=LONG,
        version=st.integers(0, 2**32 - 1),
        is_publisher=st.booleans(),
        attributes=st.dictionaries(TEXT, TEXT, max_size=4),
        kind_details=st.lists(st.integers(0, 3), max_size=3),
        tracks=st.lists(st.builds(TrackInfo, name=TEXT, muted=st.booleans()), max_size=2),
        permission=st.builds(
            ParticipantPermission,
            can_publish_sources=st.lists(st.integers(0, 4), max_size=3),
        ),
    )
)
def test_the_same_as_protobufs_own_writer(message: ParticipantInfo) -> None:
    assert to_json(message) == MessageToDict(message)


def test_order_is_that_of_declaration() -> None:
    message = ParticipantInfo(name="n", joined_at_ms=1, joined_at=1, kind=3, sid="s")  # type: ignore[arg-type]
    assert list(to_json(message)) == ["sid", "joinedAt", "joinedAtMs", "name", "kind"]


def test_map_keys_are_sorted() -> None:
    message = ParticipantInfo(attributes={"b": "1", "a": "2"})
    assert list(to_json(message)["attributes"]) == ["a", "b"]


@pytest.mark.parametrize("message", [SIPTransferInfo(reason="STR_COMPLETED"), SIPCallInfo()])
def test_sip_records(message: Message) -> None:
    assert to_json(message) == MessageToDict(message)


@pytest.mark.parametrize(
    "message",
    [
        MetricSample(value=1.5),
        RTPStats(gap_histogram={1: 2}, duration=2.5),
        SIPOutboundTrunkInfo(created_at=Timestamp(seconds=1), updated_at=Timestamp()),
        CreateSIPParticipantRequest(ringing_timeout=Duration(seconds=1, nanos=500_000_000)),
        UserPacket(payload=b"\xff", topic=""),
    ],
)
def test_other_kinds_of_fields(message: Message) -> None:
    assert to_json(message) == MessageToDict(message)


def test_lists_of_texts_are_lists() -> None:
    assert to_json(ListRoomsRequest(names=["a", "b"])) == {"names": ["a", "b"]}


def test_unset_messages_are_left_out() -> None:
    assert to_json(SimulateScenario()) == {}


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
