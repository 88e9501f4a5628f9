"""Rooms: joining, leaving, and how a room ends."""

from __future__ import annotations

import pytest
from livekit.protocol.models import DisconnectReason
from livekit.protocol.room import RoomConfiguration
from tests.rooms.kit import T, active, kinds, make, run_out, speaking

from hookflash.rooms.events import (
    AttributesChanged,
    DataReceived,
    DtmfReceived,
    ParticipantAborted,
    ParticipantDisplaced,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    RoomFinished,
    RoomStarted,
    RoomUpdated,
    SubscriptionsChanged,
    TrackMuted,
    TrackPublished,
    TrackUnpublished,
)
from hookflash.rooms.info import participant_info, room_info, track_info
from hookflash.rooms.orders import (
    AgentOrder,
    Join,
    Kind,
    ParticipantChange,
    Permission,
    RoomOptions,
)
from hookflash.rooms.rules import RoomRefused

# --- joining and leaving --------------------------------------------------------------------------


def test_the_first_join_makes_the_room() -> None:
    rooms = make()
    participant, events = rooms.join(T, "r", Join("a"))
    room = rooms.get("r")
    assert room is not None
    assert events == [RoomStarted(room, T)]
    assert participant.room is room
    assert room.sid.startswith("RM_")
    assert rooms.activate(T + 1, participant) == [ParticipantJoined(room, participant, T + 1)]
    assert rooms.activate(T + 1, participant) == []
    assert list(rooms.all()) == [room]
    assert len(rooms) == 1
    second, events = rooms.join(T, "r", Join("b"))
    assert events == []
    assert list(room.participants) == ["a", "b"]
    assert rooms.find("r", "b") is second


def test_leaving_takes_tracks_first_and_happens_once() -> None:
    rooms = make()
    participant = speaking(rooms, "a")
    (track,) = participant.tracks.values()
    room = participant.room
    assert rooms.leave(T + 1, participant) == [
        TrackUnpublished(room, participant, track, T + 1),
        ParticipantLeft(room, participant, DisconnectReason.CLIENT_INITIATED, False, T + 1),
    ]
    assert participant.left
    assert participant.is_publisher
    assert rooms.leave(T + 2, participant) == []
    assert rooms.publish_audio(T + 2, participant) == []
    assert rooms.send_dtmf(T + 2, participant, "1") == []
    assert rooms.activate(T + 2, participant) == []
    assert "a" not in room.participants


def test_a_join_that_never_becomes_active_is_given_up_after_a_minute() -> None:
    rooms = make()
    slow, _ = rooms.join(T, "r", Join("slow"))
    other, _ = rooms.join(T + 30, "r", Join("other"))
    assert rooms.next_deadline() == T + 60
    assert rooms.handle_deadline(T + 59.9) == []
    assert rooms.handle_deadline(T + 60) == [
        ParticipantAborted(slow.room, slow, DisconnectReason.JOIN_FAILURE, True, T + 60)
    ]
    assert not other.left
    assert rooms.next_deadline() == T + 90


def test_the_same_identity_displaces() -> None:
    rooms = make()
    old = speaking(rooms, "a")
    new, events = rooms.join(T + 1, "r", Join("a"))
    assert kinds(events) == [ParticipantDisplaced, TrackUnpublished, ParticipantLeft]
    assert events[0] == ParticipantDisplaced(old.room, old, new, T + 1)
    left = events[2]
    assert isinstance(left, ParticipantLeft)
    assert (left.reason, left.by_room) == (DisconnectReason.DUPLICATE_IDENTITY, True)
    assert rooms.find("r", "a") is new
    assert rooms.leave(T + 2, old) == []
    assert rooms.find("r", "a") is new
    assert old.sid != new.sid


def test_displacing_one_that_was_still_joining() -> None:
    rooms = make()
    rooms.join(T, "r", Join("a"))
    _, events = rooms.join(T, "r", Join("a"))
    assert kinds(events) == [ParticipantDisplaced, ParticipantAborted]


