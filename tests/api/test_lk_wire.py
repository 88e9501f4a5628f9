"""What the `lk` command line sends and reads, command for command.

`lk` is written in Go: protobuf both ways, `X-Twirp-Timeout-Ms` on everything, grants as
server-sdk-go signs them, errors decoded from `error_details`. Some of its requests are made from
JSON files that users wrote years ago, in a form that is deprecated and must go on working.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, TypeVar, cast

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from livekit.protocol import models, room, sip
from livekit.protocol.models import ParticipantInfo
from tests.api.support import Answer, Client, api, sign

from hookflash.base.errors import ApiError
from hookflash.calls.records import TransferRecord
from hookflash.calls.status import status_meta
from hookflash.calls.transfers.answers import failure, wait_over
from hookflash.rooms.info import participant_info
from hookflash.rooms.orders import Join
from hookflash.rooms.room import Participant

T = TypeVar("T", bound=Message)

ADMIN = {"sip": {"admin": True}}
CALL = {"sip": {"call": True}}
LOBBY = {"video": {"roomAdmin": True, "room": "lobby"}}
TO_OTHER = {"video": {"roomAdmin": True, "room": "lobby", "destinationRoom": "other"}}
TRANSFER = {**CALL, **LOBBY}
WHO: Any = {"room": "lobby", "identity": "sip_+1"}
DIRECT = {"dispatchRuleDirect": {"roomName": "lobby", "pin": ""}}


class Lk:
    """Sends as `lk` does."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def post(
        self, method: str, request: Message, grants: dict[str, Any], *, timeout: int = 10_000
    ) -> Answer:
        """One request, answered somehow."""
        service = "SIP" if "SIP" in method else "RoomService"
        headers = {
            "content-type": "application/protobuf",
            "accept": "application/protobuf",
            "twirp-version": "v8.1.3",
            "user-agent": "livekit-server-sdk-go",
            "x-twirp-timeout-ms": str(timeout),
            "authorization": "Bearer " + sign(grants, nbf=1, iat=1),
        }
        body = request.SerializeToString()
        return self.client.http("POST", f"/twirp/livekit.{service}/{method}", body, headers)

    def do(
        self, method: str, request: Message, answer: type[T], grants: dict[str, Any], **how: int
    ) -> T:
        """One request that succeeds."""
        got = self.post(method, request, grants, **how)
        assert (got.status, got.content_type) == (200, "application/protobuf"), got.body
        message = answer()
        message.ParseFromString(got.body)
        return message

    def refused(self, method: str, request: Message, grants: dict[str, Any]) -> dict[str, Any]:
        """One request that fails: Twirp's JSON, whatever the request was."""
        got = self.post(method, request, grants)
        assert got.content_type == "application/json"
        return cast(dict[str, Any], got.json)


@pytest.fixture
def lk() -> Iterator[Lk]:
    with api() as client:
        yield Lk(client)


def phone(lk: Lk, identity: str = "sip_+1") -> Participant:
    rooms = lk.client.rooms
    join = Join(identity, kind=ParticipantInfo.SIP, attributes={"sip.callID": "SCL_a"})
    participant = rooms.join("lobby", join)
    rooms.activate(participant)
    rooms.publish_audio(participant)
    return participant


def details(meta: dict[str, str]) -> sip.SIPStatus:
    """What `SIPStatusFrom` of the Go SDK finds."""
    status = Status()
    status.ParseFromString(base64.b64decode(meta["error_details"]))
    (packed,) = status.details
    assert packed.type_url == "type.googleapis.com/livekit.SIPStatus"
    found = sip.SIPStatus()
    found.ParseFromString(packed.value)
    assert status.code
    return found


# --- lk sip inbound ------------------------------------------------------------------------------


