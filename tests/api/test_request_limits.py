"""Lists and texts of requests that are longer than could be meant: refused, and what is as long as
may be is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from unittest.mock import Mock

import pytest
from livekit.protocol.models import ParticipantInfo
from tests.api.support import Answer, Client, all_grants, api, sign

from hookflash.api.context import LARGE
from hookflash.api.dispatch_service import DispatchService
from hookflash.api.room_service import RoomService
from hookflash.api.sip_service import sip_service
from hookflash.calls.trunks.table import TrunkTable
from hookflash.rooms.orders import Join

WHO = {"room": "lobby", "identity": "a"}
DIAL = {
    "trunk": {"hostname": "127.0.0.1"},
    "sip_number": "+1",
    "sip_call_to": "1",
    "room_name": "lobby",
}
TRANSFER = {"room_name": "lobby", "participant_identity": "a", "transfer_to": "tel:+1"}
JSON = {"content-type": "application/json"}
DENIED = {"code": "unauthenticated", "msg": "permissions denied"}


def signed(grants: Mapping[str, object]) -> dict[str, str]:
    return {**JSON, "authorization": f"Bearer {sign(grants)}"}


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
            "RoomService/ListRooms",
            {"names": ["lobby"] * 10_000},
            {"names": ["lobby"] * 10_001},
            "too many names (max 10000)",
        ),
        (
            "RoomService/SendData",
            {"room": "lobby", "destination_identities": ["a"] * 10_000},
            {"room": "lobby", "destination_sids": ["a"] * 10_001},
            "too many destination_sids (max 10000)",
        ),
        (
            "SIP/ListSIPInboundTrunk",
            {"numbers": ["1"] * 10_000, "trunk_ids": ["ST_a"] * 10_000},
            {"numbers": ["1"] * 10_001},
            "too many numbers (max 10000)",
        ),
        (
            "SIP/ListSIPOutboundTrunk",
            {"trunk_ids": ["ST_a"] * 10_000},
            {"trunk_ids": ["ST_a"] * 10_001},
            "too many trunk_ids (max 10000)",
        ),
        (
            "SIP/ListSIPDispatchRule",
            {"dispatch_rule_ids": ["a"] * 10_000},
            {"dispatch_rule_ids": ["a"] * 10_001},
            "too many dispatch_rule_ids (max 10000)",
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


def test_a_trunk_or_rule_has_numbers_without_such_a_limit() -> None:
    numbers = [f"+{number}" for number in range(100_000, 160_000)]
    with api() as client:
        made = ask(client, "SIP/CreateSIPInboundTrunk", trunk(numbers=numbers))
        assert made.json["numbers"] == numbers
        flat = {"rule": {"dispatch_rule_direct": {"room_name": "r"}}, "inbound_numbers": numbers}
        made = ask(client, "SIP/CreateSIPDispatchRule", flat)
        assert made.json["inbound_numbers"] == numbers


def test_the_grant_comes_before_the_count() -> None:
    with api() as client:
        names = {"names": ["a"] * 10_001}
        refused = client.call("ListRooms", names, grants={}, service="RoomService")
        assert refused.json == DENIED


METHODS = [
    f"{service.name}/{name}"
    for service in (
        RoomService(Mock(), Mock()).service(),
        DispatchService(Mock()).service(),
        sip_service(TrunkTable(), Mock(), Mock(), Mock()),
    )
    for name in (service.methods or {})
]
MOST = {
    **dict.fromkeys(("CreateRoom", "UpdateRoomMetadata", "UpdateParticipant"), 2),
    **dict.fromkeys(("CreateDispatch", "CreateSIPParticipant"), 2),
    **{
        f"{change}SIP{thing}": 10
        for change in ("Create", "Update")
        for thing in ("InboundTrunk", "OutboundTrunk", "DispatchRule")
    },
}
"""Megabytes of a request; of all others 1."""


@pytest.mark.parametrize("path", METHODS)
def test_of_each_method_the_body_has_a_most(path: str) -> None:
    most = MOST.get(path.partition("/")[2], 1) * 1024 * 1024
    with api() as client:
        url, lines = f"/twirp/{path}", signed(all_grants("lobby"))
        pieces = [b"{" * most, b"{"]  # of unknown length, and so read to the limit
        read = client.http("POST", url, pieces[:1], lines)
        assert read.json["code"] == "malformed"
        refused = client.http("POST", url, pieces, lines)
        assert (refused.status, refused.body) == (413, b"request body too large")


@pytest.mark.parametrize("path", METHODS)
def test_a_large_body_is_not_read_with_a_token_that_will_not_do(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = Mock()
    monkeypatch.setattr("hookflash.api.twirp_service.decode", decoded)
    sizes_first = path.endswith(("/UpdateRoomMetadata", "/UpdateParticipant"))
    most = 1024 * 1024 if sizes_first else LARGE
    with api() as client:
        pieces = [b"{" * most, b"{", *[b"{" * 1024 * 1024] * 8]
        for grants in ({}, {"video": {"roomJoin": True, "room": "lobby"}}):
            refused = client.http("POST", f"/twirp/{path}", pieces, signed(grants))
            assert (refused.status, refused.json) == (401, DENIED)
        assert client.http("POST", f"/twirp/{path}", pieces, JSON).json == DENIED
    decoded.assert_not_called()
