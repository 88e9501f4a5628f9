"""Who joins: what the client asks for and what its token says, together."""

from __future__ import annotations

import pytest
from livekit.protocol.models import ClientInfo, TrackSource
from livekit.protocol.rtc import (
    AddTrackRequest,
    ConnectionSettings,
    JoinRequest,
    SessionDescription,
)

from hookflash.access.grants import Claims, VideoGrant
from hookflash.rooms.orders import ClientTraits, Kind
from hookflash.signalling.join import MAX_ADD_TRACKS, ClientJoin, JoinError
from hookflash.signalling.joining import JoinParameters, join_of, parameters_of

REQUEST = JoinRequest(
    client_info=ClientInfo(sdk=ClientInfo.SDK.PYTHON, client_protocol=2),
    connection_settings=ConnectionSettings(auto_subscribe=True, adaptive_stream=True),
    publisher_offer=SessionDescription(type="offer", sdp="v=0", id=1),
    add_track_requests=[AddTrackRequest(cid="c")],
    metadata="m",
    participant_attributes={"k": "v"},
)


def test_a_session_gets_what_the_client_asked_for() -> None:
    assert parameters_of(ClientJoin(REQUEST, "room", True)) == JoinParameters(
        client=REQUEST.client_info,
        auto_subscribe=True,
        offer=REQUEST.publisher_offer,
        add_tracks=(AddTrackRequest(cid="c"),),
        metadata="m",
        attributes=(("k", "v"),),
    )


def test_what_a_client_does_not_say() -> None:
    parameters = parameters_of(ClientJoin(JoinRequest()))
    assert parameters.offer is None
    assert not parameters.auto_subscribe
    assert parameters.two_connections


def test_too_many_tracks_are_refused() -> None:
    request = JoinRequest(add_track_requests=[AddTrackRequest()] * (MAX_ADD_TRACKS + 1))
    with pytest.raises(JoinError):
        parameters_of(ClientJoin(request))


def test_who_joins_is_what_its_token_says() -> None:
    claims = Claims(
        "key",
        "ann",
        name="Ann",
        kind="Agent",
        metadata="of the token",
        attributes={"a": "1"},
        video=VideoGrant(
            room_join=True, can_publish_sources=("microphone", "?"), hidden=True, agent=True
        ),
        room_preset="p",
        room_config={"maxParticipants": 3, "metadata": "room", "new": 1},
    )
    parameters = JoinParameters(
        ClientInfo(client_protocol=2, capabilities=["CAP_PACKET_TRAILER"]),
        auto_subscribe=False,
        metadata="m",
        attributes=(("b", "2"),),
    )
    join = join_of(claims, parameters)
    assert (join.identity, join.name, join.kind) == ("ann", "Ann", Kind.AGENT)
    assert (join.metadata, join.attributes) == ("of the token", {"a": "1"})
    assert join.permission.can_publish_sources == (TrackSource.MICROPHONE,)
    assert join.permission.hidden
    assert join.permission.agent
    assert not join.permission.can_update_metadata
    assert join.room_options is not None
    assert (join.room_options.max_participants, join.room_preset) == (3, "p")
    assert join.client == ClientTraits(2, (ClientInfo.Capability.CAP_PACKET_TRAILER,), False)


def test_own_metadata_and_attributes_need_the_grant() -> None:
    claims = Claims(
        "key", "a", attributes={"a": "1", "c": "0"}, video=VideoGrant(can_update_own_metadata=True)
    )
    own = (("b", "2"), ("c", "own"))
    parameters = JoinParameters(ClientInfo(), metadata="m", attributes=own)
    join = join_of(claims, parameters)
    assert (join.metadata, join.attributes) == ("m", {"a": "1", "b": "2", "c": "own"})
    assert join.kind == Kind.STANDARD
    assert join.room_options is None


@pytest.mark.parametrize("config", [{"maxParticipants": "many"}, {"agents": 3}, {"agents": [3]}])
def test_a_room_config_that_cannot_be_read_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(JoinError):
        join_of(Claims("key", "a", room_config=config), JoinParameters(ClientInfo()))
