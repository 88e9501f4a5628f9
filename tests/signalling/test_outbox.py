"""What is gathered, and in which order it goes out."""

from __future__ import annotations

import pytest
from livekit.protocol.rtc import LeaveRequest, SignalResponse
from tests.signalling.kit import Lobby

from hookflash.signalling.outbox import MOST_MISSED, Outbox


@pytest.fixture
def lobby() -> Lobby:
    return Lobby()


def test_changes_are_gathered_and_no_state_is_left_out(lobby: Lobby) -> None:
    a = lobby.join("a")
    b, c = lobby.join("b"), lobby.join("c")
    a.forget()
    lobby.rooms.set_attributes(b.participant, {"n": "1"})
    lobby.rooms.set_attributes(c.participant, {"n": "1"})
    lobby.rooms.set_attributes(b.participant, {"n": "2"})
    lobby.advance(0.009)
    assert a.messages == []
    lobby.advance(0.002)
    told = [[dict(p.attributes)["n"] for p in u.participants] for u in a.got("update")]
    assert told == [["1", "1"], ["2"]]


def test_an_answer_does_not_overtake_a_change(lobby: Lobby) -> None:
    a, b = lobby.join("a"), lobby.join("b")
    a.forget()
    lobby.rooms.set_attributes(b.participant, {"n": "1"})
    a.perform(a.session.answered(lobby.clock.now(), "answer", 5, {"0": "TR_x"}))
    assert a.kinds() == ["update", "answer"]


def test_a_wrong_prefix_is_not_announced(lobby: Lobby) -> None:
    a = lobby.join("a")
    outbox = Outbox()
    a.participant.sid = "wrong"
    a.participant.version += 1
    with pytest.raises(ValueError, match="PA_"):
        outbox.announce(0.0, a.participant)


def test_without_a_socket_nothing_is_kept(lobby: Lobby) -> None:
    a = lobby.join("a")
    outbox = Outbox()
    outbox.announce(0.0, a.participant)
    outbox.close()
    outbox.announce(1.0, a.participant)
    outbox.send(SignalResponse(pong=1))
    outbox.open = True
    outbox.flush()
    assert outbox.take() == []
    assert outbox.due is None


def test_a_client_that_missed_too_many_departures_joins_anew(lobby: Lobby) -> None:
    a = lobby.join("a")
    others = [lobby.join(f"o{number}") for number in range(MOST_MISSED + 1)]
    a.perform(a.session.socket_lost(lobby.clock.now()))
    a.forget()
    for other in others:
        lobby.rooms.leave(other.participant)
    a.perform(a.session.resumed(lobby.clock.now()))
    assert a.kinds() == ["leave"]
    (leave,) = a.got("leave")
    assert leave.action == LeaveRequest.Action.RECONNECT
    assert a.session.ended