def test_sip_inbound(lk: Lk) -> None:
    """create, create FILE, update --name, update FILE, list, delete."""
    trunk = sip.SIPInboundTrunkInfo(
        name="n",
        numbers=["+1"],
        auth_username="u",
        auth_password="p",
    )
    trunk.media_encryption = sip.SIP_MEDIA_ENCRYPT_ALLOW
    request = sip.CreateSIPInboundTrunkRequest(trunk=trunk)
    made = lk.do("CreateSIPInboundTrunk", request, sip.SIPInboundTrunkInfo, ADMIN)
    assert (made.name, made.auth_password) == ("n", "p")
    assert made.media_encryption == sip.SIP_MEDIA_ENCRYPT_ALLOW
    change = sip.SIPInboundTrunkUpdate(name="x", numbers=models.ListUpdate(set=["+2", "+3"]))
    update = sip.UpdateSIPInboundTrunkRequest(sip_trunk_id=made.sip_trunk_id, update=change)
    changed = lk.do("UpdateSIPInboundTrunk", update, sip.SIPInboundTrunkInfo, ADMIN)
    assert (changed.name, list(changed.numbers)) == ("x", ["+2", "+3"])
    whole = sip.SIPInboundTrunkInfo(name="y", numbers=["+4"])
    update = sip.UpdateSIPInboundTrunkRequest(sip_trunk_id=made.sip_trunk_id, replace=whole)
    replaced = lk.do("UpdateSIPInboundTrunk", update, sip.SIPInboundTrunkInfo, ADMIN)
    assert (replaced.sip_trunk_id, replaced.auth_username) == (made.sip_trunk_id, "")
    listed = lk.do(
        "ListSIPInboundTrunk",
        sip.ListSIPInboundTrunkRequest(),
        sip.ListSIPInboundTrunkResponse,
        ADMIN,
    )
    assert [item.sip_trunk_id for item in listed.items] == [made.sip_trunk_id]
    delete = sip.DeleteSIPTrunkRequest(sip_trunk_id=made.sip_trunk_id)
    gone = lk.do("DeleteSIPTrunk", delete, sip.SIPTrunkInfo, ADMIN)
    assert gone == sip.SIPTrunkInfo(sip_trunk_id=made.sip_trunk_id)


def test_an_empty_list_of_numbers_is_no_style_of_update(lk: Lk) -> None:
    """`--numbers ""`: LiveKit refuses what `lk` makes of it."""
    trunk = sip.SIPInboundTrunkInfo(numbers=["+1"])
    request = sip.CreateSIPInboundTrunkRequest(trunk=trunk)
    made = lk.do("CreateSIPInboundTrunk", request, sip.SIPInboundTrunkInfo, ADMIN)
    change = sip.SIPInboundTrunkUpdate(numbers=models.ListUpdate())
    update = sip.UpdateSIPInboundTrunkRequest(sip_trunk_id=made.sip_trunk_id, update=change)
    error = lk.refused("UpdateSIPInboundTrunk", update, ADMIN)
    assert error == {"code": "invalid_argument", "msg": "unsupported list update operation"}


# --- lk sip outbound -----------------------------------------------------------------------------


def test_sip_outbound(lk: Lk) -> None:
    """create, update with flags, update FILE, list, delete; and the old `list-sip-trunk`."""
    trunk = sip.SIPOutboundTrunkInfo(
        name="n",
        address="carrier.example.com:5060",
        transport=sip.SIP_TRANSPORT_TCP,
        destination_country="US",
        numbers=["+1"],
        auth_username="u",
        auth_password="p",
    )
    request = sip.CreateSIPOutboundTrunkRequest(trunk=trunk)
    made = lk.do("CreateSIPOutboundTrunk", request, sip.SIPOutboundTrunkInfo, ADMIN)
    change = sip.SIPOutboundTrunkUpdate(
        address="a", transport=sip.SIP_TRANSPORT_UDP, numbers=models.ListUpdate(set=["+2"])
    )
    update = sip.UpdateSIPOutboundTrunkRequest(sip_trunk_id=made.sip_trunk_id, update=change)
    changed = lk.do("UpdateSIPOutboundTrunk", update, sip.SIPOutboundTrunkInfo, ADMIN)
    assert (changed.address, changed.destination_country) == ("a", "US")
    assert (changed.transport, list(changed.numbers)) == (sip.SIP_TRANSPORT_UDP, ["+2"])
    whole = sip.SIPOutboundTrunkInfo(name="y", address="b", numbers=["+4"])
    update = sip.UpdateSIPOutboundTrunkRequest(sip_trunk_id=made.sip_trunk_id, replace=whole)
    lk.do("UpdateSIPOutboundTrunk", update, sip.SIPOutboundTrunkInfo, ADMIN)
    listed = lk.do(
        "ListSIPOutboundTrunk",
        sip.ListSIPOutboundTrunkRequest(),
        sip.ListSIPOutboundTrunkResponse,
        ADMIN,
    )
    assert [(item.name, item.address) for item in listed.items] == [("y", "b")]
    old = lk.do("ListSIPTrunk", sip.ListSIPTrunkRequest(), sip.ListSIPTrunkResponse, ADMIN)
    (item,) = old.items
    assert sip.SIPTrunkInfo.TrunkKind.Name(item.kind) == "TRUNK_OUTBOUND"
    assert (item.outbound_address, item.outbound_number) == ("b", "+4")
    delete = sip.DeleteSIPTrunkRequest(sip_trunk_id=made.sip_trunk_id)
    assert lk.do("DeleteSIPTrunk", delete, sip.SIPTrunkInfo, ADMIN).sip_trunk_id


