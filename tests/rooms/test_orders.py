"""What rooms are made with and participants join with, and LiveKit's messages for it."""

from __future__ import annotations

import pytest
from livekit.protocol.agent_dispatch import RoomAgentDispatch
from livekit.protocol.models import ParticipantPermission, TrackSource
from livekit.protocol.room import CreateRoomRequest, RoomConfiguration

from hookflash.rooms.info import permission_info
from hookflash.rooms.orders import AgentOrder, Permission, RoomDefaults, RoomOptions, resolve
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


def test_of_endless_agents_or_attributes_no_more_are_read_than_are_refused() -> None:
    options = RoomOptions.of(RoomConfiguration(agents=[RoomAgentDispatch()] * 1000))
    assert len(options.agents) == 51
    with pytest.raises(RoomRefused, match=r"too many agents \(max 50\)"):
        options.check("r")
    RoomOptions(agents=options.agents[:50]).check("r")
    agent = RoomAgentDispatch(attributes={str(number): "" for number in range(40_000)})
    options = RoomOptions.of(CreateRoomRequest(agents=[agent]))
    assert len(options.agents[0].attributes) == 32_769
    with pytest.raises(RoomRefused, match="attribute size exceeds limits"):
        options.check("r")


def test_permission_to_the_message_and_back() -> None:
    message = ParticipantPermission(
        can_subscribe=True,
        can_publish_sources=[TrackSource.MICROPHONE],
        hidden=True,
        can_manage_agent_session=True,
    )
    permission = Permission.of(message)
    assert not permission.can_publish
    assert permission_info(permission) == message


def test_the_defaults_are_those_of_a_join_token() -> None:
    message = permission_info(Permission())
    assert (message.can_subscribe, message.can_publish, message.can_publish_data) == (True,) * 3
    assert not message.can_update_metadata
