"""The owner of the rooms: what its listeners are told, in which order, and when they may act."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import inf

import pytest
from livekit.protocol.models import DisconnectReason
from structlog.testing import capture_logs
from tests.exchange.kit import HandTimer
from tests.support.manual_clock import ManualClock

from hookflash.base.ids import Ids
from hookflash.exchange.rooms import RoomHost
from hookflash.rooms import events as ev
from hookflash.rooms.orders import AgentOrder, Join, ParticipantChange, Permission, RoomDefaults
from hookflash.rooms.registry import Rooms
from hookflash.rooms.room import Participant
from hookflash.rooms.rules import RoomRefused


class Listener:
    """Notes the name of each event, and may do something of its own in its turn."""

    def __init__(self, name: str, log: list[tuple[str, str]]) -> None:
        self.name = name
        self.log = log
        self.acts: dict[type, Callable[[ev.RoomEvent], object]] = {}

    def room_events(self, events: Sequence[ev.RoomEvent]) -> None:
        for event in events:
            self.log.append((self.name, type(event).__name__))
            act = self.acts.get(type(event))
            if act is not None:
                act(event)

    @property
    def heard(self) -> list[str]:
        return [event for name, event in self.log if name == self.name]


class Scene:
    """A host with two listeners."""

    def __init__(self, **settings: object) -> None:
        self.clock = ManualClock()
        self.timer = HandTimer(self.clock)
        defaults = RoomDefaults(**settings)  # type: ignore[arg-type]
        self.rooms = RoomHost(self.clock, Ids(random.Random(1)), self.timer, defaults)
        self.log: list[tuple[str, str]] = []
        self.first, self.second = Listener("first", self.log), Listener("second", self.log)
        self.rooms.listeners += [self.first, self.second]

    def active(self, identity: str, room: str = "r") -> Participant:
        participant = self.rooms.join(room, Join(identity))
        self.rooms.activate(participant)
        return participant


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_everybody_is_told_of_one_input_before_the_next(scene: Scene) -> None:
    scene.active("a")
    assert scene.log == [
        *(("first", "RoomStarted"), ("second", "RoomStarted")),
        *(("first", "ParticipantJoined"), ("second", "ParticipantJoined")),
    ]


def test_what_a_listener_does_of_itself_comes_after_the_telling(scene: Scene) -> None:
    """The second one sees the room as it was when it happened, and hears of things in order."""
    rooms, seen = scene.rooms, []

    def published(event: ev.RoomEvent) -> None:
        assert isinstance(event, ev.ParticipantJoined)
        rooms.when_told(lambda: rooms.publish_audio(event.participant))
        rooms.when_told(lambda: rooms.set_attributes(event.participant, {"a": "b"}))

    def look(event: ev.RoomEvent) -> None:
        assert isinstance(event, ev.ParticipantJoined)
        seen.append(len(event.participant.tracks))

    scene.first.acts[ev.ParticipantJoined] = published
    scene.second.acts[ev.ParticipantJoined] = look
    participant = scene.active("a")
    assert seen == [0]
    assert len(participant.tracks) == 1  # done before the input is over
    order = ["RoomStarted", "ParticipantJoined", "TrackPublished", "AttributesChanged"]
    assert scene.first.heard == scene.second.heard == order


def test_acts_that_cause_events_which_cause_acts_keep_the_order(scene: Scene) -> None:
    rooms, done = scene.rooms, []

    def removed(event: ev.RoomEvent) -> None:
        assert isinstance(event, ev.ParticipantLeft)
        identity = event.participant.identity
        rooms.when_told(lambda: done.append(f"closed {identity}"))

    def muted(event: ev.RoomEvent) -> None:
        assert isinstance(event, ev.RoomUpdated)
        rooms.when_told(remove)
        rooms.when_told(lambda: done.append("after"))

    def remove() -> None:
        rooms.remove("r", "a")
        done.append("removed")

    scene.second.acts = {ev.ParticipantLeft: removed, ev.RoomUpdated: muted}
    scene.active("a")
    rooms.update_metadata("r", "m")
    assert done == ["removed", "after", "closed a"]
    assert scene.first.heard == scene.second.heard


def test_an_act_when_nobody_is_being_told_is_done_at_once(scene: Scene) -> None:
    done: list[str] = []
    scene.rooms.when_told(lambda: done.append("now"))
    assert done == ["now"]


def test_an_input_while_listeners_are_told_is_a_mistake_that_changes_nothing(scene: Scene) -> None:
    scene.first.acts[ev.RoomStarted] = lambda event: scene.rooms.delete(event.room.name)
    with capture_logs() as lines:
        scene.rooms.create("r")
    assert [line["event"] for line in lines] == ["internal_error"]
    assert scene.rooms.get("r") is not None
    assert scene.second.heard == ["RoomStarted"]
    scene.rooms.delete("r")  # it is over


def test_a_mistake_of_one_keeps_nothing_from_the_others(scene: Scene) -> None:
    def fails(_: object = None) -> None:
        raise KeyError("a mistake")

    done: list[str] = []
    scene.first.acts[ev.RoomStarted] = fails

    def asks(_: ev.RoomEvent) -> None:
        scene.rooms.when_told(fails)
        scene.rooms.when_told(lambda: done.append("done"))

    scene.second.acts[ev.RoomStarted] = asks
    with capture_logs() as lines:
        scene.rooms.create("r")
    assert [line["event"] for line in lines] == ["internal_error"] * 2
    assert (scene.second.heard, done) == (["RoomStarted"], ["done"])


def test_an_input_that_is_refused_tells_nobody(scene: Scene) -> None:
    scene.active("a")
    scene.log.clear()
    refused: list[Callable[[], None]] = [
        lambda: scene.rooms.delete("nowhere"),
        lambda: scene.rooms.remove("r", "nobody"),
        lambda: scene.rooms.send_data("r", b"", digits="1" * 65),
        lambda: scene.rooms.send_data("nowhere", b"", digits="1"),
    ]
    for ask in refused:
        with pytest.raises(RoomRefused):
            ask()
    assert scene.log == []


def test_every_input_does_what_it_says_and_tells_of_it() -> None:
    scene = Scene(enable_remote_unmute=True)
    rooms = scene.rooms
    speaker, other = scene.active("speaker"), scene.active("other")
    rooms.publish_audio(speaker)
    (track,) = speaker.tracks.values()
    scene.log.clear()
    rooms.set_subscriptions(other, [track.sid], False)
    assert rooms.mute_published_track(speaker, track.sid, True) is track
    assert rooms.mute_published_track(speaker, "TR_x", True) is None
    rooms.update_participant(other, ParticipantChange(permission=Permission(hidden=True)))
    rooms.send_dtmf(speaker, "5", 160, relayed=True)
    rooms.send_data("r", b"1w", topic="t", digits="1w")
    dispatch = rooms.create_dispatch("r", AgentOrder("helper"))
    assert rooms.list_dispatches("r", dispatch.dispatch_id) == [dispatch]
    assert rooms.delete_dispatch("r", dispatch.dispatch_id) is dispatch
    newcomer = rooms.move(speaker, "s")
    assert rooms.find("s", "speaker") is rooms.reach("s", "speaker") is newcomer
    rooms.leave(newcomer, DisconnectReason.USER_REJECTED)
    assert newcomer.disconnect_reason == DisconnectReason.USER_REJECTED
    assert rooms.create("r").sid == other.room.sid
    assert (len(rooms), [room.name for room in rooms.all()]) == (2, ["r", "s"])
    assert scene.second.heard == [
        *("SubscriptionsChanged", "TrackMuted", "ParticipantUpdated", "DtmfReceived"),
        *("DataReceived", "DtmfReceived", "DtmfPause", "DispatchCreated", "DispatchDeleted"),
        *("ParticipantMoved", "TrackUnpublished", "ParticipantLeft", "RoomStarted"),
        *("ParticipantJoined", "TrackPublished", "TrackMuted"),
        *("TrackUnpublished", "ParticipantLeft"),
    ]


def test_events_carry_the_time_of_the_clock(scene: Scene) -> None:
    room = scene.rooms.create("r")
    assert room.created_at == scene.clock.now()


def test_a_room_closes_at_its_time(scene: Scene) -> None:
    room = scene.rooms.create("r")
    scene.timer.ring()
    assert scene.clock.now() == room.created_at + 300
    assert scene.second.heard == ["RoomStarted", "RoomFinished"]
    assert scene.rooms.next_deadline() is None


def test_who_joins_and_says_no_more_is_given_up_though_a_join_tells_of_nothing(
    scene: Scene,
) -> None:
    """The alarm is set after every input, also where no event came of it."""
    scene.active("a")
    scene.timer.ring()
    assert scene.timer.at == inf
    scene.log.clear()
    joined = scene.rooms.join("r", Join("b"))
    assert scene.log == []
    scene.timer.ring()
    assert scene.clock.now() == joined.joined_at + 60
    assert scene.second.heard == ["ParticipantAborted"]


INPUTS = {
    name
    for name in vars(Rooms)
    if not name.startswith("_")
    and name not in {"get", "all", "need", "find", "reach", "list_dispatches", "next_deadline"}
} | {"move"}
"""What changes the registry."""


def test_the_host_gives_every_input_of_the_registry() -> None:
    """But `mute`, which is a telephone's own and waits for its first user, and those that
    `send_data` takes along."""
    assert {name for name in INPUTS if not hasattr(RoomHost, name)} == {"mute", "server_dtmf"}
