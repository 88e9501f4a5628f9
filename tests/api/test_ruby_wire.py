"""What the Ruby gem sends and accepts; the gem itself is not run.

It speaks protobuf only, takes an answer only if its Content-Type is `application/protobuf` to the
letter, signs tokens of ten minutes that begin five seconds ago, names itself in User-Agent, sends
rules in the flat form, and reads the answer to a transfer as Empty.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from livekit.protocol import room, sip
from livekit.protocol.models import ParticipantInfo
from tests.api.support import Answer, Client, api, sign

from hookflash.base.errors import ApiError
from hookflash.calls.status import status_meta
from hookflash.rooms.orders import Join
from hookflash.twirp.errors import STATUS

ADMIN = {"sip": {"admin": True}}
TRANSFER = {"video": {"roomAdmin": True, "room": "lobby"}, "sip": {"call": True}}
REQUEST = sip.TransferSIPParticipantRequest(
    room_name="lobby", participant_identity="sip_+1", transfer_to="tel:+15105550100"
)


@pytest.fixture
def client() -> Iterator[Client]:
    with api() as made:
        join = Join("sip_+1", kind=ParticipantInfo.SIP, attributes={"sip.callID": "SCL_a"})
        rooms = made.rooms
        rooms.activate(rooms.join("lobby", join))
        yield made


def post(
    client: Client, path: str, request: Message, grants: Mapping[str, object], **claims: Any
) -> Answer:
    """One request as the gem sends it."""
    now = int(time.time())
    token = sign(grants, **{"nbf": now - 5, "exp": now + 600, "sub": None, **claims})
    headers = {
        "User-Agent": "LiveKit Ruby SDK",
        "Content-Type": "application/protobuf",
        "Accept-Encoding": "gzip;q=1.0,deflate;q=0.6,identity;q=0.3",
        "Accept": "*/*",
        "Authorization": f"Bearer {token}",
    }
    return client.http("POST", f"/twirp/livekit.{path}", request.SerializeToString(), headers)


def read(answer: Answer, into: Message) -> Any:
    """The answer, if the gem would take it."""
    assert answer.status == 200, answer.body
    assert answer.headers[b"content-type"] == b"application/protobuf"
    assert b"content-encoding" not in answer.headers
    into.ParseFromString(answer.body)
    return into


def test_trunk_and_flat_rule(client: Client) -> None:
    trunk = sip.SIPInboundTrunkInfo(name="n", numbers=["+1"])
    asked: Message = sip.CreateSIPInboundTrunkRequest(trunk=trunk)
    answer = post(client, "SIP/CreateSIPInboundTrunk", asked, ADMIN)
    made = read(answer, sip.SIPInboundTrunkInfo())
    direct = sip.SIPDispatchRuleDirect(room_name="lobby")
    asked = sip.CreateSIPDispatchRuleRequest(
        name="r",
        trunk_ids=[made.sip_trunk_id],
        rule=sip.SIPDispatchRule(dispatch_rule_direct=direct),
    )
    rule = read(post(client, "SIP/CreateSIPDispatchRule", asked, ADMIN), sip.SIPDispatchRuleInfo())
    assert (rule.name, list(rule.trunk_ids)) == ("r", [made.sip_trunk_id])
    assert rule.rule.dispatch_rule_direct.room_name == "lobby"


def test_an_empty_request_has_an_empty_body(client: Client) -> None:
    asked = sip.ListSIPInboundTrunkRequest()
    assert asked.SerializeToString() == b""
    answer = post(client, "SIP/ListSIPInboundTrunk", asked, ADMIN)
    assert read(answer, sip.ListSIPInboundTrunkResponse()).items == []
    assert answer.headers[b"content-length"] == b"0"


def test_the_phones_of_a_room(client: Client) -> None:
    grants = {"video": {"roomAdmin": True, "room": "lobby"}}
    asked = room.ListParticipantsRequest(room="lobby")
    answer = post(client, "RoomService/ListParticipants", asked, grants)
    (phone,) = read(answer, room.ListParticipantsResponse()).participants
    assert (phone.identity, phone.kind) == ("sip_+1", ParticipantInfo.SIP)


def test_a_transfer_is_answered_with_something_like_empty(client: Client) -> None:
    """Fields that Empty does not know are kept, and are no error."""
    answer = post(client, "SIP/TransferSIPParticipant", REQUEST, TRANSFER)
    empty = read(answer, Empty())
    assert empty.SerializeToString() == answer.body
    assert client.sip.transfers[0].wait is None  # it sends no deadline
    assert client.sip.transfers[0].ringing_timeout == 30.0


def test_a_failed_transfer(client: Client) -> None:
    """Twirp's JSON; a code that Twirp does not have would become `internal` in the gem."""
    text = "call transfer failed: sip status: 486: Busy Here"
    meta = status_meta(486, "Busy Here", "resource_exhausted", text)
    client.sip.fault = ApiError("resource_exhausted", text, meta)
    answer = post(client, "SIP/TransferSIPParticipant", REQUEST, TRANSFER)
    assert (answer.status, answer.content_type) == (429, "application/json")
    assert answer.json["code"] in STATUS
    assert answer.json["meta"]["sip_status_code"] == "486"
    assert answer.json["meta"]["sip_status"] == "Busy Here"


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 200),
        ({"nbf": 30}, 200),  # its clock is ahead of ours: a minute is allowed
        ({"exp": -30}, 200),
        ({"nbf": 90}, 401),
        ({"exp": -90}, 401),
    ],
)
def test_tokens_of_ten_minutes(client: Client, claims: dict[str, int], status: int) -> None:
    now = int(time.time())
    moved = {name: now + seconds for name, seconds in claims.items()}
    answer = post(client, "SIP/TransferSIPParticipant", REQUEST, TRANSFER, **moved)
    assert answer.status == status
    if status == 401:
        assert answer.content_type.startswith("text/plain")
        assert answer.body.startswith(b"invalid authorization token: token has invalid claims")
