"""Which tracks of others a client takes."""

from __future__ import annotations

import pytest
from livekit.protocol.models import SubscriptionError, VideoQuality
from livekit.protocol.rtc import (
    RequestResponse,
    StreamState,
    SubscriptionPermission,
    TrackPermission,
    UpdateTrackSettings,
)
from tests.signalling.kit import Lobby, Member, one_connection

from hookflash.rooms.orders import ParticipantChange, Permission
from hookflash.rooms.room import Participant, Track
from hookflash.signalling.effects import AdjustTrack, Subscribe, Unsubscribe
from hookflash.signalling.subscriptions import MOST_MISSING


@pytest.fixture
def lobby() -> Lobby:
    return Lobby()


def changes(member: Member) -> list[object]:
    """Subscribe and Unsubscribe since `forget`."""
    return [e for e in member.others if isinstance(e, Subscribe | Unsubscribe)]


def allows(member: Member, *entries: TrackPermission, everybody: bool = False) -> None:
    message = SubscriptionPermission(all_participants=everybody, track_permissions=entries)
    member.says(subscription_permission=message)


def test_a_client_takes_all_but_what_it_refuses(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    track = b.publishes()
    a.says(subscription={"track_sids": [track.sid], "subscribe": False})
    a.says(subscription={"track_sids": [track.sid], "subscribe": False})
    assert changes(a) == [Subscribe(track), Unsubscribe(track)]
    a.says(
        subscription={
            "participant_tracks": [
                {"participant_sid": b.participant.sid, "track_sids": [track.sid]}
            ],
            "subscribe": True,
        }
    )
    assert changes(a)[2:] == [Subscribe(track)]
    assert [m.allowed for m in a.got("subscription_permission_update")] == [True, True]


def test_without_auto_subscribe_it_takes_what_it_asks_for(lobby: Lobby) -> None:
    a = lobby.join("a", parameters=one_connection(auto_subscribe=False))
    b = lobby.join("b")
    one, two = b.publishes("1"), b.publishes("2", "8")
    assert changes(a) == []
    assert b.got("track_subscribed")[:1] == []
    a.says(subscription={"track_sids": [two.sid], "subscribe": True})
    assert changes(a) == [Subscribe(two)]
    assert b.last("track_subscribed").track_sid == two.sid
    assert not a.participant.takes(one)
    a.says(subscription={"track_sids": [two.sid], "subscribe": False})
    assert changes(a)[1:] == [Unsubscribe(two)]


def test_a_track_that_is_not_there_is_answered(lobby: Lobby) -> None:
    a = lobby.join("a")
    a.says(subscription={"track_sids": ["TR_x", "TR_x"], "subscribe": True})
    a.says(subscription={"track_sids": ["TR_x"], "subscribe": False})
    (answer,) = a.got("subscription_response")
    assert (answer.track_sid, answer.err) == ("TR_x", SubscriptionError.SE_TRACK_NOTFOUND)


def test_so_many_of_one_request_are_answered(lobby: Lobby) -> None:
    a, b = lobby.join("a", parameters=one_connection(auto_subscribe=False)), lobby.join("b")
    track = b.publishes()
    sids = [f"TR_{number}" for number in range(2 * MOST_MISSING)]
    a.says(subscription={"track_sids": [*sids, track.sid], "subscribe": True})
    answers = a.got("subscription_response")
    assert [answer.track_sid for answer in answers] == sids[:MOST_MISSING]
    assert changes(a) == [Subscribe(track)]


def test_more_tracks_than_there_could_be_are_refused(lobby: Lobby) -> None:
    a, b = lobby.join("a", parameters=one_connection(auto_subscribe=False)), lobby.join("b")
    track = b.publishes()
    many = [track.sid] * 10_001
    for sids in (
        {"track_sids": many},
        {"participant_tracks": [{}] * 10_000, "track_sids": [track.sid]},
        {"participant_tracks": [{"track_sids": many[2:]}, {"track_sids": [track.sid]}]},
    ):
        a.says(subscription={**sids, "subscribe": True})
        refusal = a.last("request_response")
        assert (refusal.reason, refusal.message) == (
            RequestResponse.Reason.INVALID_REQUEST,
            "too many tracks (max 10000)",
        )
    assert changes(a) == []
    a.says(subscription={"track_sids": many[1:], "subscribe": True})
    assert changes(a) == [Subscribe(track)]
    a.forget()
    a.says(track_setting={"track_sids": many, "disabled": True})
    assert a.last("request_response").message == "too many tracks (max 10000)"
    assert not [effect for effect in a.others if isinstance(effect, AdjustTrack)]


def test_who_comes_back_with_tracks_without_end_has_the_first_of_them(lobby: Lobby) -> None:
    a, b = lobby.join("a", parameters=one_connection(auto_subscribe=False)), lobby.join("b")
    one, two = b.publishes("1"), b.publishes("2", "8")
    sids = [one.sid, *["TR_x"] * 9_999, two.sid]
    a.says(sync_state={"subscription": {"track_sids": sids, "subscribe": True}})
    assert changes(a) == [Subscribe(one)]
    a.says(subscription={"track_sids": [two.sid], "subscribe": True})
    a.forget()
    a.says(sync_state={"track_sids_disabled": sids})
    assert [e.track for e in a.others if isinstance(e, AdjustTrack)] == [one]


def test_a_publisher_says_who_may_take_its_tracks(lobby: Lobby) -> None:
    a, b, c = lobby.join("a"), lobby.join("b"), lobby.join("c")
    one, two = b.publishes("1"), b.publishes("2", "8")
    for member in (a, c):
        member.forget()
    allows(
        b,
        TrackPermission(participant_identity="a", track_sids=[one.sid]),
        TrackPermission(participant_sid=c.participant.sid, all_tracks=True),
    )
    assert changes(a) == [Unsubscribe(two)]
    refusal = a.last("subscription_permission_update")
    assert (refusal.participant_sid, refusal.track_sid) == (b.participant.sid, two.sid)
    assert not refusal.allowed
    assert changes(c) == []
    a.says(subscription={"track_sids": [two.sid], "subscribe": True})
    assert changes(a) == [Unsubscribe(two)]
    three = b.publishes("3", "9")
    assert changes(a) == [Unsubscribe(two)]
    assert changes(c) == [Subscribe(three)]
    allows(b, everybody=True)
    assert changes(a)[1:] == [Subscribe(two), Subscribe(three)]
    told = [(m.track_sid, m.allowed) for m in a.got("subscription_permission_update")]
    assert told == [(two.sid, False), (three.sid, False), (two.sid, True), (three.sid, True)]


def test_who_does_not_want_a_track_is_not_told_that_it_may_not_have_it(lobby: Lobby) -> None:
    a = lobby.join("a", parameters=one_connection(auto_subscribe=False))
    b = lobby.join("b")
    track = b.publishes()
    allows(b)
    assert a.got("subscription_permission_update") == []
    a.says(subscription={"track_sids": [track.sid], "subscribe": True})
    assert [m.allowed for m in a.got("subscription_permission_update")] == [False]


def test_nobody_is_not_everybody(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    track = b.publishes()
    allows(b)
    assert changes(a) == [Subscribe(track), Unsubscribe(track)]
    late = lobby.join("late")
    assert changes(late) == []


def test_can_subscribe_is_taken_and_given(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    track = b.publishes()
    a.forget()
    for can_subscribe in (False, True):
        change = ParticipantChange(permission=Permission(can_subscribe=can_subscribe))
        lobby.rooms.update_participant(a.participant, change)
    assert changes(a) == [Unsubscribe(track), Subscribe(track)]
    assert a.got("subscription_permission_update") == []
    assert len(a.got("refresh_token")) == 2


def test_settings_go_to_the_connection_for_what_is_taken(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    track = b.publishes()
    settings = UpdateTrackSettings(
        track_sids=[track.sid, "TR_x"], quality=VideoQuality.MEDIUM, width=320, height=180, fps=15
    )
    a.says(track_setting=settings)
    assert a.others[-1:] == [AdjustTrack(track, False, VideoQuality.MEDIUM, 320, 180, 15)]


def test_held_back_streams_are_told(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    track = b.publishes()
    now = lobby.clock.now()
    a.perform(a.session.streams(now, {track.sid: True, "TR_x": True}))
    (state,) = a.last("stream_state_update").stream_states
    assert (state.participant_sid, state.track_sid) == (b.participant.sid, track.sid)
    assert state.state == StreamState.PAUSED


def test_a_track_that_cannot_be_decoded_is_answered(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    track = b.publishes()
    for sid in (track.sid, "TR_x"):
        a.perform(a.session.undecodable(lobby.clock.now(), sid))
    (told,) = a.got("subscription_response")
    assert (told.track_sid, told.err) == (track.sid, SubscriptionError.SE_CODEC_UNSUPPORTED)


def test_of_streams_that_are_not_taken_nothing_is_told(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    track = b.publishes()
    a.says(subscription={"track_sids": [track.sid], "subscribe": False})
    a.forget()
    a.perform(a.session.streams(lobby.clock.now(), {track.sid: True}))
    assert a.messages == []


def test_who_leaves_takes_its_tracks_along(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    track = b.publishes()
    b.says(leave={})
    assert changes(a) == [Subscribe(track), Unsubscribe(track)]


def test_of_a_large_room_only_whom_an_event_concerns_is_looked_at(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each event costs as much as there are pairs of participants."""
    a = lobby.join("a")
    others = [lobby.join(f"b{n}") for n in range(5)]
    tracks = [other.publishes() for other in others]
    looked: list[Track] = []
    asked = Participant.will_take

    def will_take(self: Participant, track: Track) -> bool:
        if self is a.participant:
            looked.append(track)
        return asked(self, track)

    monkeypatch.setattr(Participant, "will_take", will_take)
    others[0].says(leave={})
    newcomer = lobby.join("c")
    added = newcomer.publishes()
    assert set(looked) == {added}
    assert changes(a)[-2:] == [Unsubscribe(tracks[0]), Subscribe(added)]
    looked.clear()
    lobby.rooms.update_participant(a.participant, ParticipantChange("anew"))
    assert len(looked) == 5


def test_the_tracks_of_who_has_moved_are_given_up(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    track = b.publishes()
    lobby.rooms.move(b.participant, "elsewhere")
    assert changes(a) == [Subscribe(track), Unsubscribe(track)]
