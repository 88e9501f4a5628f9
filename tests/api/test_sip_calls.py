from __future__ import annotations

import pytest
from livekit.protocol.models import ParticipantInfo
from tests.api.support import Client, api

from hookflash.base.errors import ApiError
from hookflash.rooms.participant import Join

GOOD = {"room_name": "lobby", "participant_identity": "sip_+1", "transfer_to": "tel:+2"}


def caller(client: Client, identity: str = "sip_+1", call_id: str = "SCL_a") -> None:
    attributes = {"sip.callID": call_id} if call_id else {}
    join = Join(identity, kind=ParticipantInfo.SIP, attributes=attributes)
    client.parts.rooms.join(1.0, "lobby", join)


def transfer(client: Client, **fields: object) -> tuple[int, str]:
    answer = client.call("TransferSIPParticipant", {**GOOD, **fields}, room="lobby")
    return answer.status, answer.json.get("msg", "").removeprefix("twirp error unknown: ")


def test_success() -> None:
    with api() as client:
        caller(client)
        answer = client.call(
            "TransferSIPParticipant",
            {
                **GOOD,
                "headers": {"X-B": "2", "X-A": "1"},
                "ringing_timeout": "5s",
                "play_dialtone": True,
            },
            room="lobby",
            headers={"X-Twirp-Timeout-Ms": "2500", "X-Livekit-Request-Id": "uuid"},
        )
        assert answer.json == {
            "transfer_id": "STR_1",
            "status": "STS_TRANSFER_SUCCESSFUL",
            "reason": "STR_COMPLETED",
            "sip_status": None,
        }
        (order,) = client.telephony.transfers
        assert (order.room, order.identity, order.target.uri) == ("lobby", "sip_+1", "tel:+2")
        assert order.headers == (("X-A", "1"), ("X-B", "2"))
        assert (order.ringing_timeout, order.wait, order.play_dialtone) == (5.0, 2.5, True)
        assert (order.api_key, order.request_id) == ("devkey", "uuid")


@pytest.mark.parametrize(("timeout", "resolved"), [(None, 30.0), ("0s", 30.0), ("-5s", 30.0)])
def test_timeouts(timeout: str | None, resolved: float) -> None:
    with api() as client:
        caller(client)
        assert transfer(client, ringing_timeout=timeout) == (200, "")
        assert client.telephony.transfers[0].ringing_timeout == resolved
        assert client.telephony.transfers[0].wait is None


def test_the_order_of_the_checks() -> None:
    with api() as client:
        caller(client)
        caller(client, "web", "")
        fields: dict[str, object] = {
            "room_name": "",
            "participant_identity": "",
            "transfer_to": "",
            "headers": {"Via": "x"},
            "ringing_timeout": "7200s",
        }
        steps = [
            ("room_name", "lobby", (400, "Missing room name")),
            ("participant_identity", "nobody", (400, "Missing participant identity")),
            ("transfer_to", "+2", (400, "missing transfer to")),
            (
                "transfer_to",
                "tel:+2",
                (400, "transfer_to must be a valid SIP(s) or TEL URI (sip:, sips: or tel:)"),
            ),
            ("headers", {}, (400, "invalid header name: header name Via not supported")),
            ("ringing_timeout", "3600s", (400, "ringing_timeout must not exceed 1h")),
            ("participant_identity", "web", (404, "participant does not exist")),
            (
                "participant_identity",
                "sip_+1",
                (400, "no SIP session associated with participant"),
            ),
        ]
        for name, repaired, wanted in steps:
            assert transfer(client, **fields) == wanted
            fields[name] = repaired
        assert transfer(client, **fields) == (200, "")


def test_room_and_identity_come_before_the_grants() -> None:
    nothing: dict[str, object] = {"video": {}}
    with api() as client:
        for fields, status in (
            ({**GOOD, "room_name": ""}, 400),
            ({**GOOD, "participant_identity": ""}, 400),
            (GOOD, 401),
        ):
            answer = client.call("TransferSIPParticipant", fields, grants=nothing)
            assert answer.status == status


def test_a_failure_passes_unchanged() -> None:
    with api() as client:
        caller(client)
        meta = {"sip_transfer_id": "STR_x", "sip_status_code": "486"}
        client.telephony.fault = ApiError("resource_exhausted", "call transfer failed", meta)
        answer = client.call("TransferSIPParticipant", GOOD, room="lobby")
        assert (answer.status, answer.json["meta"]) == (429, meta)


def test_dial_finds_its_trunk() -> None:
    with api() as client:
        trunk = {"numbers": ["+1", "+2"], "address": "h", "auth_username": "u"}
        ident = client.call("CreateSIPOutboundTrunk", {"trunk": trunk}).json["sip_trunk_id"]
        call = {"sip_call_to": "+9", "room_name": "r"}
        inline = {"hostname": "i", "from_host": "f"}
        requests = [
            {**call, "sip_trunk_id": ident},
            {**call, "sip_trunk_id": ident, "trunk": inline},
            {**call, "trunk": inline, "sip_number": "+5"},
        ]
        for request in requests:
            answer = client.call("CreateSIPParticipant", request)
            assert (answer.status, answer.json["code"]) == (501, "unimplemented")
        one, two, three = client.telephony.dials
        assert one.trunk.sip_trunk_id == ident
        assert one.number in ("+1", "+2")
        assert (two.trunk.address, two.trunk.from_host) == ("h", "f")
        assert (three.trunk.address, three.number) == ("i", "+5")
        stored = client.parts.trunks.outbound_trunk(ident)
        assert stored is not None
        assert stored.from_host == ""


def test_dial_without_a_number() -> None:
    with api() as client:
        request = {"sip_call_to": "+9", "room_name": "r", "trunk": {"hostname": "i"}}
        answer = client.call("CreateSIPParticipant", request)
        assert answer.status == 412
        assert answer.json["msg"] == "twirp error unknown: no numbers on outbound trunk"


def test_dial_needs_its_grant_first() -> None:
    with api() as client:
        answer = client.call("CreateSIPParticipant", {}, grants={"sip": {"admin": True}})
        assert answer.status == 401
