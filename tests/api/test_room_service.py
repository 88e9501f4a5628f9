from __future__ import annotations

from typing import Any

import pytest
from livekit.protocol import room
from livekit.protocol.models import ParticipantInfo
from tests.api.support import Answer, Client, all_grants, api

from hookflash.api.room_service import RoomService
from hookflash.exchange.rooms import Rpc
from hookflash.rooms.events import (
    DtmfReceived,
    ParticipantLeft,
    ParticipantMoved,
    RoomFinished,
    RoomStarted,
)
from hookflash.rooms.orders import Join
from hookflash.rooms.room import Participant


def call(client: Client, method: str, room_name: str = "lobby", **fields: object) -> Answer:
    return client.call(method, fields, room=room_name, service="RoomService")


def phone(client: Client, identity: str = "sip_+1") -> Participant:
    rooms = client.rooms
    participant = rooms.join("lobby", Join(identity, kind=ParticipantInfo.SIP))
    rooms.activate(participant)
    rooms.publish_audio(participant)
    return participant


def kinds(client: Client) -> list[type]:
    return [type(event) for event in client.notes.events]


def message(answer: Answer) -> str:
    return str(answer.json["msg"]).removeprefix("twirp error unknown: ")


def test_every_method_of_the_service_is_there_with_its_request_type() -> None:
    with api() as client:
        service = RoomService(client.parts.rooms, client.parts.participants).service()
        assert service.methods is not None
        described = room.DESCRIPTOR.services_by_name["RoomService"]
        assert {method.name: method.input_type.full_name for method in described.methods} == {
            name: method.request_type.DESCRIPTOR.full_name
            for name, method in service.methods.items()
        }


def test_rooms_come_and_go() -> None:
    with api() as client:
        made = call(client, "CreateRoom", name="lobby", empty_timeout=7)
        assert made.json["empty_timeout"] == 7
        assert call(client, "CreateRoom", name="other").status == 200
        names = [r["name"] for r in call(client, "ListRooms").json["rooms"]]
        assert names == ["lobby", "other"]
        some = call(client, "ListRooms", names=["other", "x", "other"]).json["rooms"]
        assert [r["name"] for r in some] == ["other"]
        assert call(client, "DeleteRoom", room="lobby").json == {}
        assert call(client, "DeleteRoom", room="lobby").status == 404
        assert kinds(client) == [RoomStarted, RoomStarted, RoomFinished]


def test_participants() -> None:
    with api() as client:
        phone(client)
        who = {"room": "lobby", "identity": "sip_+1"}
        listed = call(client, "ListParticipants", room="lobby").json["participants"]
        assert [p["identity"] for p in listed] == ["sip_+1"]
        got = call(client, "GetParticipant", **who).json
        assert (got["kind"], got["state"]) == ("SIP", "ACTIVE")
        assert call(client, "RemoveParticipant", **who).json == {}
        assert ParticipantLeft in kinds(client)
        assert call(client, "RemoveParticipant", **who).status == 404


def test_update_participant() -> None:
    with api() as client:
        participant = phone(client)
        who = {"room": "lobby", "identity": "sip_+1"}
        changed = call(
            client,
            "UpdateParticipant",
            **who,
            metadata="m",
            attributes={"a": "b"},
            permission={"can_subscribe": True},
        ).json
        assert (changed["metadata"], changed["attributes"]) == ("m", {"a": "b"})
        assert changed["permission"]["can_publish"] is False
        assert changed["tracks"] == []
        assert call(client, "UpdateParticipant", **who, name="n").json["name"] == "n"
        assert participant.metadata == "m"


BIG = "x" * (512 * 1024 + 1)


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("UpdateParticipant", {"metadata": BIG}),
        ("UpdateParticipant", {"name": "x" * 257}),
        ("UpdateParticipant", {"attributes": {"a": "x" * 65536}}),
        ("UpdateRoomMetadata", {"metadata": BIG}),
    ],
)
def test_sizes_come_before_grants(method: str, fields: dict[str, Any]) -> None:
    with api() as client:
        answer = client.call(method, fields, grants={}, service="RoomService")
        assert answer.status == 400
        assert "exceeds limits" in answer.json["msg"]
        assert answer.json["meta"]["argument"] in answer.json["msg"]


def test_mute() -> None:
    with api() as client:
        participant = phone(client)
        (sid,) = participant.tracks
        who = {"room": "lobby", "identity": "sip_+1"}
        muted = call(client, "MutePublishedTrack", **who, track_sid=sid, muted=True).json
        assert muted["track"]["muted"] is True
        none = call(client, "MutePublishedTrack", **who, track_sid="TR_x", muted=True)
        assert none.json == {"track": None}
        unmute = call(client, "MutePublishedTrack", **who, track_sid=sid, muted=False)
        assert (unmute.status, message(unmute)) == (412, "remote unmute not enabled")


