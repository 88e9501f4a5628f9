"""What a client is told from time to time."""

from __future__ import annotations

import pytest
from livekit.protocol.models import ConnectionQuality
from tests.signalling.kit import Lobby

from hookflash.rooms.orders import RoomOptions
from hookflash.rooms.room import Participant, Room
from hookflash.signalling.outbox import Outbox
from hookflash.signalling.reports import BEST, Reports, quality_of
from hookflash.signalling.session import TOKEN_INTERVAL
from hookflash.signalling.state import SessionSettings, SessionState


@pytest.fixture
def lobby() -> Lobby:
    return Lobby()


def test_the_tick_tells_what_is_new(lobby: Lobby) -> None:
    a = lobby.join("a")
    phone = lobby.phone()
    lobby.advance(5)
    grades = {i.participant_sid: i.quality for i in a.last("connection_quality").updates}
    assert grades == dict.fromkeys((a.participant.sid, phone.sid), ConnectionQuality.EXCELLENT)
    assert a.last("room_update").room.num_participants == 2
    a.forget()
    a.says(ping=1)
    lobby.advance(5)
    assert a.kinds() == ["pong"]
    a.perform(a.session.quality(lobby.clock.now(), phone.sid, ConnectionQuality.POOR, 2.0))
    a.says(ping=1)
    lobby.advance(5)
    (info,) = a.last("connection_quality").updates
    assert (info.participant_sid, info.score) == (phone.sid, 2.0)


def test_speakers_are_told_to_those_who_hear_them(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    heard, other = b.participant.sid, lobby.join("c").participant.sid
    b.publishes()
    now = lobby.clock.now()
    a.perform(a.session.speakers(now, {heard: 0.25, other: 0.5}))
    (info,) = a.last("speakers_changed").speakers
    assert (info.sid, info.level, info.active) == (heard, 0.25, True)
    a.says(subscription={"track_sids": list(b.participant.tracks), "subscribe": False})
    a.perform(a.session.speakers(now, {heard: 0.0, other: 0.0}))
    (info,) = a.last("speakers_changed").speakers
    assert (info.sid, info.level, info.active) == (heard, 0.0, False)


def test_where_nobody_is_heard_no_speakers_are_told(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    sid = b.participant.sid
    a.forget()
    for level in (0.5, 0.0):
        a.perform(a.session.speakers(lobby.clock.now(), {sid: level}))
    assert a.messages == []


def test_the_room_and_the_token_are_told_anew(lobby: Lobby) -> None:
    a = lobby.join("a")
    lobby.rooms.update_metadata("r", "news")
    assert a.last("room_update").room.metadata == "news"
    a.forget()
    for _ in range(int(TOKEN_INTERVAL // 10) + 1):
        a.says(ping=1)
        lobby.advance(10)
    assert a.got("refresh_token") == ["token of a"]


def test_a_tick_is_followed_by_a_later_one_whatever_the_last_digit() -> None:
    for start in (1_700_000_000.1, 8.369660353574739):
        participant = Participant(
            Room("RM_1", "r", start, RoomOptions(), turn_password=""), "PA_1", "a", start
        )
        rooms = Lobby().rooms
        state = SessionState(participant, rooms, Outbox(), SessionSettings())
        reports = Reports(state)
        reports.begin(start, (0, 0))
        for _ in range(2_000):
            at = reports.due
            reports.tick(at, ())
            assert reports.due > at


def test_the_grade_follows_the_loss() -> None:
    assert quality_of(0.0) == BEST
    assert quality_of(0.03)[0] == ConnectionQuality.EXCELLENT
    assert quality_of(0.05)[0] == ConnectionQuality.GOOD
    assert quality_of(0.12)[0] == ConnectionQuality.POOR
    assert quality_of(1.0) == (ConnectionQuality.POOR, 1.0)
