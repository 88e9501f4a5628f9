"""Bodies of webhooks, compared with what LiveKit itself sent (tests/data/webhooks.json)."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, Parse
from livekit.protocol.models import DisconnectReason
from livekit.protocol.rtc import AddTrackRequest
from livekit.protocol.sip import SIPTransferInfo
from livekit.protocol.webhook import WebhookEvent

from hookflash.base.ids import Ids
from hookflash.calls.records import CallRecord, MediaStats, StageEntry, TransferRecord
from hookflash.rooms.events import ParticipantDisplaced, RoomEvent, RoomUpdated
from hookflash.rooms.orders import Join, Kind, Permission
from hookflash.rooms.registry import Rooms
from hookflash.rooms.room import Participant
from hookflash.webhooks.payload import (
    CALL_ENDED,
    EventFilter,
    call_body,
    event_name,
    room_event_body,
    transfer_body,
    transfer_event_name,
)

RECORD = Path(__file__).parents[1] / "data" / "webhooks.json"
ROOM = "call-_+15550000001"
START = 1_700_000_000.0


def phone(number: str, call: int) -> Join:
    """A caller as the SIP side lets it join."""
    return Join(
        identity=f"sip_{number}",
        name=f"Phone {number}",
        kind=Kind.SIP,
        permission=Permission(can_update_metadata=True),
        attributes={
            "sip.phoneNumber": number,
            "sip.callID": f"SCL_{call}",
            "sip.callIDFull": "*",
            "sip.callStatus": "ringing",
            "sip.callTag": "*",
            "sip.hostname": "127.0.0.1",
            "sip.ruleID": "SDR_1",
            "sip.trunkID": "ST_1",
            "sip.trunkPhoneNumber": "+15550000001",
        },
    )


def story() -> list[bytes]:
    """Two calls in one room, the first transferred: the bodies in the record's order."""
    ids = Ids(random.Random(1))
    rooms = Rooms(ids)
    bodies: list[bytes] = []

    def tell(events: list[RoomEvent]) -> None:
        for event in events:
            if event_name(event) is not None:
                bodies.append(room_event_body(event, ids.new("EV_")))

    def joined(at: float, join: Join) -> Participant:
        participant, events = rooms.join(START + at, ROOM, join)
        tell(events)
        return participant

    def gone(at: float, participant: Participant) -> None:
        tell(rooms.set_attributes(START + at, participant, {"sip.callStatus": "hangup"}))
        tell(rooms.leave(START + at, participant))

    first = joined(0.02, phone("+14150000001", 1))
    tell(rooms.activate(START + 0.04, first))
    second = joined(0.04, phone("+14160000001", 2))
    tell(rooms.activate(START + 0.04, second))
    tell(rooms.publish_audio(START + 0.07, second))
    tell(rooms.publish_audio(START + 0.07, first))
    gone(2.06, first)
    gone(4.06, second)
    deadline = rooms.next_deadline()
    while deadline is not None:
        tell(rooms.handle_deadline(deadline))
        deadline = rooms.next_deadline()
    return bodies


class Sids:
    """Numbers the ids of each prefix in order of appearance, as the record does."""

    def __init__(self) -> None:
        self.seen: dict[str, dict[str, str]] = {}

    def __call__(self, value: str) -> str:
        prefix = value[:3]
        known = self.seen.setdefault(prefix, {})
        return known.setdefault(value, f"{prefix}{len(known) + 1}")


WILD = {
    *("creationTime", "creationTimeMs", "turnPassword", "joinedAt", "joinedAtMs"),
    *("version", "createdAt"),
}


def generalise(value: Any, sids: Sids, key: str = "") -> Any:
    """Ours in the record's notation; int64 must already be strings."""
    if key in WILD:
        return "*"
    if isinstance(value, dict):
        return {k: generalise(v, sids, k) for k, v in value.items()}
    if isinstance(value, list):
        return [generalise(v, sids) for v in value]
    if key in ("sid", "id"):
        return sids(value)
    return value


def test_the_recorded_sequence_key_by_key() -> None:
    recorded = [entry["body"] for entry in json.loads(RECORD.read_text()) if "body" in entry]
    sids = Sids()
    ours = [generalise(json.loads(body), sids) for body in story()]
    assert [b["event"] for b in ours] == [b["event"] for b in recorded]
    for mine, theirs in zip(ours, recorded, strict=True):
        # json.dumps keeps the order of keys, so that is compared too
        assert json.dumps(mine, indent=1) == json.dumps(theirs, indent=1)


def test_times_are_those_of_the_story() -> None:
    body = json.loads(story()[1])
    assert body["createdAt"] == "1700000000"
    assert body["room"]["creationTime"] == "1700000000"
    assert body["room"]["creationTimeMs"] == "1700000000020"
    assert body["participant"]["joinedAtMs"] == "1700000000020"
    assert body["participant"]["version"] == 3
    assert len(body["room"]["turnPassword"]) >= 20
    assert json.loads(story()[-1])["createdAt"] == "1700000024"