# --- lk sip dispatch -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        ({"dispatch_rule_direct": {"room_name": "lobby"}}, "dispatch_rule_direct"),
        ({"dispatch_rule_individual": {"room_prefix": "c"}}, "dispatch_rule_individual"),
        ({"dispatch_rule_callee": {"room_prefix": "c", "randomize": True}}, "dispatch_rule_callee"),
    ],
)
def test_sip_dispatch(lk: Lk, flags: dict[str, Any], kind: str) -> None:
    """create --direct|--caller|--callee, update, update FILE, list, delete."""
    rule = sip.SIPDispatchRule(**flags)
    info = sip.SIPDispatchRuleInfo(name="n", trunk_ids=["ST_a", "ST_b"], rule=rule)
    request = sip.CreateSIPDispatchRuleRequest(dispatch_rule=info)
    made = lk.do("CreateSIPDispatchRule", request, sip.SIPDispatchRuleInfo, ADMIN)
    assert made.rule.WhichOneof("rule") == kind
    ident = made.sip_dispatch_rule_id
    change = sip.SIPDispatchRuleUpdate(
        name="x", trunk_ids=models.ListUpdate(set=["ST_c"]), rule=rule
    )
    update = sip.UpdateSIPDispatchRuleRequest(sip_dispatch_rule_id=ident, update=change)
    changed = lk.do("UpdateSIPDispatchRule", update, sip.SIPDispatchRuleInfo, ADMIN)
    assert (changed.name, list(changed.trunk_ids)) == ("x", ["ST_c"])
    whole = sip.SIPDispatchRuleInfo(name="y", rule=rule)
    update = sip.UpdateSIPDispatchRuleRequest(sip_dispatch_rule_id=ident, replace=whole)
    lk.do("UpdateSIPDispatchRule", update, sip.SIPDispatchRuleInfo, ADMIN)
    listed = lk.do(
        "ListSIPDispatchRule",
        sip.ListSIPDispatchRuleRequest(),
        sip.ListSIPDispatchRuleResponse,
        ADMIN,
    )
    assert [(item.name, list(item.trunk_ids)) for item in listed.items] == [("y", [])]
    delete = sip.DeleteSIPDispatchRuleRequest(sip_dispatch_rule_id=ident)
    gone = lk.do("DeleteSIPDispatchRule", delete, sip.SIPDispatchRuleInfo, ADMIN)
    assert (gone.sip_dispatch_rule_id, gone.name) == (ident, "y")
    error = lk.refused("DeleteSIPDispatchRule", delete, ADMIN)
    assert error == {"code": "not_found", "msg": "requested sip dispatch rule does not exist"}


FLAT = {
    "trunk_ids": ["ST_a"],
    "name": "old file",
    "rule": DIRECT,
    "hidePhoneNumber": True,
    "inbound_numbers": ["+1"],
    "metadata": "m",
    "attributes": {"a": "b"},
    "roomPreset": "p",
    "room_config": {"agents": [{"agent_name": "a"}], "empty_timeout": 5},
}
"""A file of before `dispatch_rule` was there, both spellings of names mixed."""


def flat_wanted(made: sip.SIPDispatchRuleInfo) -> None:
    assert made.sip_dispatch_rule_id.startswith("SDR_")
    assert made.rule.dispatch_rule_direct.room_name == "lobby"
    assert (list(made.trunk_ids), list(made.inbound_numbers)) == (["ST_a"], ["+1"])
    assert (made.name, made.metadata, made.room_preset) == ("old file", "m", "p")
    assert (made.hide_phone_number, dict(made.attributes)) == (True, {"a": "b"})
    assert made.room_config.agents[0].agent_name == "a"


