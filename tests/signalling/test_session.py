"""A session from its first message to its last, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.protocol.models import ClientInfo, DisconnectReason, ParticipantInfo
from livekit.protocol.rtc import (
    AddTrackRequest,
    LeaveRequest,
    RequestResponse,
    SimulateScenario,
    SyncState,
    UpdateSubscription,
)
from tests.signalling.kit import Lobby, Member, one_connection

from hookflash.signalling.effects import (
    AdjustTrack,
    CloseSocket,
    EndPeer,
    OfferSubscriber,
    Subscribe,
    TakeAnswer,
    TakeOffer,
    Unsubscribe,
)
from hookflash.signalling.joining import JoinParameters
from hookflash.signalling.sections_request import SETTLING
from hookflash.signalling.session import ANSWER_WAIT
from hookflash.signalling.state import SessionSettings

Action = LeaveRequest.Action
Reason = RequestResponse.Reason
State = ParticipantInfo.State


@pytest.fixture
def lobby() -> Lobby:
    return Lobby()


def of(member: Member, kind: type) -> list[object]:
    return [effect for effect in member.others if isinstance(effect, kind)]


# --- joining --------------------------------------------------------------------------------------


def test_one_connection_begins_with_join_token_and_answer(lobby: Lobby) -> None:
    phone = lobby.phone()
    a = lobby.join("a")
    assert a.kinds()[:4] == ["join", "subscription_permission_update", "refresh_token", "answer"]
    join = a.messages[0].join
    assert [other.sid for other in join.other_participants] == [phone.sid]
    assert not join.subscriber_primary
    (sid,) = phone.tracks
    assert a.last("answer").mid_to_track_id == {"0": sid}  # no second offer is needed for it


def go_client() -> JoinParameters:
    return one_connection(client=ClientInfo(sdk=ClientInfo.GO))


def test_a_client_of_go_is_answered_when_its_own_offer_is_set(lobby: Lobby) -> None:
    a = lobby.join("a", parameters=go_client())
    a.says(subscription_permission={"all_participants": True})  # it may come before
    assert a.kinds() == ["join", "refresh_token"]
    a.says(trickle={"candidateInit": "{}"})
    a.says(trickle={"candidateInit": "{}"})
    assert of(a, TakeOffer) == [TakeOffer("first offer", 0)]
    assert a.kinds().count("answer") == 1


def test_a_client_of_go_without_candidates_is_answered_too(lobby: Lobby) -> None:
    a = lobby.join("a", parameters=go_client())
    lobby.advance(ANSWER_WAIT)
    lobby.advance(1)
    assert of(a, TakeOffer) == [TakeOffer("first offer", 0)]
    assert a.kinds().count("answer") == 1


def test_a_client_of_go_that_comes_back_offers_anew(lobby: Lobby) -> None:
    a = lobby.join("a", parameters=go_client())
    a.perform(a.session.socket_lost(lobby.clock.now()))
    a.perform(a.session.resumed(lobby.clock.now()))
    a.says(trickle={"candidateInit": "{}"})
    a.says(offer={"type": "offer", "sdp": "another offer", "id": 2})
    assert of(a, TakeOffer) == [TakeOffer("another offer", 2)]
    assert a.last("answer").id == 2


def test_two_connections_begin_with_our_offer(lobby: Lobby) -> None:
    a = lobby.join("a", parameters=one_connection(two_connections=True, offer=None))
    assert a.kinds() == ["join", "refresh_token", "offer"]
    assert a.messages[0].join.subscriber_primary
    assert of(a, OfferSubscriber) == [OfferSubscriber()]
    a.says(answer={"type": "answer", "sdp": "theirs", "id": 1})
    assert of(a, TakeAnswer) == [TakeAnswer("theirs", 1)]


def test_the_tracks_of_the_join_request_are_added(lobby: Lobby) -> None:
    tracks = (AddTrackRequest(cid="c", source="MICROPHONE"), AddTrackRequest())
    a = lobby.join("a", parameters=one_connection(add_tracks=tracks))
    assert a.kinds()[:5] == [
        *("join", "refresh_token", "track_published", "request_response", "answer")
    ]
    assert a.last("request_response").reason == Reason.INVALID_REQUEST


def test_a_join_shows_the_counts_of_the_last_seconds(lobby: Lobby) -> None:
    a = lobby.join("a")
    assert a.messages[0].join.room.num_participants == 0
    lobby.advance(6)
    b = lobby.join("b")
    assert b.messages[0].join.room.num_participants == 2


def test_everybody_hears_of_who_is_connected_and_of_nobody_else(lobby: Lobby) -> None:
    a = lobby.join("a")
    lobby.join("slow", connects=False)
    lobby.join("ghost", hidden=True)
    b = lobby.join("b")
    told = [p.identity for update in a.got("update") for p in update.participants]
    assert told == ["a", "b"]
    assert [p.identity for p in b.messages[0].join.other_participants] == ["a"]


def test_who_does_not_connect_within_15_s_is_out(lobby: Lobby) -> None:
    a = lobby.join("a", connects=False)
    lobby.advance(10)
    a.says(ping=1)
    lobby.advance(4.9)
    assert not a.session.ended
    lobby.advance(0.2)
    assert a.last("leave").reason == DisconnectReason.JOIN_FAILURE
    assert [type(effect) for effect in a.others[-2:]] == [CloseSocket, EndPeer]
    assert a.participant.left
    assert a.session.next_deadline() is None


# --- the socket -----------------------------------------------------------------------------------


def test_both_kinds_of_ping_are_answered(lobby: Lobby) -> None:
    a = lobby.join("a")
    a.says(ping=7)
    a.says(ping_req={"timestamp": 9})
    now = int(lobby.clock.now() * 1000)
    assert a.last("pong") == now
    assert a.last("pong_resp").last_ping_timestamp == 9
    assert a.last("pong_resp").timestamp == now


def test_a_silent_socket_is_closed_and_the_participant_kept(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    lobby.advance(10)
    b.says(ping=1)
    lobby.advance(5.1)
    assert of(a, CloseSocket) == [CloseSocket()]
    assert of(b, CloseSocket) == []
    assert a.participant.active
    b.says(ping=1)
    b.forget()
    lobby.advance(14.8)
    assert a.participant.active
    lobby.advance(0.2)
    (left,) = b.last("update").participants
    assert (left.identity, left.state) == ("a", State.DISCONNECTED)
    assert left.disconnect_reason == DisconnectReason.SIGNAL_CLOSE
    assert of(a, EndPeer) == [EndPeer()]
    assert a.got("leave") == []  # there was nobody to say it to


def test_a_client_that_comes_back_is_told_everything_and_stays_itself(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    sid = a.participant.sid
    a.perform(a.session.socket_lost(lobby.clock.now()))
    a.forget()
    track = b.publishes()
    assert a.messages == []
    assert of(a, Subscribe) == [Subscribe(track)]  # the media goes on
    lobby.advance(14)
    b.says(ping=1)
    a.perform(a.session.resumed(lobby.clock.now()))
    lobby.settle()
    assert a.kinds() == ["reconnect", "update", "room_update", "refresh_token"]
    assert [p.identity for p in a.last("update").participants] == ["a", "b"]
    assert a.last("update").participants[1].tracks[0].sid == track.sid
    lobby.advance(5)
    assert a.participant.sid == sid
    assert a.participant.active


def test_a_client_that_comes_back_is_told_who_left_meanwhile(lobby: Lobby) -> None:
    a, b, c, d = (lobby.join(name) for name in "abcd")
    b.says(leave={})
    lobby.rooms.leave(c.participant)  # told to the socket that is gone at the same moment
    a.perform(a.session.socket_lost(lobby.clock.now()))
    a.forget()
    d.says(leave={})
    again = lobby.join("d")
    a.perform(a.session.resumed(lobby.clock.now()))
    lobby.settle()
    assert a.kinds()[:2] == ["reconnect", "update"]
    assert [(p.sid, p.state) for p in a.got("update")[0].participants] == [
        *((x.participant.sid, State.DISCONNECTED) for x in (b, c, d)),
        *((x.participant.sid, State.ACTIVE) for x in (a, again)),
    ]
    a.forget()
    a.perform(a.session.resumed(lobby.clock.now()))
    lobby.settle()
    assert [p.identity for p in a.got("update")[0].participants] == ["a", "d"]


def test_a_socket_is_lost_once_and_the_wait_counts_from_then(lobby: Lobby) -> None:
    a = lobby.join("a")
    a.perform(a.session.socket_lost(lobby.clock.now()))
    lobby.advance(10)
    a.perform(a.session.socket_lost(lobby.clock.now()))
    lobby.advance(4.9)
    assert a.participant.active
    lobby.advance(0.2)
    assert a.participant.disconnect_reason == DisconnectReason.SIGNAL_CLOSE


def test_a_client_that_comes_back_is_not_told_of_the_hidden(lobby: Lobby) -> None:
    a = lobby.join("a")
    lobby.join("ghost", hidden=True)
    lobby.join("slow", connects=False)
    lobby.join("b")
    a.perform(a.session.socket_lost(lobby.clock.now()))
    a.forget()
    a.perform(a.session.resumed(lobby.clock.now()))
    lobby.settle()
    told = [p.identity for update in a.got("update") for p in update.participants]
    assert told == ["a", "b"]


def test_with_two_connections_we_offer_again(lobby: Lobby) -> None:
    a = lobby.join("a", parameters=one_connection(two_connections=True, offer=None))
    a.perform(a.session.peer_connected(lobby.clock.now()))
    a.perform(a.session.socket_lost(lobby.clock.now()))
    a.forget()
    a.perform(a.session.resumed(lobby.clock.now()))
    assert of(a, OfferSubscriber) == [OfferSubscriber(restart=True)]
    assert a.kinds()[-1] == "offer"


def test_what_a_client_shows_and_takes_is_synchronised(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    one, two = b.publishes("1"), b.publishes("2", "8")
    state = SyncState(
        subscription=UpdateSubscription(track_sids=[one.sid]), track_sids_disabled=[two.sid]
    )
    a.forget()
    a.perform(a.session.resumed(lobby.clock.now(), state))
    assert of(a, Unsubscribe) == [Unsubscribe(one)]
    assert of(a, AdjustTrack) == [AdjustTrack(two, True, 0, 0, 0, 0)]


def test_what_a_client_says_later_is_synchronised_too(lobby: Lobby) -> None:
    """As the SDKs do it at /rtc, behind `reconnect`."""
    a, b = lobby.join("a"), lobby.join("b")
    track = b.publishes()
    a.perform(a.session.resumed(lobby.clock.now()))
    a.says(sync_state={"subscription": {"track_sids": [track.sid]}})
    assert of(a, Unsubscribe) == [Unsubscribe(track)]


def test_a_message_behind_the_end_of_its_socket_is_not_heard(lobby: Lobby) -> None:
    a = lobby.join("a")
    a.perform(a.session.socket_lost(lobby.clock.now()))
    a.says(add_track={"cid": "c"})
    assert a.participant.pending == {}


# --- its own state --------------------------------------------------------------------------------


def test_own_metadata_needs_the_grant(lobby: Lobby) -> None:
    a = lobby.join("a")
    a.says(update_metadata={"name": "A", "request_id": 3})
    answer = a.last("request_response")
    assert (answer.request_id, answer.reason) == (3, Reason.NOT_ALLOWED)
    assert answer.message == "does not have permission to update own metadata"
    assert answer.update_metadata.name == "A"
    assert a.participant.name == ""


def test_own_metadata_goes_to_all_and_its_size_is_bounded(lobby: Lobby) -> None:
    a, b = lobby.join("a", can_update_own_metadata=True), lobby.join("b")
    version = a.participant.version
    b.forget()
    a.says(update_metadata={"metadata": "m", "request_id": 4})
    assert a.kinds()[-3:] == ["update", "refresh_token", "request_response"]
    lobby.settle()
    assert b.last("update").participants[0].version == version + 1
    a.says(update_metadata={"metadata": "m" * 600_000, "request_id": 5})
    answer = a.last("request_response")
    assert (answer.request_id, answer.reason) == (5, Reason.LIMIT_EXCEEDED)
    assert answer.message == "exceeds metadata size limit"
    assert a.participant.metadata == "m"


def test_attributes_without_end_are_refused_before_they_are_walked(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty thousand in one frame were 70 ms of the loop."""
    a = lobby.join("a", can_update_own_metadata=True)
    monkeypatch.setattr("hookflash.signalling.session.ParticipantChange", None)
    a.says(update_metadata={"attributes": {str(number): "" for number in range(40_000)}})
    answer = a.last("request_response")
    assert (answer.reason, answer.message) == (
        Reason.LIMIT_EXCEEDED,
        "exceeds attributes size limit",
    )


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"name": "n" * 257}, "exceeds name length limit"),
        ({"attributes": {"a": "v" * 65_536}}, "exceeds attributes size limit"),
        ({"attributes": {"a" * 65_537: ""}}, "exceeds attributes size limit"),
    ],
    ids=["name", "attributes", "names of attributes that go"],
)
def test_what_is_too_long_is_said_in_livekits_words(
    lobby: Lobby, change: dict[str, Any], text: str
) -> None:
    a = lobby.join("a", can_update_own_metadata=True)
    a.says(update_metadata=change)
    answer = a.last("request_response")
    assert (answer.reason, answer.message) == (Reason.LIMIT_EXCEEDED, text)


