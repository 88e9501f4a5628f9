"""Rooms as LiveKit's messages, compared with recorded answers."""

from __future__ import annotations

import random
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from livekit.protocol.agent import Job
from livekit.protocol.models import DisconnectReason

from hookflash.base.ids import Ids
from hookflash.rooms.info import (
    dispatch_info,
    participant_info,
    room_info,
    shared_info,
    track_info,
)
from hookflash.rooms.orders import (
    AgentOrder,
    Join,
    Kind,
    ParticipantChange,
    Permission,
    RoomOptions,
)
from hookflash.rooms.registry import Rooms

NOW = 1_700_000_000.123


def answer(message: Message) -> dict[str, Any]:
    """As the API writes it: proto names, defaults included."""
    return MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def test_a_room_as_create_room_answers() -> None:
    rooms = Rooms(Ids(random.Random(1)))
    options = RoomOptions(empty_timeout=60, max_participants=5, metadata="hello")
    room, _ = rooms.create(NOW, "lobby", options)
    found = answer(room_info(room))
    assert found.pop("turn_password") == room.turn_password
    mimes = ["audio/PCMU", "audio/PCMA", "audio/opus", "audio/red", "video/VP8", "video/H264"]
    mimes += ["video/VP9", "video/AV1", "video/H265", "video/rtx"]
    assert found == {
        "sid": room.sid,
        "name": "lobby",
        "empty_timeout": 60,
        "departure_timeout": 20,
        "max_participants": 5,
        "creation_time": "1700000000",
        "creation_time_ms": "1700000000123",
        "enabled_codecs": [{"mime": mime, "fmtp_line": ""} for mime in mimes],
        "metadata": "hello",
        "num_participants": 0,
        "num_publishers": 0,
        "active_recording": False,
    }


def test_two_rooms_do_not_share_a_message() -> None:
    rooms = Rooms(Ids(random.Random(1)))
    first, _ = rooms.create(NOW, "a")
    second, _ = rooms.create(NOW, "b", RoomOptions(metadata="m"))
    room_info(second).enabled_codecs.pop()
    assert len(room_info(first).enabled_codecs) == 10
    assert room_info(first).metadata == ""


def test_counts_leave_out_agents_but_not_their_tracks() -> None:
    rooms = Rooms(Ids(random.Random(1)))
    for identity, kind in (("caller", Kind.SIP), ("agent", Kind.AGENT)):
        participant, _ = rooms.join(NOW, "r", Join(identity, kind=kind))
        rooms.activate(NOW, participant)
        rooms.publish_audio(NOW, participant)
    info = room_info(participant.room)
    assert (info.num_participants, info.num_publishers) == (1, 2)


def test_a_participant_and_its_track() -> None:
    rooms = Rooms(Ids(random.Random(1)))
    join = Join(
        "sip_+1415",
        name="Phone +1415",
        kind=Kind.SIP,
        attributes={"sip.callStatus": "active"},
        metadata="m",
        permission=Permission(can_update_metadata=True),
    )
    participant, _ = rooms.join(NOW, "r", join)
    rooms.activate(NOW, participant)
    rooms.publish_audio(NOW, participant)
    (track,) = participant.tracks.values()
    assert MessageToDict(participant_info(participant)) == {
        "sid": participant.sid,
        "identity": "sip_+1415",
        "state": "ACTIVE",
        "tracks": [MessageToDict(track_info(track))],
        "metadata": "m",
        "joinedAt": "1700000000",
        "joinedAtMs": "1700000000123",
        "name": "Phone +1415",
        "version": 4,
        "permission": {
            "canSubscribe": True,
            "canPublish": True,
            "canPublishData": True,
            "canUpdateMetadata": True,
        },
        "isPublisher": True,
        "kind": "SIP",
        "attributes": {"sip.callStatus": "active"},
    }
    assert MessageToDict(track_info(track)) == {
        "sid": track.sid,
        "name": "sip_+1415",
        "source": "MICROPHONE",
        "mimeType": "audio/opus",
        "mid": "0",
        "codecs": [
            {
                "mimeType": "audio/opus",
                "mid": "0",
                "cid": "audio",
                "videoLayerMode": "ONE_SPATIAL_LAYER_PER_STREAM",
            }
        ],
        "stream": "camera",
        "version": {"unixMicro": "1700000000123000"},
        "backupCodecPolicy": "SIMULCAST",
    }
    assert track.sid.startswith("TR_AM")
    assert participant.sid.startswith("PA_")
    rooms.leave(NOW, participant, DisconnectReason.USER_REJECTED)
    assert participant_info(participant).disconnect_reason == DisconnectReason.USER_REJECTED