def test_removal() -> None:
    rooms = make()
    participant = active(rooms, "a")
    assert rooms.remove(T + 1, "r", "a") == [
        ParticipantLeft(
            participant.room, participant, DisconnectReason.PARTICIPANT_REMOVED, True, T + 1
        )
    ]
    with pytest.raises(RoomRefused, match="participant does not exist"):
        rooms.remove(T + 1, "r", "a")
    with pytest.raises(RoomRefused, match="participant does not exist"):
        rooms.remove(T + 1, "nowhere", "a")


def test_texts_that_are_no_utf8_do_not_break_anything() -> None:
    rooms = make()
    bad = "x\udcff"
    join = Join(bad, name=bad, metadata=bad, attributes={bad: bad, "empty": ""})
    participant, _ = rooms.join(T, bad, join)
    assert participant.identity == participant.name == participant.metadata == "x\ufffd"
    assert participant.attributes == {"x\ufffd": "x\ufffd"}
    participant_info(participant).SerializeToString()
    room_info(participant.room).SerializeToString()
    assert len(run_out(rooms)) == 2
    assert len(rooms) == 0


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("room", "join", "text"),
    [
        ("", Join("a"), "no room name"),
        ("x" * 257, Join("a"), "room name length exceeds limits: max length 256"),
        ("r", Join(""), "participant identity cannot be empty"),
        ("r", Join("x" * 257), "participant identity length exceeds limits"),
        ("r", Join("a", name="x" * 257), "name length exceeds limits 256"),
        ("r", Join("a", metadata="x" * 524289), "metadata size exceeds limits 524288"),
        ("r", Join("a", attributes={"a": "x" * 65536}), "attribute size exceeds limits 65536"),
        ("r", Join("a", room_preset="none"), "unknown room configuration in create room request"),
        (
            "r",
            Join("a", room_options=RoomOptions(metadata="x" * 524289)),
            "metadata size exceeds limits 524288",
        ),
    ],
)
def test_a_refused_join_leaves_nothing_behind(room: str, join: Join, text: str) -> None:
    rooms = make()
    with pytest.raises(RoomRefused) as caught:
        rooms.join(T, room, join)
    assert text in caught.value.msg
    assert len(rooms) == 0
    assert rooms.next_deadline() is None


def test_a_full_room() -> None:
    rooms = make(max_participants=1)
    caller = active(rooms, "a")
    active(rooms, "agent", kind=Kind.AGENT)  # agents do not count
    with pytest.raises(RoomRefused, match="max participants"):
        rooms.join(T, "r", Join("b"))
    _, events = rooms.join(T, "r", Join("a"))  # displacing is no growth
    assert kinds(events)[0] is ParticipantDisplaced
    assert caller.left
    with pytest.raises(RoomRefused, match="max participants"):
        rooms.join(T, "r", Join("agent"))  # one more, though of a displaced agent's name


def test_without_auto_create_rooms_come_by_request_only() -> None:
    rooms = make(auto_create=False)
    with pytest.raises(RoomRefused, match="requested room does not exist"):
        rooms.join(T, "r", Join("a"))
    with pytest.raises(RoomRefused, match="requested room does not exist"):
        rooms.create_dispatch(T, "r", AgentOrder())
    rooms.create(T, "r")
    rooms.join(T, "r", Join("a"))


# --- rooms ----------------------------------------------------------------------------------------


def test_creating_again_changes_nothing() -> None:
    rooms = make()
    room, events = rooms.create(T, "r", RoomOptions(empty_timeout=60, metadata="hello"))
    assert events == [RoomStarted(room, T)]
    again, events = rooms.create(T + 1, "r", RoomOptions(metadata="other"))
    assert again is room
    assert events == []
    assert room.metadata == "hello"


def test_creating_checks_sizes_and_preset_also_for_an_existing_room() -> None:
    rooms = make()
    rooms.create(T, "r")
    with pytest.raises(RoomRefused, match="metadata size"):
        rooms.create(T, "r", RoomOptions(metadata="x" * 524289))
    with pytest.raises(RoomRefused, match="unknown room configuration"):
        rooms.create(T, "r", preset="none")


