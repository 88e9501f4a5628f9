"""How a client asks to join."""

from __future__ import annotations

import gzip
import json
import random
import tracemalloc
from base64 import urlsafe_b64encode

import pytest
from livekit.protocol.models import ClientInfo, TrackSource
from livekit.protocol.rtc import (
    AddTrackRequest,
    ConnectionSettings,
    JoinRequest,
    SessionDescription,
    SyncState,
    WrappedJoinRequest,
)

from hookflash.access.grants import Claims, VideoGrant
from hookflash.rooms.orders import ClientTraits, Kind
from hookflash.signalling.join import (
    MAX_ADD_TRACKS,
    MAX_JOIN_REQUEST,
    JoinError,
    JoinParameters,
    join_of,
    read_join_request,
    read_query,
)

Compression = WrappedJoinRequest.Compression


def packed(request: JoinRequest | bytes, zipped: bool = True) -> str:
    content = request if isinstance(request, bytes) else request.SerializeToString()
    wrapped = WrappedJoinRequest(
        compression=Compression.GZIP if zipped else Compression.NONE,
        join_request=gzip.compress(content) if zipped else content,
    )
    return urlsafe_b64encode(wrapped.SerializeToString()).decode()


REQUEST = JoinRequest(
    client_info=ClientInfo(sdk=ClientInfo.SDK.PYTHON, client_protocol=2),
    connection_settings=ConnectionSettings(auto_subscribe=True, adaptive_stream=True),
    publisher_offer=SessionDescription(type="offer", sdp="v=0", id=1),
    add_track_requests=[AddTrackRequest(cid="c")],
    metadata="m",
    participant_attributes={"k": "v"},
)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("padded", [True, False])
def test_a_join_request_is_read(zipped: bool, padded: bool) -> None:
    text = packed(REQUEST, zipped)
    assert read_join_request(text if padded else text.rstrip("=")) == JoinParameters(
        client=REQUEST.client_info,
        auto_subscribe=True,
        adaptive_stream=True,
        offer=REQUEST.publisher_offer,
        add_tracks=(AddTrackRequest(cid="c"),),
        metadata="m",
        attributes=(("k", "v"),),
    )


def test_a_client_that_comes_back_says_who_it_was() -> None:
    request = JoinRequest(reconnect=True, participant_sid="PA_x", sync_state=SyncState())
    parameters = read_join_request(packed(request, False))
    assert (parameters.reconnect, parameters.participant_sid) == (True, "PA_x")
    assert parameters.sync_state == SyncState()
    assert parameters.offer is None
    assert not parameters.auto_subscribe


def test_the_query_of_two_connections_is_read() -> None:
    attributes = urlsafe_b64encode(json.dumps({"k": "v", "n": 1}).encode()).decode()
    parameters = read_query(
        {
            "sdk": "react_native",
            "protocol": "18",
            "client_protocol": "2",
            "auto_subscribe": "0",
            "adaptive_stream": "true",
            "version": "1.2.1",
            "capabilities": "CAP_PACKET_TRAILER,CAP_OF_TOMORROW",
            "attributes": attributes.rstrip("="),
            "reconnect": "1",
            "sid": "PA_x",
        }
    )
    client = parameters.client
    assert (client.sdk, client.protocol, client.version) == (
        *(ClientInfo.SDK.REACT_NATIVE, 18, "1.2.1"),
    )
    assert client.capabilities == [ClientInfo.Capability.CAP_PACKET_TRAILER]
    assert not parameters.auto_subscribe
    assert parameters.adaptive_stream
    assert parameters.two_connections
    assert parameters.attributes == (("k", "v"),)
    assert (parameters.reconnect, parameters.participant_sid) == (True, "PA_x")
    nothing = read_query({"protocol": "1e9"})
    assert nothing.auto_subscribe
    assert nothing.client.protocol == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "A",
        "QUJD",
        packed(b"\xff\xff"),
        packed(b"\0" * (MAX_JOIN_REQUEST + 1)),
        "A" * (MAX_JOIN_REQUEST * 2),
        packed(JoinRequest(add_track_requests=[AddTrackRequest()] * (MAX_ADD_TRACKS + 1))),
        packed(gzip.compress(b"x")[:-4], False),
    ],
    ids=["nothing", "alphabet", "length", "wrapping", "content", "bomb", "long", "tracks", "cut"],
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(JoinError):
        read_join_request(text)


def test_a_bomb_is_not_unpacked() -> None:
    wrapped = WrappedJoinRequest(
        compression=Compression.GZIP, join_request=gzip.compress(bytes(100_000_000))
    )
    text = urlsafe_b64encode(wrapped.SerializeToString()).decode()
    tracemalloc.start()
    try:
        with pytest.raises(JoinError, match="too long"):
            read_join_request(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize("text", ["!!!!!", "A", urlsafe_b64encode(b"[1]").decode(), "W" * 400])
def test_attributes_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(JoinError):
        read_query({"attributes": text})


def test_any_text_is_read_or_refused() -> None:
    rng = random.Random(5)
    good = packed(REQUEST)
    for _ in range(2_000):
        text = list(good)
        for _ in range(rng.randrange(1, 6)):
            text[rng.randrange(len(text))] = chr(rng.choice((rng.randrange(128), 0xE9, 0x20AC)))
        try:
            read_join_request("".join(text[: rng.randrange(len(text) + 1)]))
        except JoinError:
            continue


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
        "key", "a", attributes={"a": "1"}, video=VideoGrant(can_update_own_metadata=True)
    )
    parameters = JoinParameters(ClientInfo(), metadata="m", attributes=(("b", "2"),))
    join = join_of(claims, parameters)
    assert (join.metadata, join.attributes) == ("m", {"a": "1", "b": "2"})
    assert join.kind == Kind.STANDARD
    assert join.room_options is None


@pytest.mark.parametrize("config", [{"maxParticipants": "many"}, {"agents": 3}, {"agents": [3]}])
def test_a_room_config_that_cannot_be_read_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(JoinError):
        join_of(Claims("key", "a", room_config=config), JoinParameters(ClientInfo()))