# --- descriptions ---------------------------------------------------------------------------------


def test_more_sections_are_asked_for_only_after_the_first_answer(lobby: Lobby) -> None:
    a = lobby.join("a", parameters=one_connection(offer=None))
    a.perform(a.session.sections_wanted(lobby.clock.now(), 1, 0))
    assert a.got("media_sections_requirement") == []
    a.perform(a.session.answered(lobby.clock.now(), "answer", 1, {}))
    a.perform(a.session.sections_wanted(lobby.clock.now(), 1, 2))
    assert a.got("media_sections_requirement") == []
    lobby.advance(SETTLING)
    needed = a.last("media_sections_requirement")
    assert (needed.num_audios, needed.num_videos) == (1, 2)


def test_an_offer_that_cannot_be_read_ends_nothing(lobby: Lobby) -> None:
    a = lobby.join("a")
    a.perform(a.session.offer_refused(lobby.clock.now(), 4, "no version line"))
    answer = a.last("request_response")
    assert (answer.reason, answer.message) == (Reason.INVALID_REQUEST, "offer 4: no version line")
    assert not a.session.ended


# --- ends -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("USER_REJECTED", "USER_REJECTED"),
        ("USER_UNAVAILABLE", "USER_UNAVAILABLE"),
        ("PARTICIPANT_REMOVED", "CLIENT_INITIATED"),
        ("UNKNOWN_REASON", "CLIENT_INITIATED"),
    ],
)
def test_a_client_may_say_that_it_was_not_reached_or_wanted(
    lobby: Lobby, said: str, told: str
) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    a.says(leave={"reason": said})
    lobby.settle()
    gone = b.last("update").participants[0]
    assert gone.disconnect_reason == DisconnectReason.Value(told)