def test_the_official_class_reads_every_body() -> None:
    for body in story():
        event = Parse(body.decode(), WebhookEvent())
        assert MessageToDict(event) == json.loads(body)


def test_counts_of_the_room_are_refreshed_every_five_seconds() -> None:
    rooms = Rooms(Ids(random.Random(1)))
    participant, events = rooms.join(START, "r", Join("a"))
    events = rooms.activate(START + 4.9, participant)
    assert "numParticipants" not in json.loads(room_event_body(events[0], "EV_1"))["room"]
    other, _ = rooms.join(START + 5, "r", Join("b"))
    rooms.publish_audio(START + 5, participant)
    events = rooms.activate(START + 5, other)
    room = json.loads(room_event_body(events[0], "EV_2"))["room"]
    assert (room["numParticipants"], room["numPublishers"]) == (2, 1)


def test_a_track_that_was_muted_is_shown_muted_at_its_end() -> None:
    rooms = Rooms(Ids(random.Random(1)))
    participant, _ = rooms.join(START, "r", Join("a"))
    rooms.activate(START, participant)
    (published,) = rooms.publish_audio(START, participant)
    track = json.loads(room_event_body(published, "EV_1"))["track"]
    assert "muted" not in track
    rooms.mute(START + 1, next(iter(participant.tracks.values())), True)
    unpublished = rooms.leave(START + 2, participant)[0]
    last = json.loads(room_event_body(unpublished, "EV_2"))["track"]
    assert last["muted"] is True
    assert int(last["version"]["unixMicro"]) == (START + 1) * 1_000_000
    assert last["sid"] == track["sid"]


def test_a_clients_track_is_shown_as_it_was_added() -> None:
    rooms = Rooms(Ids(random.Random(1)))
    participant, _ = rooms.join(START, "r", Join("a"))
    rooms.activate(START, participant)
    request = AddTrackRequest(cid="c", name="cam", type="VIDEO", source="CAMERA", width=640)
    track = rooms.tracks.add(START, participant, request)
    (published,) = rooms.tracks.publish(START, track, "video/VP8", "3")
    shown = json.loads(room_event_body(published, "EV_1"))["track"]
    assert (shown["sid"], shown["type"], shown["width"]) == (track.sid, "VIDEO", 640)
    assert (shown["mimeType"], shown["mid"], shown["codecs"][0]["cid"]) == ("video/VP8", "3", "c")
    (ended,) = rooms.tracks.unpublish(START + 1, track)
    assert json.loads(room_event_body(ended, "EV_2"))["track"] == shown


def test_an_abandoned_join_is_a_connection_aborted() -> None:
    rooms = Rooms(Ids(random.Random(1)))
    participant, _ = rooms.join(START, "r", Join("a"))
    (event,) = rooms.leave(START, participant, DisconnectReason.JOIN_FAILURE)
    body = json.loads(room_event_body(event, "EV_1"))
    assert body["event"] == "participant_connection_aborted"
    assert body["participant"]["disconnectReason"] == "JOIN_FAILURE"


def test_events_without_a_webhook() -> None:
    rooms = Rooms(Ids(random.Random(1)))
    former, _ = rooms.join(START, "r", Join("a"))
    _, displaced = rooms.join(START, "r", Join("a"))
    assert isinstance(displaced[0], ParticipantDisplaced)
    assert event_name(displaced[0]) is None
    assert event_name(RoomUpdated(former.room, START)) is None
    with pytest.raises(KeyError):
        room_event_body(displaced[0], "EV_1")


def test_text_goes_out_as_utf8() -> None:
    rooms = Rooms(Ids(random.Random(1)))
    _, events = rooms.join(START, "Füße\udcff", Join("a"))
    assert "Füße\ufffd".encode() in room_event_body(events[0], "EV_1")


TRANSFER = TransferRecord(
    transfer_id="STR_1",
    call_id="SCL_1",
    room=ROOM,
    identity="sip_+14150000001",
    target="tel:+15105550100",
    refer_to="<tel:+15105550100>",
    api_key="devkey",
    request_id="",
    created_at=START,
    participant_sid="PA_1",
)


def test_a_transfer_that_starts() -> None:
    body = json.loads(transfer_body(TRANSFER, "started", None, "EV_1", START + 0.5))
    assert body == {
        "event": "sip_transfer_started",
        "room": {"name": ROOM},
        "participant": {"sid": "PA_1", "identity": "sip_+14150000001"},
        "sipTransfer": {
            "transferId": "STR_1",
            "callId": "SCL_1",
            "transferTo": "tel:+15105550100",
            "transferInitiatedAtNs": "1700000000000000000",
        },
        "id": "EV_1",
        "createdAt": "1700000000",
    }
    assert list(body) == ["event", "room", "participant", "sipTransfer", "id", "createdAt"]