def test_presets_and_room_config_count_only_for_the_join_that_makes_the_room() -> None:
    rooms = make(presets={"short": RoomOptions(departure_timeout=3, metadata="preset")})
    config = RoomOptions.of(RoomConfiguration(metadata="config", max_participants=7))
    participant, _ = rooms.join(T, "r", Join("a", room_options=config, room_preset="short"))
    room = participant.room
    assert (room.metadata, room.max_participants) == ("config", 7)
    assert (room.departure_timeout, room.empty_timeout) == (3, 300)
    later = Join("b", room_options=RoomOptions(metadata="late"), room_preset="unknown")
    rooms.join(T, "r", later)
    assert room.metadata == "config"


def test_metadata() -> None:
    rooms = make()
    room, _ = rooms.create(T, "r")
    assert rooms.update_metadata(T + 1, "r", "new") == (room, [RoomUpdated(room, T + 1)])
    assert room.metadata == "new"
    with pytest.raises(RoomRefused, match="requested room does not exist"):
        rooms.update_metadata(T, "nowhere", "new")
    with pytest.raises(RoomRefused, match="metadata size"):
        rooms.update_metadata(T, "nowhere", "x" * 524289)


def test_deletion_puts_everybody_out_and_a_new_room_has_a_new_sid() -> None:
    rooms = make()
    caller = speaking(rooms, "a")
    rooms.join(T, "r", Join("slow"))
    room = caller.room
    events = rooms.delete(T + 1, "r")
    assert kinds(events) == [TrackUnpublished, ParticipantLeft, ParticipantAborted, RoomFinished]
    for event in events[1:]:
        assert isinstance(event, ParticipantLeft | ParticipantAborted | RoomFinished)
        assert event.reason == DisconnectReason.ROOM_DELETED
    assert room.finished
    assert rooms.next_deadline() is None
    with pytest.raises(RoomRefused, match="requested room does not exist"):
        rooms.delete(T + 1, "r")
    again, _ = rooms.create(T + 2, "r")
    assert again.sid != room.sid


# --- attributes and updates -----------------------------------------------------------------------


def test_attributes_change_and_go() -> None:
    rooms = make()
    participant = active(rooms, "a", attributes={"x": "1", "y": "2"})
    version = participant.version
    changes = {"x": "1", "y": "", "z": "3"}
    assert rooms.set_attributes(T, participant, changes) == [
        AttributesChanged(participant.room, participant, {"y": "", "z": "3"}, T)
    ]
    assert participant.attributes == {"x": "1", "z": "3"}
    assert participant.version == version + 1
    assert rooms.set_attributes(T, participant, {"x": "1", "gone": ""}) == []
    with pytest.raises(RoomRefused, match="attribute size"):
        rooms.set_attributes(T, participant, {"big": "x" * 65536})
    assert participant.attributes == {"x": "1", "z": "3"}


def test_versions_count_as_livekit_does() -> None:
    rooms = make()
    participant = active(rooms, "a")
    assert participant.version == 3
    rooms.set_attributes(T, participant, {"sip.callStatus": "active"})
    rooms.publish_audio(T, participant)
    assert participant.version == 5
    rooms.set_attributes(T, participant, {"sip.callStatus": "hangup"})
    rooms.leave(T, participant)
    assert participant.version == 7


def test_update_participant() -> None:
    rooms = make()
    participant = active(rooms, "a", name="old", metadata="kept")
    change = ParticipantChange(name="new", attributes={"k": "v"})
    events = rooms.update_participant(T, participant, change)
    assert kinds(events) == [ParticipantUpdated, AttributesChanged]
    assert (participant.name, participant.metadata) == ("new", "kept")
    assert rooms.update_participant(T, participant, ParticipantChange()) == []
    assert kinds(rooms.update_participant(T, participant, ParticipantChange(metadata="m"))) == [
        ParticipantUpdated
    ]
    assert participant.metadata == "m"
    for bad in (
        ParticipantChange(name="x" * 257),
        ParticipantChange(metadata="x" * 524289),
        ParticipantChange(name="half", attributes={"k": "x" * 65536}),
    ):
        with pytest.raises(RoomRefused, match="exceeds limits"):
            rooms.update_participant(T, participant, bad)
    assert participant.name == "new"


