"""Room options and what a room knows of itself."""

from __future__ import annotations

import random

import pytest
from livekit.protocol.agent_dispatch import RoomAgentDispatch
from livekit.protocol.room import CreateRoomRequest, RoomConfiguration

from hookflash.base.ids import Ids
from hookflash.rooms.participant import Join
from hookflash.rooms.registry import Rooms
from hookflash.rooms.room import AgentOrder, RoomDefaults, RoomOptions, resolve
from hookflash.rooms.rules import RoomRefused


def test_options_of_a_request_and_of_a_configuration() -> None:
    agent = RoomAgentDispatch(agent_name="phone", metadata="m", attributes={"a": "b"})
    expected = RoomOptions(60, 10, 5, "hello", (AgentOrder("phone", "m", attributes={"a": "b"}),))
    request = CreateRoomRequest(
        name="r",
        empty_timeout=60,
        departure_timeout=10,
        max_participants=5,
        metadata="hello",
        agents=[agent],
    )
    assert RoomOptions.of(request) == expected
    configuration = RoomConfiguration(
        empty_timeout=60,
        departure_timeout=10,
        max_participants=5,
        metadata="hello",
        agents=[agent],
    )
    assert RoomOptions.of(configuration) == expected


def test_request_over_preset_over_settings() -> None:
    settings = RoomDefaults(empty_timeout=300, departure_timeout=20, max_participants=9)
    preset = RoomOptions(empty_timeout=100, departure_timeout=50, metadata="preset")
    chosen = resolve(RoomOptions(empty_timeout=7), preset, settings)
    assert chosen == RoomOptions(7, 50, 9, "preset", (AgentOrder(),))


def test_configured_agents_replace_the_nameless_one() -> None:
    chosen = resolve(RoomOptions(agents=(AgentOrder("x"),)), None, RoomDefaults())
    assert [agent.agent_name for agent in chosen.agents] == ["x"]


@pytest.mark.parametrize(
    "options",
    [
        RoomOptions(metadata="x" * 524289),
        RoomOptions(agents=(AgentOrder(metadata="x" * 524289),)),
        RoomOptions(agents=(AgentOrder(attributes={"a": "x" * 65536}),)),
    ],
)
def test_sizes_are_checked(options: RoomOptions) -> None:
    with pytest.raises(RoomRefused, match="size exceeds limits"):
        options.check("r")


def test_others_and_tracks_and_listeners() -> None:
    rooms = Rooms(Ids(random.Random(1)))
    caller, _ = rooms.join(1, "r", Join("caller"))
    agent, _ = rooms.join(1, "r", Join("agent"))
    room = caller.room
    assert list(room.others(caller)) == [agent]
    rooms.activate(1, caller)
    rooms.publish_audio(1, caller)
    (track,) = caller.tracks.values()
    assert room.track(track.sid) is track
    assert room.track("TR_x") is None
    assert not room.is_heard(caller)  # the agent is not active yet
    rooms.activate(1, agent)
    assert room.is_heard(caller)
    assert not room.is_heard(agent)  # publishes nothing
    assert not caller.takes(track)
    rooms.set_subscriptions(2, agent, [track.sid], False)
    assert not room.is_heard(caller)


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
