"""MoveParticipant: out of one room and into another."""

from __future__ import annotations

import random

import pytest
from livekit.protocol.models import DisconnectReason, TrackSource
from livekit.protocol.rtc import AddTrackRequest, SubscriptionPermission, TrackPermission

from hookflash.base.ids import Ids
from hookflash.rooms.events import (
    ParticipantJoined,
    ParticipantLeft,
    ParticipantMoved,
    RoomStarted,
    SubscriptionsChanged,
    TrackMuted,
    TrackPublished,
    TrackUnpublished,
)
from hookflash.rooms.moving import move
from hookflash.rooms.orders import Join, Kind, Permission, RoomOptions
from hookflash.rooms.registry import Rooms
from hookflash.rooms.room import Participant
from hookflash.rooms.rules import RoomRefused
from hookflash.rooms.tracks import permit

T = 1_700_000_000.0


def phone(rooms: Rooms, room: str = "a", identity: str = "sip_+1") -> Participant:
    join = Join(
        identity,
        name="Phone +1",
        kind=Kind.SIP,
        attributes={"sip.callID": "SCL_1"},
        metadata="m",
        permission=Permission(can_update_metadata=True),
    )
    participant, _ = rooms.join(T, room, join)
    rooms.activate(T, participant)
    rooms.publish_audio(T, participant)
    return participant


def make() -> Rooms:
    return Rooms(Ids(random.Random(1)))


def test_it_leaves_one_room_and_joins_the_other_as_itself() -> None:
    rooms = make()
    former = phone(rooms)
    newcomer, events = move(rooms, T + 1, former, "b")
    assert [type(event) for event in events] == [
        ParticipantMoved,
        *(TrackUnpublished, ParticipantLeft, RoomStarted, ParticipantJoined, TrackPublished),
    ]
    assert events[0] == ParticipantMoved(former.room, former, newcomer, T + 1)
    left = events[2]
    assert isinstance(left, ParticipantLeft)
    assert (left.reason, left.by_room) == (DisconnectReason.MIGRATION, False)
    assert newcomer.sid != former.sid
    assert newcomer.room is rooms.get("b")
    for field in ("identity", "name", "kind", "attributes", "metadata", "permission"):
        assert getattr(newcomer, field) == getattr(former, field)
    (track,) = newcomer.tracks.values()
    assert track.name == "sip_+1"
    room = rooms.get("a")
    assert room is not None
    assert not room.participants
    assert room.last_left_at == T + 1


def test_a_muted_track_stays_muted() -> None:
    rooms = make()
    former = phone(rooms)
    (track,) = former.tracks.values()
    rooms.mute(T, track, True)
    newcomer, events = move(rooms, T + 1, former, "b")
    assert isinstance(events[-1], TrackMuted)
    assert [track.muted for track in newcomer.tracks.values()] == [True]


def test_who_is_not_active_yet_is_not_active_there_either() -> None:
    rooms = make()
    former, _ = rooms.join(T, "a", Join("x"))
    newcomer, _ = move(rooms, T + 1, former, "b")
    assert not newcomer.active
    assert not newcomer.left


def test_who_rings_takes_nothing_there_either_until_it_listens() -> None:
    rooms = make()
    other = phone(rooms, "b", "sip_+2")
    ringing, _ = rooms.join(T, "a", Join("sip_+1", kind=Kind.SIP, listens=False))
    rooms.activate(T, ringing)
    newcomer, _ = move(rooms, T, ringing, "b")
    (track,) = other.tracks.values()
    assert not newcomer.takes(track)
    (event,) = rooms.listen(T + 1, newcomer)
    assert event == SubscriptionsChanged(newcomer.room, newcomer, (track,), True, T + 1)
    assert newcomer.takes(track)
    assert rooms.listen(T + 2, newcomer) == []
    alone, _ = rooms.join(T, "c", Join("sip_+3", kind=Kind.SIP, listens=False))
    rooms.activate(T, alone)
    assert rooms.listen(T, alone) == []
    assert alone.listens


def test_who_may_take_its_tracks_is_still_as_it_said() -> None:
    rooms = make()
    former, _ = rooms.join(T, "a", Join("x"))
    one, two = (
        rooms.tracks.add(T, former, AddTrackRequest(cid=cid, source=TrackSource.MICROPHONE))
        for cid in ("1", "2")
    )
    rooms.tracks.publish(T, one, "audio/opus", "0")
    entries = [
        TrackPermission(participant_identity="y", track_sids=[one.sid, "TR_gone"]),
        TrackPermission(participant_identity="z", all_tracks=True),
    ]
    permit(T, former, SubscriptionPermission(track_permissions=entries))
    newcomer, _ = move(rooms, T + 1, former, "b")
    (sid,) = newcomer.tracks
    assert sid != one.sid
    assert newcomer.subscribers.tracks == {"y": frozenset([sid]), "z": None}
    assert not newcomer.subscribers.admit("y", "PA_y", newcomer.pending[two.cid].sid)
    assert not newcomer.subscribers.admit("w", "PA_w", sid)


def test_a_move_puts_nobody_out_and_a_refused_one_changes_nothing() -> None:
    rooms = make()
    former, other = phone(rooms), phone(rooms, "b")
    with pytest.raises(RoomRefused) as caught:
        move(rooms, T + 1, former, "b")
    assert caught.value.code == "already_exists"
    rooms.create(T, "small", RoomOptions(max_participants=1))
    phone(rooms, "small", "somebody")
    with pytest.raises(RoomRefused) as caught:
        move(rooms, T + 1, former, "small")
    assert caught.value.code == "resource_exhausted"
    with pytest.raises(RoomRefused):
        move(rooms, T + 1, former, "")
    assert former.active
    assert other.active
    assert rooms.find("a", "sip_+1") is former
