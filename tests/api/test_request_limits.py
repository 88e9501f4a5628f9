"""Lists and texts of requests that are longer than could be meant: refused, and what is as long as
may be is taken."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.protocol.models import ParticipantInfo
from tests.api.support import Answer, Client, api

from hookflash.rooms.orders import Join

WHO = {"room": "lobby", "identity": "a"}
DIAL = {
    "trunk": {"hostname": "127.0.0.1"},
    "sip_number": "+1",
    "sip_call_to": "1",
    "room_name": "lobby",
}
TRANSFER = {"room_name": "lobby", "participant_identity": "a", "transfer_to": "tel:+1"}


def ask(client: Client, path: str, fields: dict[str, Any]) -> Answer:
    service, _, method = path.partition("/")
    return client.call(method, fields, room="lobby", service=service)


def headers(count: int) -> dict[str, str]:
    return {f"X-{number}": "v" for number in range(count)}


def trunk(**fields: object) -> dict[str, object]:
    return {"trunk": {"name": "t", "numbers": ["+1"], **fields}}


@pytest.mark.parametrize(
    ("path", "most", "one_more", "text"),
    [
        (
            "RoomService/CreateRoom",
            {"name": "a", "agents": [{}] * 50},
            {"name": "b", "agents": [{}] * 51},
            "too many agents (max 50)",
        ),
        (
            "RoomService/CreateRoom",
            {"name": "c", "agents": [{"agent_name": "n" * 256}]},
            {"name": "d", "agents": [{"agent_name": "n" * 257}]},
            "agent name length exceeds limits: max length 256",
        ),
        (
            "AgentDispatchService/CreateDispatch",
            {"room": "lobby", "agent_name": "n" * 256, "deployment": "n" * 256},
            {"room": "lobby", "agent_name": "n" * 257},
            "agent name length exceeds limits: max length 256",
        ),
        (
            "AgentDispatchService/CreateDispatch",
            {"room": "lobby"},
            {"room": "lobby", "deployment": "n" * 257},
            "agent deployment length exceeds limits: max length 256",
        ),
        (
            "RoomService/UpdateParticipant",
            {**WHO, "permission": {"can_publish_sources": [1, 2] * 8}},
            {**WHO, "permission": {"can_publish_sources": [1, 2] * 8 + [3]}},
            "too many sources to publish (max 16)",
        ),
        (
            "RoomService/UpdateSubscriptions",
            {**WHO, "track_sids": ["TR_a"] * 5000, "participant_tracks": [{}] * 5000},
            {**WHO, "track_sids": ["TR_a"] * 5001, "participant_tracks": [{}] * 5000},
            "too many tracks (max 10000)",
        ),
        (
            "RoomService/UpdateSubscriptions",
            {**WHO, "participant_tracks": [{"track_sids": ["TR_a"] * 4999}] * 2},
            {**WHO, "participant_tracks": [{"track_sids": ["TR_a"] * 5000}] * 2},
            "too many tracks (max 10000)",
        ),
        (
            "SIP/CreateSIPInboundTrunk",
            trunk(headers=headers(100), headers_to_attributes=headers(100)),
            trunk(headers=headers(101)),
            "too many headers (max 100)",
        ),
        (
            "SIP/CreateSIPInboundTrunk",
            trunk(numbers=["+2"], attributes_to_headers=headers(1)),
            trunk(numbers=["+3"], headers_to_attributes=headers(101)),
            "too many headers_to_attributes (max 100)",
        ),
        (
            "SIP/CreateSIPInboundTrunk",
            trunk(numbers=["+4"]),
            trunk(numbers=["+5"], attributes_to_headers={f"a{n}": "X-A" for n in range(101)}),
            "too many attributes_to_headers (max 100)",
        ),
    ],
)
def test_of_a_list_or_name_there_is_a_most(
    path: str, most: dict[str, Any], one_more: dict[str, Any], text: str
) -> None:
    with api() as client:
        client.rooms.join("lobby", Join("a"))
        taken = ask(client, path, most)
        assert taken.status == 200, taken.body
        refused = ask(client, path, one_more)
        assert (refused.status, refused.json["code"]) == (400, "invalid_argument")
        assert refused.json["msg"].removeprefix("twirp error unknown: ") == text


@pytest.mark.parametrize(
    ("most", "one_more", "text"),
    [
        ({"headers": headers(100)}, {"headers": headers(101)}, "too many headers (max 100)"),
        (
            {"to_user_override": "a" * 256},
            {"to_user_override": "a" * 257},
            "ToUserOverride too long (max 256 characters)",
        ),
        (
            {"participant_attributes": {"a": "x" * 65_535}},
            {"participant_attributes": {"a": "x" * 65_536}},
            "attribute size exceeds limits 65536",
        ),
    ],
)
def test_an_outbound_call_has_limits(
    most: dict[str, object], one_more: dict[str, object], text: str
) -> None:
    with api() as client:
        assert ask(client, "SIP/CreateSIPParticipant", {**DIAL, **most}).status == 501
        refused = ask(client, "SIP/CreateSIPParticipant", {**DIAL, **one_more})
        assert (refused.json["code"], refused.json["msg"]) == ("invalid_argument", text)
        assert len(client.sip.dials) == 1, "what is refused is never dialled"


def test_a_transfer_has_a_hundred_headers() -> None:
    with api() as client:
        phone = Join("a", kind=ParticipantInfo.SIP, attributes={"sip.callID": "SCL_a"})
        client.rooms.join("lobby", phone)
        path = "SIP/TransferSIPParticipant"
        assert ask(client, path, {**TRANSFER, "headers": headers(100)}).status == 200
        refused = ask(client, path, {**TRANSFER, "headers": headers(101)})
        assert refused.json["msg"] == "too many headers (max 100)"
        assert len(client.sip.transfers) == 1


def test_a_source_is_kept_once() -> None:
    with api() as client:
        participant = client.rooms.join("lobby", Join("a"))
        sources = [2, 1, 2, 1, 9]
        permission = {"can_publish": True, "can_publish_sources": sources}
        ask(client, "RoomService/UpdateParticipant", {**WHO, "permission": permission})
        assert participant.permission.can_publish_sources == (2, 1, 9)
