"""What a room and its participants know of themselves."""

from __future__ import annotations

import random

import pytest
from livekit.protocol.models import TrackType
from livekit.protocol.rtc import AddTrackRequest

from hookflash.base.ids import Ids
from hookflash.rooms.info import participant_info
from hookflash.rooms.orders import Join, Kind, Permission
from hookflash.rooms.registry import Rooms
from hookflash.rooms.room import Participant


def joined(**changes: object) -> Participant:
    rooms = Rooms(Ids(random.Random(1)))
    return rooms.join(1.0, "r", Join("a", **changes))[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "permission", "dependent"),
    [
        (Kind.STANDARD, Permission(), False),
        (Kind.SIP, Permission(), False),
        (Kind.AGENT, Permission(), True),
        (Kind.EGRESS, Permission(), True),
        (Kind.STANDARD, Permission(agent=True), True),
        (Kind.STANDARD, Permission(recorder=True), True),
    ],
)
def test_who_keeps_no_room_open(kind: Kind, permission: Permission, dependent: bool) -> None:
    assert joined(kind=kind, permission=permission).dependent is dependent


def test_merged_attributes() -> None:
    participant = joined(attributes={"keep": "1", "drop": "2"})
    changed, merged = participant.merged({"keep": "1", "drop": "", "new": "3", "no": ""})
    assert changed == {"drop": "", "new": "3"}
    assert merged == {"keep": "1", "new": "3"}
    assert participant.attributes == {"keep": "1", "drop": "2"}


def test_a_participant_before_it_is_active() -> None:
    participant = joined()
    assert not participant.active
    assert not participant.left
    assert participant_info(participant).state == 0
    assert participant_info(participant).version == 0


def test_others_and_tracks_and_listeners() -> None:
    rooms = Rooms(Ids(random.Random(1)))
    caller, _ = rooms.join(1, "r", Join("caller"))
    agent, _ = rooms.join(1, "r", Join("agent"))
    room = caller.room
    assert list(room.others(caller)) == [agent]
    rooms.activate(1, caller)
    rooms.publish_audio(1, caller)
    (track,) = caller.tracks.values()
    assert room.tracks(["TR_x", track.sid]) == {track.sid: track}
    assert not room.hears_somebody(agent)  # it is not active yet
    rooms.activate(1, agent)
    assert room.hears_somebody(agent)
    assert not room.hears_somebody(caller)  # the agent publishes nothing
    assert not caller.takes(track)
    rooms.set_subscriptions(2, agent, [track.sid], False)
    assert not room.hears_somebody(agent)


def test_what_a_caller_is_answered_for() -> None:
    """webrtc.md §6, *answering*: the sound of somebody whose connection stands."""
    rooms = Rooms(Ids(random.Random(1)))
    caller, camera, agent = (rooms.join(1, "r", Join(name))[0] for name in "abc")
    for active in (caller, camera):
        rooms.activate(1, active)
    for who, kind in ((camera, TrackType.VIDEO), (agent, TrackType.AUDIO)):
        track = rooms.tracks.add(1, who, AddTrackRequest(cid="x", type=kind))
        rooms.tracks.publish(1, track, "of its kind", "0")
        assert not caller.room.hears_somebody(caller)
    rooms.activate(1, agent)
    assert caller.room.hears_somebody(caller)


def test_told_counts_lag_and_the_memo_goes_with_them() -> None:
    rooms = Rooms(Ids(random.Random(1)))
    participant, _ = rooms.join(1, "r", Join("a"))
    room = participant.room
    room.memo = "text"
    assert room.told(5.9) == (0, 0)
    assert room.memo == "text"
    assert room.told(6.0) == (1, 0)
    assert room.memo is None
    room.memo = "text"
    rooms.update_metadata(7, "r", "m")
    assert room.memo is None
