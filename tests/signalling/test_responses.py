"""Messages that would break a client cannot be built."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from livekit.protocol.models import DisconnectReason, ParticipantInfo, TrackInfo
from livekit.protocol.rtc import (
    ICEServer,
    JoinResponse,
    LeaveRequest,
    RequestResponse,
    SignalRequest,
)
from tests.signalling.kit import Lobby

from hookflash.signalling.responses import (
    SERVER_VERSION,
    ServerFacts,
    answer_to,
    cannot_resume,
    check_join,
    check_participant,
    join,
    leave,
    reconnect,
)


def good() -> JoinResponse:
    """The first message to a client, beside a phone and another client."""
    lobby = Lobby()
    lobby.phone()
    lobby.join("b").publishes()
    message: JoinResponse = lobby.join("a").messages[0].join
    return message


BAD: dict[str, Callable[[JoinResponse], object]] = {
    "no ping interval": lambda m: m.ClearField("ping_interval"),
    "no ping timeout": lambda m: m.ClearField("ping_timeout"),
    "no room": lambda m: m.ClearField("room"),
    "no participant": lambda m: m.ClearField("participant"),
    "room's SID": lambda m: setattr(m.room, "sid", "PA_x"),
    "own SID": lambda m: setattr(m.participant, "sid", "x"),
    "other's SID": lambda m: setattr(m.other_participants[1], "sid", ""),
    "track's SID": lambda m: setattr(m.other_participants[1].tracks[0], "sid", "TX_1"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_join_that_would_break_a_client_cannot_be_built(fault: str) -> None:
    message = good()
    check_join(message)
    BAD[fault](message)
    with pytest.raises(ValueError, match=r"a join without|SID"):
        check_join(message)


def test_the_join_is_checked_when_it_is_built() -> None:
    lobby = Lobby()
    participant = lobby.join("a").participant
    participant.sid = "wrong"
    with pytest.raises(ValueError, match="PA_"):
        join(participant, (0, 0), ServerFacts(), two_connections=False)


def test_what_is_announced_is_checked() -> None:
    with pytest.raises(ValueError, match="TR_"):
        check_participant(ParticipantInfo(sid="PA_1", tracks=[TrackInfo(sid="x")]))


def test_the_server_says_what_it_is() -> None:
    message = good()
    assert (message.ping_interval, message.ping_timeout) == (5, 15)
    assert message.server_info.version == message.server_version == SERVER_VERSION
    assert [codec.mime for codec in message.enabled_publish_codecs][:1] == ["video/VP8"]
    assert "video/rtx" not in [codec.mime for codec in message.enabled_publish_codecs]
    facts = ServerFacts("ND_x", ice_servers=(ICEServer(urls=["stun:s"]),))
    again = reconnect(facts).reconnect
    assert (again.server_info.node_id, again.ice_servers[0].urls[0]) == ("ND_x", "stun:s")
    participant = Lobby().join("a").participant
    first = join(participant, (0, 0), facts, two_connections=False).join
    assert (first.server_info.node_id, first.ice_servers[0].urls[0]) == ("ND_x", "stun:s")


def test_a_leave_says_whether_to_come_back() -> None:
    gone = leave(DisconnectReason.ROOM_DELETED).leave
    assert (gone.action, gone.can_reconnect) == (LeaveRequest.Action.DISCONNECT, False)
    anew = cannot_resume().leave
    assert (anew.action, anew.can_reconnect) == (LeaveRequest.Action.RECONNECT, True)


def test_an_answer_carries_what_was_asked() -> None:
    reason = RequestResponse.Reason.NOT_FOUND
    answer = answer_to(SignalRequest(mute={"sid": "TR_x"}), reason, "text", 4).request_response
    assert (answer.mute.sid, answer.message, answer.request_id) == ("TR_x", "text", 4)
    assert answer_to(SignalRequest(ping=1), reason).request_response.WhichOneof("request") is None
    long = SignalRequest(update_metadata={"metadata": "m" * 65_536})
    assert answer_to(long, reason).request_response.WhichOneof("request") is None
