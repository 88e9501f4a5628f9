"""Participants by themselves."""

from __future__ import annotations

import random

import pytest
from livekit.protocol.models import ParticipantPermission, TrackSource

from hookflash.base.ids import Ids
from hookflash.rooms.info import permission_info
from hookflash.rooms.participant import Join, Kind, Participant, Permission
from hookflash.rooms.registry import Rooms


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
    assert participant.info().state == 0
    assert participant.info().version == 0