def test_a_flat_rule_as_protobuf(lk: Lk) -> None:
    """`lk create-sip-dispatch-rule --request FILE`: `lk` reads the JSON, protobuf is sent."""
    request = json_format.ParseDict(FLAT, sip.CreateSIPDispatchRuleRequest())
    flat_wanted(lk.do("CreateSIPDispatchRule", request, sip.SIPDispatchRuleInfo, ADMIN))


def test_a_flat_rule_as_json(lk: Lk) -> None:
    """The same file sent as it is."""
    answer = lk.client.call("CreateSIPDispatchRule", FLAT, grants=ADMIN)
    flat_wanted(json_format.ParseDict(answer.json, sip.SIPDispatchRuleInfo()))


def test_a_flat_rule_beside_a_new_one_is_ignored(lk: Lk) -> None:
    """`lk sip dispatch create FILE` makes `dispatch_rule` from flags, over whatever is there."""
    info = sip.SIPDispatchRuleInfo(
        name="new", rule=json_format.ParseDict(DIRECT, sip.SIPDispatchRule())
    )
    request = json_format.ParseDict(FLAT, sip.CreateSIPDispatchRuleRequest())
    request.dispatch_rule.CopyFrom(info)
    made = lk.do("CreateSIPDispatchRule", request, sip.SIPDispatchRuleInfo, ADMIN)
    assert (made.name, list(made.trunk_ids), made.metadata) == ("new", [], "")


# --- lk sip participant --------------------------------------------------------------------------


def dialled(lk: Lk, grants: dict[str, Any], timeout: int, **fields: Any) -> dict[str, Any]:
    """CreateSIPParticipant; the exchange of these tests takes a note and places no call."""
    request = sip.CreateSIPParticipantRequest(sip_call_to="+9", room_name="lobby", **fields)
    got = lk.post("CreateSIPParticipant", request, grants, timeout=timeout)
    return cast(dict[str, Any], got.json)


def test_sip_participant_create(lk: Lk) -> None:
    """--wait --timeout 80s: the deadline comes in the header, the ringing is half a second less."""
    trunk = sip.SIPOutboundTrunkInfo(address="h", numbers=["+1"])
    request = sip.CreateSIPOutboundTrunkRequest(trunk=trunk)
    made = lk.do("CreateSIPOutboundTrunk", request, sip.SIPOutboundTrunkInfo, ADMIN)
    fields: dict[str, Any] = {
        "sip_trunk_id": made.sip_trunk_id,
        "sip_number": "+1",
        "participant_identity": "i",
        "participant_name": "p",
        "display_name": "",
        "wait_until_answered": True,
        "ringing_timeout": {"seconds": 79, "nanos": 500_000_000},
        "headers": {"X-A": "1"},
        "media": {"codecs": [{"name": "PCMU", "rate": 8000}], "only_listed_codecs": True},
        "media_encryption": 1,
    }
    assert dialled(lk, CALL, 80_000, **fields)["code"] == "unimplemented"
    (order,) = lk.client.sip.dials
    assert (order.wait, order.number) == (80.0, "+1")
    assert order.request.HasField("display_name")
    assert order.request.wait_until_answered
    assert order.request.ringing_timeout.ToMilliseconds() == 79_500
    assert dialled(lk, ADMIN, 80_000, **fields) == {
        "code": "unauthenticated",
        "msg": "permissions denied",
    }


def test_sip_participant_create_that_is_busy(lk: Lk) -> None:
    """`lk` prints SIPStatusCode and SIPStatus from `error_details`."""
    text = "INVITE failed: sip status: 486: Busy Here"
    meta = status_meta(486, "Busy Here", "resource_exhausted", text)
    lk.client.sip.fault = ApiError("resource_exhausted", text, meta)
    phone(lk)
    request = sip.TransferSIPParticipantRequest(
        room_name="lobby", participant_identity="sip_+1", transfer_to="tel:+2"
    )
    error = lk.refused("TransferSIPParticipant", request, TRANSFER)
    found = details(error["meta"])
    assert (found.code, found.status) == (sip.SIP_STATUS_BUSY_HERE, "Busy Here")
    assert (error["meta"]["sip_status_code"], error["meta"]["sip_status"]) == ("486", "Busy Here")