def test_a_client_that_leaves_is_out_at_once(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    b.forget()
    a.says(leave={"reason": "CLIENT_INITIATED"})
    lobby.settle()
    assert a.last("leave").reason == DisconnectReason.CLIENT_INITIATED
    assert [type(effect) for effect in a.others[-2:]] == [CloseSocket, EndPeer]
    assert b.last("update").participants[0].state == State.DISCONNECTED
    a.says(ping=1)
    assert a.kinds()[-1] == "leave"


@pytest.mark.parametrize(
    ("end", "reason", "action"),
    [
        ("displaced", DisconnectReason.DUPLICATE_IDENTITY, Action.DISCONNECT),
        ("removed", DisconnectReason.PARTICIPANT_REMOVED, Action.DISCONNECT),
        ("deleted", DisconnectReason.ROOM_DELETED, Action.DISCONNECT),
        ("shutdown", DisconnectReason.SERVER_SHUTDOWN, Action.DISCONNECT),
        ("mismatch", DisconnectReason.STATE_MISMATCH, Action.RECONNECT),
        ("peer lost", DisconnectReason.CONNECTION_TIMEOUT, Action.RECONNECT),
    ],
)
def test_each_end_says_why(
    lobby: Lobby, end: str, reason: DisconnectReason, action: LeaveRequest.Action
) -> None:
    a = lobby.join("a")
    now, session = lobby.clock.now(), a.session
    match end:
        case "displaced":
            lobby.join("a")
        case "removed":
            lobby.rooms.remove("r", "a")
        case "deleted":
            lobby.rooms.delete("r")
        case "shutdown":
            a.perform(session.shutdown(now))
        case "mismatch":
            a.perform(session.mismatch(now))
        case _:
            a.perform(session.peer_lost(now))
    (leave,) = a.got("leave")
    assert (leave.reason, leave.action) == (reason, action)
    assert a.kinds()[-1] == "leave"
    assert [type(effect) for effect in a.others[-2:]] == [CloseSocket, EndPeer]
    assert session.participant.left
    assert session.ended


@pytest.mark.parametrize("way", ["leave", "socket", "silence"])
def test_a_client_that_closes_its_connection_is_about_to_leave(lobby: Lobby, way: str) -> None:
    a = lobby.join("a")
    a.perform(a.session.peer_closed(lobby.clock.now()))
    assert a.participant.active
    lobby.advance(1)
    if way == "leave":
        a.says(leave={})
        reason = DisconnectReason.CLIENT_INITIATED
    elif way == "socket":
        a.perform(a.session.socket_lost(lobby.clock.now()))
        reason = DisconnectReason.SIGNAL_CLOSE
    else:
        lobby.advance(1.5)
        reason = DisconnectReason.CONNECTION_TIMEOUT
    assert a.participant.left
    assert a.participant.disconnect_reason == reason


def test_the_wait_for_a_leave_counts_from_the_first_close(lobby: Lobby) -> None:
    a = lobby.join("a")
    a.perform(a.session.peer_closed(lobby.clock.now()))
    lobby.advance(1.5)
    a.perform(a.session.peer_closed(lobby.clock.now()))
    lobby.advance(0.4)
    assert a.participant.active
    lobby.advance(0.2)
    assert a.participant.disconnect_reason == DisconnectReason.CONNECTION_TIMEOUT


def test_a_client_that_closes_socket_and_connection_is_gone(lobby: Lobby) -> None:
    a = lobby.join("a")
    a.perform(a.session.socket_lost(lobby.clock.now()))
    a.perform(a.session.peer_closed(lobby.clock.now()))
    assert a.participant.disconnect_reason == DisconnectReason.SIGNAL_CLOSE


def test_a_simulation_is_played_only_where_it_is_allowed(lobby: Lobby) -> None:
    a = lobby.join("a")
    b = lobby.join("b", settings=SessionSettings(allow_simulation=True))
    scenario = SimulateScenario(leave_request_full_reconnect=True)
    a.says(simulate=scenario)
    b.says(simulate=scenario)
    assert not a.session.ended
    assert b.last("leave").action == Action.RECONNECT


@pytest.mark.parametrize("scenario", ["server_leave", "node_failure"])
def test_a_simulated_end_of_the_server_ends_the_session(lobby: Lobby, scenario: str) -> None:
    a = lobby.join("a", settings=SessionSettings(allow_simulation=True))
    a.says(simulate={scenario: True})
    (leave,) = a.got("leave")
    assert (leave.reason, leave.action) == (DisconnectReason.SERVER_SHUTDOWN, Action.DISCONNECT)
    assert a.participant.left


def test_a_simulation_of_the_media_is_passed_over(lobby: Lobby) -> None:
    a = lobby.join("a", settings=SessionSettings(allow_simulation=True))
    a.forget()
    a.says(simulate={"speaker_update": 3})
    lobby.settle()
    assert a.messages == []
    assert a.participant.active


def test_data_tracks_are_refused_and_unknown_messages_passed_over(lobby: Lobby) -> None:
    a = lobby.join("a")
    a.forget()
    a.says(publish_data_track_request={"pub_handle": 1, "name": "d"})
    assert a.last("request_response").reason == Reason.UNSUPPORTED_TYPE
    assert a.last("request_response").publish_data_track.name == "d"
    a.says()
    a.says(trickle={"candidateInit": "{}"})
    a.says(update_layers={})
    assert a.kinds() == ["request_response"]