def test_subscriptions() -> None:
    with api() as client:
        listener, speaker = phone(client), phone(client, "sip_+2")
        (sid,) = speaker.tracks
        who = {"room": "lobby", "identity": "sip_+1"}
        assert call(client, "UpdateSubscriptions", **who, track_sids=[sid]).json == {}
        assert sid in listener.unsubscribed
        tracks = [{"participant_sid": speaker.sid, "track_sids": [sid]}]
        call(client, "UpdateSubscriptions", **who, participant_tracks=tracks, subscribe=True)
        assert sid not in listener.unsubscribed
        absent = call(client, "UpdateSubscriptions", room="lobby", identity="x")
        assert (absent.status, message(absent)) == (503, "no response from servers")


def test_data_on_the_dtmf_topic_is_digits() -> None:
    with api() as client:
        phone(client)
        data = {"data": "MSPCoWE=", "topic": "hookflash.dtmf"}  # 1 # two bytes of no digit, a
        assert call(client, "SendData", room="lobby", **data).status == 200
        digits = [e.digit for e in client.notes.events if isinstance(e, DtmfReceived)]
        assert digits == ["1", "#", "a"]
        data["topic"] = "chat"
        call(client, "SendData", room="lobby", **data)
        assert sum(isinstance(e, DtmfReceived) for e in client.notes.events) == 3


def test_dtmf_destinations_may_be_sids_and_long_digits_are_refused() -> None:
    with api() as client:
        participant = phone(client)
        data = {"data": "MQ==", "topic": "hookflash.dtmf"}
        sids = [participant.sid, "PA_nobody"]
        call(client, "SendData", room="lobby", **data, destination_sids=sids)
        (event,) = [e for e in client.notes.events if isinstance(e, DtmfReceived)]
        assert event.destinations == ("sip_+1", "PA_nobody")
        data["data"] = "MTEx" * 22
        answer = call(client, "SendData", room="lobby", **data)
        assert (answer.status, message(answer)) == (400, "at most 64 DTMF digits at once")


def grants(destination: str) -> dict[str, Any]:
    every = all_grants("lobby")
    every["video"]["destinationRoom"] = destination
    return every


@pytest.mark.parametrize(
    "method",
    [
        "ForwardParticipant",
        "MoveParticipant",
    ],  # the latter of somebody whose connection is nobody's
)
def test_to_another_room(method: str) -> None:
    with api() as client:
        phone(client)
        fields = {"room": "lobby", "identity": "sip_+1", "destination_room": "b"}
        answer = client.call(method, fields, grants=grants("b"), service="RoomService")
        assert (answer.status, message(answer)) == (500, "not implemented")
        assert client.call(method, fields, grants=grants("c"), service="RoomService").status == 401
        fields["identity"] = "x"
        absent = client.call(method, fields, grants=grants("b"), service="RoomService")
        assert absent.status == 503


def test_rpc() -> None:
    with api() as client:
        phone(client)
        answer = call(client, "PerformRpc", room="lobby")
        assert (answer.status, message(answer)) == (400, "destination identity is required")
        fields = {"room": "lobby", "destination_identity": "sip_+1"}
        assert call(client, "PerformRpc", **fields).status == 501
        fields["destination_identity"] = "x"
        assert call(client, "PerformRpc", **fields).status == 503


class Session:
    """Holds the connection of every participant."""

    def can_move(self, _: Participant) -> bool:
        return True

    def rpc(self, participant: Participant) -> Rpc:
        async def call(method: str, payload: str, wait: float) -> str:
            return f"{participant.identity} {method} {payload} {wait}"

        return call


def test_a_move_and_an_rpc_that_work() -> None:
    with api() as client:
        client.owners.append(Session())
        phone(client)
        fields = {"room": "lobby", "identity": "sip_+1", "destination_room": "b"}
        answer = client.call("MoveParticipant", fields, grants=grants("b"), service="RoomService")
        assert answer.json == {}
        assert client.rooms.find("b", "sip_+1").active
        assert ParticipantMoved in kinds(client)
        asked: dict[str, Any] = {"room": "b", "destination_identity": "sip_+1"}
        asked |= {"method": "greet", "payload": "hi"}
        told = client.call("PerformRpc", asked, room="b", service="RoomService")
        assert told.json == {"payload": "sip_+1 greet hi 10.0"}
        asked["response_timeout_ms"] = 1500
        told = client.call("PerformRpc", asked, room="b", service="RoomService")
        assert told.json == {"payload": "sip_+1 greet hi 1.5"}