def test_losing_can_publish_takes_the_tracks_away() -> None:
    rooms = make()
    participant = speaking(rooms, "a")
    change = ParticipantChange(permission=Permission(can_publish=False))
    events = rooms.update_participant(T, participant, change)
    assert kinds(events) == [ParticipantUpdated, TrackUnpublished]
    with pytest.raises(RoomRefused, match="not allowed to publish"):
        rooms.publish_audio(T, participant)


# --- tracks ---------------------------------------------------------------------------------------


def test_publishing() -> None:
    rooms = make()
    participant = active(rooms, "a")
    (event,) = rooms.publish_audio(T, participant, name="\udcff")
    assert isinstance(event, TrackPublished)
    assert event.track.name == "\ufffd"
    assert participant.tracks == {event.track.sid: event.track}


def test_muting() -> None:
    rooms = make()
    participant = speaking(rooms, "a")
    (track,) = participant.tracks.values()
    assert rooms.mute_published_track(T + 1, participant, track.sid, True) == (
        track,
        [TrackMuted(participant.room, participant, track, True, T + 1)],
    )
    assert track_info(track).muted
    assert track_info(track).version.unix_micro == int((T + 1) * 1e6)
    assert rooms.mute(T + 1, track, True) == []
    assert rooms.mute_published_track(T, participant, "TR_x", True) == (None, [])
    with pytest.raises(RoomRefused, match="remote unmute not enabled"):
        rooms.mute_published_track(T, participant, track.sid, False)
    assert kinds(rooms.mute(T + 2, track, False)) == [TrackMuted]  # its owner may


def test_remote_unmute_where_enabled() -> None:
    rooms = make(enable_remote_unmute=True)
    participant = speaking(rooms, "a")
    (track,) = participant.tracks.values()
    rooms.mute(T, track, True)
    _, events = rooms.mute_published_track(T, participant, track.sid, False)
    assert kinds(events) == [TrackMuted]
    assert not track.muted


def test_subscriptions() -> None:
    rooms = make()
    caller, agent = speaking(rooms, "caller"), speaking(rooms, "agent")
    (mine,), (theirs,) = caller.tracks, agent.tracks
    track = agent.tracks[theirs]
    events = rooms.set_subscriptions(T, caller, [theirs, mine, "TR_x"], False)
    assert events == [SubscriptionsChanged(caller.room, caller, (track,), False, T)]
    assert not caller.takes(track)
    assert rooms.set_subscriptions(T, caller, [theirs], False) == []
    assert rooms.set_subscriptions(T, caller, [theirs], True) == [
        SubscriptionsChanged(caller.room, caller, (track,), True, T)
    ]
    assert caller.takes(track)
    assert rooms.set_subscriptions(T, caller, [theirs], True) == []


# --- data -----------------------------------------------------------------------------------------


def test_dtmf() -> None:
    rooms = make()
    participant = active(rooms, "a")
    room = participant.room
    for length, relayed in ((None, False), (160, True)):
        pressed = rooms.send_dtmf(T, participant, "A", duration_ms=length, relayed=relayed)
        assert pressed == [DtmfReceived(room, participant, "a", 12, (), length, relayed, T)]
    (sent,) = rooms.server_dtmf(T, room, "5", ["a"])
    assert sent == DtmfReceived(room, None, "5", 5, ("a",), None, False, T)


def test_data() -> None:
    rooms = make()
    room, _ = rooms.create(T, "r")
    events = rooms.send_data(T, "r", b"hi", topic="t", reliable=False, destinations=["a"])
    assert events == [DataReceived(room, None, b"hi", "t", False, ("a",), T)]
    with pytest.raises(RoomRefused, match="no response from servers"):
        rooms.send_data(T, "nowhere", b"hi")


def test_lookups() -> None:
    rooms = make()
    participant = active(rooms, "a")
    assert rooms.need("r") is participant.room
    assert rooms.reach("r", "a") is participant
    assert rooms.get("nowhere") is None
    for room, identity in (("r", "b"), ("nowhere", "a")):
        with pytest.raises(RoomRefused, match="participant does not exist"):
            rooms.find(room, identity)
        with pytest.raises(RoomRefused, match="no response from servers"):
            rooms.reach(room, identity)