def test_a_status_without_a_phrase_has_its_name(lk: Lk) -> None:
    """`lk` prints the short name of the code where the text is empty."""
    meta = status_meta(603, "", "permission_denied", "sip status: 603 (GLOBAL_DECLINE)")
    assert meta["sip_status"] == "SIP_STATUS_GLOBAL_DECLINE"
    assert (details(meta).code, details(meta).status) == (603, "")


def test_sip_participant_transfer(lk: Lk) -> None:
    """--to --play-dialtone; the answer may be read as Empty, and nothing is printed."""
    phone(lk)
    request = sip.TransferSIPParticipantRequest(
        room_name="lobby",
        participant_identity="sip_+1",
        transfer_to="sip:+2@carrier.example.com",
        play_dialtone=True,
    )
    answer = lk.do(
        "TransferSIPParticipant",
        request,
        sip.TransferSIPParticipantResponse,
        TRANSFER,
        timeout=32_000,
    )
    assert answer.transfer_id == "STR_1"
    assert not answer.HasField("sip_status")
    (order,) = lk.client.sip.transfers
    assert (order.wait, order.ringing_timeout, order.play_dialtone) == (32.0, 30.0, True)
    for grants in (CALL, LOBBY, ADMIN):
        error = lk.refused("TransferSIPParticipant", request, grants)
        assert error == {"code": "unauthenticated", "msg": "permissions denied"}


def test_sip_participant_transfer_that_fails(lk: Lk) -> None:
    """Each kind of failure is one that `lk` can read."""
    phone(lk)
    request = sip.TransferSIPParticipantRequest(
        room_name="lobby", participant_identity="sip_+1", transfer_to="tel:+2"
    )
    base = ("STR_a", "SCL_a", "lobby", "sip_+1", "tel:+2", "<tel:+2>", "devkey", "", 1.0)
    rejected = TransferRecord(*base, verdict="rejected", sip_status=404, sip_reason="Not Found")
    lk.client.sip.fault = failure(rejected)
    error = lk.refused("TransferSIPParticipant", request, TRANSFER)
    assert error["code"] == "not_found"
    assert details(error["meta"]) == sip.SIPStatus(code=sip.SIP_STATUS_NOTFOUND, status="Not Found")
    lk.client.sip.fault = wait_over("STR_a")
    got = lk.post("TransferSIPParticipant", request, TRANSFER, timeout=1)
    assert (got.status, got.json["code"]) == (408, "deadline_exceeded")
    assert got.json["meta"] == {"sip_transfer_id": "STR_a"}


# --- lk room -------------------------------------------------------------------------------------


def test_room_create_list_update_delete(lk: Lk) -> None:
    """With every flag that means something to telephony; `list-rooms`, `list-room` are `list`."""
    agents = [{"agent_name": "a", "metadata": "m"}]
    request = room.CreateRoomRequest(
        name="lobby", empty_timeout=7, departure_timeout=9, sync_streams=True, agents=agents
    )
    create = {"video": {"roomCreate": True}}
    made = lk.do("CreateRoom", request, models.Room, create)
    assert (made.name, made.empty_timeout, made.departure_timeout) == ("lobby", 7, 9)
    assert made.sid.startswith("RM_")
    list_grant = {"video": {"roomList": True}}
    for names, found in (([], ["lobby"]), (["lobby"], ["lobby"]), (["x"], [])):
        asked = room.ListRoomsRequest(names=names)
        listed = lk.do("ListRooms", asked, room.ListRoomsResponse, list_grant)
        assert [one.name for one in listed.rooms] == found
    change = room.UpdateRoomMetadataRequest(room="lobby", metadata="new")
    assert lk.do("UpdateRoomMetadata", change, models.Room, LOBBY).metadata == "new"
    delete = room.DeleteRoomRequest(room="lobby")
    lk.do("DeleteRoom", delete, room.DeleteRoomResponse, create)
    error = lk.refused("DeleteRoom", delete, create)
    assert error["code"] == "not_found"
    assert error["msg"].endswith("requested room does not exist")


