"""What happens in the room, as a client is told of it."""

from __future__ import annotations

import pytest
from livekit.protocol.models import DataPacket, DisconnectReason
from tests.signalling.kit import Lobby, Member

from hookflash.rooms.orders import ParticipantChange, Permission
from hookflash.signalling.effects import FollowMove, Subscribe, Unsubscribe


@pytest.fixture
def lobby() -> Lobby:
    return Lobby()


def of(member: Member, kind: type) -> list[object]:
    return [effect for effect in member.others if isinstance(effect, kind)]


def test_a_moved_client_is_in_the_other_room_with_its_tracks(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    there = lobby.phone("sip_2", "other")
    track = a.publishes()
    a.says(add_track={"cid": "pending"})
    theirs = b.publishes()
    a.forget()
    lobby.rooms.move(a.participant, "other")
    lobby.settle()
    assert a.participant.room.name == "other"
    assert of(a, Unsubscribe) == [Unsubscribe(theirs)]
    assert of(a, FollowMove) == [FollowMove(a.participant)]
    order = [effect for effect in a.others if isinstance(effect, Unsubscribe | FollowMove)]
    assert order == [Unsubscribe(theirs), FollowMove(a.participant)]  # while it is in that room
    moved = a.last("room_moved")
    assert (moved.room.name, moved.token) == ("other", "token of a")
    kinds = a.kinds()
    assert "refresh_token" in kinds[kinds.index("room_moved") :]
    assert [p.sid for p in moved.other_participants] == [there.sid]
    (again,) = a.participant.tracks.values()
    assert again.cid == track.cid
    assert again.sid != track.sid
    assert again.sid.startswith("TR_AM")
    assert list(a.participant.pending) == ["pending"]
    assert of(a, Subscribe) == [Subscribe(next(iter(there.tracks.values())))]
    assert b.last("update").participants[0].disconnect_reason == DisconnectReason.MIGRATION
    lobby.rooms.update_participant(
        a.participant, ParticipantChange(permission=Permission(can_subscribe=False))
    )
    assert of(a, Unsubscribe)[1:] == [Unsubscribe(next(iter(there.tracks.values())))]


def test_keys_of_phones_and_data_of_the_api_come_as_packets(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    waiting = lobby.join("w", connects=False)
    phone = lobby.phone()
    lobby.rooms.send_dtmf(phone, "#", 100, relayed=False)
    (packet,) = [DataPacket.FromString(p.packet) for p in a.packets]
    assert a.packets[0].reliable
    assert (packet.participant_identity, packet.participant_sid) == ("sip_1", phone.sid)
    assert (packet.sip_dtmf.code, packet.sip_dtmf.digit) == (11, "#")
    lobby.rooms.send_data("r", b"hello", topic="t", reliable=False, destinations=["b"])
    assert len(a.packets) == 1
    packet = DataPacket.FromString(b.packets[-1].packet)
    assert not b.packets[-1].reliable
    assert (packet.user.payload, packet.user.topic) == (b"hello", "t")
    assert packet.destination_identities == ["b"]
    assert waiting.packets == []


def test_who_presses_a_key_does_not_get_it(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    lobby.rooms.send_dtmf(a.participant, "1", None, relayed=False, destinations=["a", "b"])
    assert a.packets == []
    assert len(b.packets) == 1


def test_what_happens_elsewhere_is_not_told(lobby: Lobby) -> None:
    a = lobby.join("a")
    a.forget()
    lobby.join("x", "elsewhere").publishes()
    lobby.rooms.delete("elsewhere")
    assert a.messages == []
    assert a.others == []


def test_nobody_is_told_that_a_hidden_one_left(lobby: Lobby) -> None:
    a, ghost, b = lobby.join("a"), lobby.join("ghost", hidden=True), lobby.join("b")
    a.forget()
    ghost.says(leave={})
    lobby.settle()
    assert ghost.participant.left
    assert a.got("update") == []
    b.says(leave={})
    lobby.settle()
    assert [p.identity for p in a.last("update").participants] == ["b"]


def test_a_revoked_permission_takes_the_tracks_and_gives_a_new_token(lobby: Lobby) -> None:
    a = lobby.join("a")
    track = a.publishes()
    a.says(add_track={"cid": "pending"})
    a.forget()
    change = ParticipantChange(permission=Permission(can_publish=False))
    lobby.rooms.update_participant(a.participant, change)
    lobby.settle()
    assert a.kinds() == ["update", "track_unpublished", "update", "refresh_token"]
    assert a.last("track_unpublished").track_sid == track.sid
    assert a.participant.pending == {}