def test_a_dispatch() -> None:
    rooms = Rooms(Ids(random.Random(1)))
    order = AgentOrder(agent_name="phone", metadata="m", attributes={"a": "b"})
    rooms.create(1.5, "lobby")
    dispatch, _ = rooms.create_dispatch(1.5, "lobby", order)
    assert answer(dispatch_info(dispatch)) == {
        "id": dispatch.dispatch_id,
        "agent_name": "phone",
        "room": "lobby",
        "metadata": "m",
        "state": {"jobs": [], "created_at": "1500000000", "deleted_at": "0"},
        "restart_policy": "JRP_ON_FAILURE",
        "deployment": "",
        "attributes": {"a": "b"},
    }
    assert [job.id for job in dispatch_info(dispatch, [Job(id="AJ_a")]).state.jobs] == ["AJ_a"]
    rooms.delete_dispatch(2.5, "lobby", dispatch.dispatch_id)
    assert dispatch_info(dispatch).state.deleted_at == 2_500_000_000


def test_messages_tell_the_time_of_the_world() -> None:
    """The clock was an hour behind when the process began."""
    rooms = Rooms(Ids(random.Random(1)), shift=lambda: 3600.0)
    order = AgentOrder(agent_name="phone")
    dispatch, _ = rooms.create_dispatch(1.5, "lobby", order)
    participant, _ = rooms.join(2.5, "lobby", Join("a"))
    rooms.publish_audio(3.5, participant)
    room = room_info(participant.room, participant.room.counts())
    assert (room.creation_time, room.creation_time_ms) == (3601, 3601500)
    info = participant_info(participant)
    assert (info.joined_at, info.joined_at_ms) == (3602, 3602500)
    assert info.tracks[0].version.unix_micro == 3603500000
    assert dispatch_info(dispatch).state.created_at == 3601500000000
    rooms.delete_dispatch(4.5, "lobby", dispatch.dispatch_id)
    assert dispatch_info(dispatch).state.deleted_at == 3604500000000


def test_one_message_is_shared_until_something_changes() -> None:
    rooms = Rooms(Ids(random.Random(1)))
    participant, _ = rooms.join(NOW, "r", Join("a"))
    shown = [shared_info(participant)]
    assert shared_info(participant) is shown[0]
    rooms.activate(NOW, participant)
    shown.append(shared_info(participant))
    rooms.publish_audio(NOW, participant)
    shown.append(shared_info(participant))
    (track,) = participant.tracks.values()
    rooms.mute(NOW, track, True)
    shown.append(shared_info(participant))
    rooms.set_attributes(NOW, participant, {"k": "v"})
    shown.append(shared_info(participant))
    change = ParticipantChange(permission=Permission(can_publish=False))
    rooms.update_participant(NOW, participant, change)
    shown.append(shared_info(participant))
    rooms.leave(NOW, participant)
    shown.append(shared_info(participant))
    assert [len(info.tracks) for info in shown] == [0, 0, 1, 1, 1, 0, 0]
    assert [info.state for info in shown] == [0, 2, 2, 2, 2, 2, 3]
    assert shown[3].tracks[0].muted
    assert shown[-1] == participant_info(participant)