def test_room_participants(lk: Lk) -> None:
    """list, get, update (which reads the permissions first), forward, move, remove."""
    phone(lk)
    asked = room.ListParticipantsRequest(room="lobby")
    listed = lk.do("ListParticipants", asked, room.ListParticipantsResponse, LOBBY)
    assert [(one.identity, one.state, len(one.tracks)) for one in listed.participants] == [
        ("sip_+1", ParticipantInfo.ACTIVE, 1)
    ]
    one = room.RoomParticipantIdentity(**WHO)
    info = lk.do("GetParticipant", one, ParticipantInfo, LOBBY)
    info.permission.can_publish = False
    change = room.UpdateParticipantRequest(**WHO, metadata="m", permission=info.permission)
    updated = lk.do("UpdateParticipant", change, ParticipantInfo, LOBBY)
    assert (updated.metadata, updated.permission.can_publish) == ("m", False)
    assert updated.permission.can_subscribe == info.permission.can_subscribe
    forward = room.ForwardParticipantRequest(**WHO, destination_room="other")
    error = lk.refused("ForwardParticipant", forward, TO_OTHER)
    assert (error["code"], error["msg"].endswith("not implemented")) == ("unknown", True)
    move = room.MoveParticipantRequest(**WHO, destination_room="other")
    assert lk.refused("MoveParticipant", move, LOBBY)["code"] == "unauthenticated"
    error = lk.refused("MoveParticipant", move, TO_OTHER)  # nobody holds its connection
    assert (error["code"], error["msg"].endswith("not implemented")) == ("unknown", True)
    lk.do("RemoveParticipant", one, room.RemoveParticipantResponse, LOBBY)
    error = lk.refused("RemoveParticipant", one, LOBBY)
    assert (error["code"], error["msg"].endswith("participant does not exist")) == (
        "not_found",
        True,
    )


def test_room_mute_track(lk: Lk) -> None:
    """--mute; --unmute is refused as LiveKit does; an unknown track is no error."""
    track = participant_info(phone(lk)).tracks[0].sid
    mute = room.MuteRoomTrackRequest(**WHO, track_sid=track, muted=True)
    assert lk.do("MutePublishedTrack", mute, room.MuteRoomTrackResponse, LOBBY).track.muted
    unmute = room.MuteRoomTrackRequest(**WHO, track_sid=track)
    error = lk.refused("MutePublishedTrack", unmute, LOBBY)
    assert error["code"] == "failed_precondition"
    assert error["msg"].endswith("remote unmute not enabled")
    mute.track_sid = "TR_x"
    answer = lk.do("MutePublishedTrack", mute, room.MuteRoomTrackResponse, LOBBY)
    assert not answer.HasField("track")


def test_room_update_subscriptions(lk: Lk) -> None:
    """--subscribe, --unsubscribe, of a track of another phone."""
    phone(lk)
    other = participant_info(phone(lk, "sip_+2")).tracks[0].sid
    for subscribe in (False, True):
        asked = room.UpdateSubscriptionsRequest(**WHO, track_sids=[other], subscribe=subscribe)
        lk.do("UpdateSubscriptions", asked, room.UpdateSubscriptionsResponse, LOBBY)


def test_room_send_data(lk: Lk) -> None:
    """With --topic and --identity, and the nonce that newer SDKs add."""
    phone(lk)
    asked = room.SendDataRequest(
        room="lobby",
        data=b'{"a":1}',
        kind=models.DataPacket.RELIABLE,
        destination_identities=["sip_+1"],
        topic="t",
        nonce=bytes(16),
    )
    lk.do("SendData", asked, room.SendDataResponse, LOBBY)
    asked.nonce = bytes(3)
    error = lk.refused("SendData", asked, LOBBY)
    assert error["msg"].startswith("nonce should be 16-bytes or not present, got: 3 bytes")


@pytest.mark.parametrize("sent", ["", "0", "-5", "x", "1.5", "9" * 30])
def test_odd_timeouts_are_no_reason_to_refuse(lk: Lk, sent: str) -> None:
    headers = {"x-twirp-timeout-ms": sent, "content-type": "application/json"}
    headers["authorization"] = "Bearer " + sign(ADMIN)
    answer = lk.client.http("POST", "/twirp/livekit.SIP/ListSIPTrunk", b"{}", headers)
    assert (answer.status, json.loads(answer.body)) == (200, {"items": []})