def test_a_transfer_that_fails_late() -> None:
    rooms = Rooms(Ids(random.Random(1)))
    room, _ = rooms.create(START, ROOM)
    record = replace(
        TRANSFER,
        stages=(StageEntry("requested", START), StageEntry("ringing", START + 1)),
        verdict="rejected",
        ended_at=START + 2.5,
        sip_status=486,
        sip_reason="Busy Here",
        error="call transfer failed: sip status: 486: Busy Here",
        notes=("a note",),
        late_success=True,
    )
    body = json.loads(transfer_body(record, "ended", room, "EV_1", START + 3))
    assert body["event"] == transfer_event_name("ended") == "sip_transfer_ended"
    assert body["room"] == {"sid": room.sid, "name": ROOM}
    transfer = body["sipTransfer"]
    assert transfer["transferCompletedAtNs"] == "1700000002500000000"
    assert transfer["transferStatus"] == "STS_TRANSFER_FAILED"
    assert transfer["transferStatusCode"] == {
        "code": "SIP_STATUS_BUSY_HERE",
        "status": "Busy Here",
    }
    assert transfer["reason"] == "STR_REJECTED"
    assert transfer["error"] == record.error
    assert transfer["stage"] == "ringing"
    assert transfer["verdict"] == "rejected"
    assert transfer["notes"] == ["a note"]
    assert transfer["sipStatus"] == 486
    assert transfer["lateSuccess"] is True
    for added in ("stage", "verdict", "notes", "sipStatus", "lateSuccess"):
        del transfer[added]
    assert Parse(json.dumps(transfer), SIPTransferInfo()).transfer_id == "STR_1"


def test_a_call_that_ended() -> None:
    record = CallRecord(
        call_id="SCL_1",
        sip_call_id="x@y",
        direction="inbound",
        room=ROOM,
        identity="sip_1",
        trunk_id="ST_1",
        rule_id="SDR_1",
        caller="+1415",
        called="+1555",
        created_at=START,
        answered_at=START + 1,
        ended_at=START + 9,
        answer_status=200,
        end_reason="bye",
        end_cause="Q.850;cause=16",
        ended_by="remote",
        stats=MediaStats(450, 449, 1, 2.25, "PCMU"),
    )
    body = json.loads(call_body(record, None, "PA_1", "EV_1", START + 9))
    assert body == {
        "event": CALL_ENDED,
        "room": {"name": ROOM},
        "participant": {"sid": "PA_1", "identity": "sip_1"},
        "sipCall": {
            "callId": "SCL_1",
            "trunkId": "ST_1",
            "dispatchRuleId": "SDR_1",
            "roomName": ROOM,
            "participantIdentity": "sip_1",
            "callDirection": "SCD_INBOUND",
            "callStatus": "SCS_DISCONNECTED",
            "createdAtNs": "1700000000000000000",
            "startedAtNs": "1700000001000000000",
            "endedAtNs": "1700000009000000000",
            "callStatusCode": {"code": "SIP_STATUS_OK"},
            "audioCodec": "PCMU",
            "sipCallId": "x@y",
            "caller": "+1415",
            "called": "+1555",
            "endReason": "bye",
            "endCause": "Q.850;cause=16",
            "endedBy": "remote",
            "packetsSent": "450",
            "packetsReceived": "449",
            "packetsLost": "1",
            "jitterMs": 2.25,
        },
        "id": "EV_1",
        "createdAt": "1700000009",
    }


def test_a_call_that_never_reached_a_room() -> None:
    record = CallRecord("SCL_1", "x@y", "outbound", answer_status=699, created_at=START)
    body = json.loads(call_body(record, None, "", "EV_1", START))
    assert "room" not in body
    assert "participant" not in body
    assert body["sipCall"]["callStatus"] == "SCS_ERROR"
    assert body["sipCall"]["callDirection"] == "SCD_OUTBOUND"
    assert body["sipCall"]["callStatusCode"] == {"code": 699}


def test_a_call_whose_room_lives() -> None:
    room, _ = Rooms(Ids(random.Random(1))).create(START, ROOM)
    record = CallRecord("SCL_1", "x@y", "inbound", room=ROOM, identity="a")
    body = json.loads(call_body(record, room, "", "EV_1", START))
    assert body["room"] == {"sid": room.sid, "name": ROOM}
    assert body["participant"] == {"identity": "a"}


@pytest.mark.parametrize(
    ("wanted", "accepted"),
    [
        (EventFilter(), True),
        (EventFilter(include={"room_started"}), True),
        (EventFilter(include={"room_finished"}), False),
        (EventFilter(exclude={"room_started"}), False),
        (EventFilter(exclude={"room_finished"}), True),
        (EventFilter(include={"room_started"}, exclude={"room_started"}), True),
    ],
)
def test_filters_include_wins(wanted: EventFilter, accepted: bool) -> None:
    assert wanted.accepts("room_started") is accepted
