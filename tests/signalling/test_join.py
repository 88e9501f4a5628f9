from __future__ import annotations

import base64
import gzip
import json
import tracemalloc
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol.models import ClientInfo, ParticipantTracks, ReconnectReason, VideoLayer
from livekit.protocol.rtc import (
    AddTrackRequest,
    DataChannelInfo,
    JoinRequest,
    SessionDescription,
    SyncState,
    UpdateSubscription,
    WrappedJoinRequest,
)

from hookflash.base.counts import MOST_ENTRIES
from hookflash.signalling.join import (
    MAX_ADD_TRACKS,
    MAX_CAPABILITIES,
    MOST_UNPACKED,
    JoinError,
    read_join_request,
    read_query,
)

JOIN = JoinRequest(
    client_info=ClientInfo(sdk=ClientInfo.SDK.PYTHON, version="1.2.1", protocol=18),
    publisher_offer=SessionDescription(type="offer", sdp="v=0\r\n" * 2000),
)


def wrapped(octets: bytes, compression: int = WrappedJoinRequest.NONE) -> bytes:
    return WrappedJoinRequest(
        compression=WrappedJoinRequest.Compression.Name(compression),
        join_request=octets,
    ).SerializeToString()


def test_packed_or_not_in_either_alphabet_with_padding_or_without() -> None:
    plain = JOIN.SerializeToString()
    for octets in (
        wrapped(plain),
        wrapped(gzip.compress(plain), WrappedJoinRequest.GZIP),
        wrapped(gzip.compress(plain + b"\xfa\x01\x00"), WrappedJoinRequest.GZIP),
    ):
        for encode in (base64.urlsafe_b64encode, base64.b64encode):
            text = encode(octets).decode()
            for written in (text, text.rstrip("="), text.replace("+", " ")):
                assert read_join_request(written).client_info == JOIN.client_info


def test_a_join_request_wins_and_is_for_one_connection_at_any_path() -> None:
    text = base64.urlsafe_b64encode(wrapped(JOIN.SerializeToString())).decode()
    for single in (True, False):
        asked = read_query(
            {"join_request": text, "sdk": "js", "room": "lobby"}, single_connection=single
        )
        assert (asked.join, asked.room, asked.single_connection) == (JOIN, "lobby", True)
        assert read_query({"sdk": "go"}, single_connection=single).single_connection is single


def test_each_fault_has_its_text() -> None:
    plain = JOIN.SerializeToString()
    for octets, text in (
        (b"\xff\xff\xff", "cannot unmarshal wrapped join request"),
        (wrapped(b"\xff\xff\xff"), "cannot unmarshal join request"),
        (wrapped(plain, WrappedJoinRequest.GZIP), "cannot decompress join request"),
        (
            wrapped(gzip.compress(plain)[:-9], WrappedJoinRequest.GZIP),
            "cannot decompress join request",
        ),
        (wrapped(zlib.compress(plain), WrappedJoinRequest.GZIP), "cannot decompress join request"),
        (b"\x08\x07", "unknown compression of the join request"),
    ):
        with pytest.raises(JoinError, match=f"^{text}$"):
            read_join_request(base64.urlsafe_b64encode(octets).decode())
    for text in ("a", "ab!d", "äöü", "a\x00bc"):
        with pytest.raises(JoinError, match=r"^cannot base64 decode wrapped join request$"):
            read_join_request(text)


def test_half_a_megabyte_is_the_most_and_a_bomb_gets_no_further() -> None:
    field = JoinRequest(metadata="a" * (MOST_UNPACKED - 4))
    most = field.SerializeToString()
    assert len(most) == MOST_UNPACKED
    for octets, compression in ((most, 0), (gzip.compress(most), 1)):
        text = base64.urlsafe_b64encode(wrapped(octets, compression)).decode()
        assert read_join_request(text) == field
    over = JoinRequest(metadata="a" * (MOST_UNPACKED - 3)).SerializeToString()
    bomb = gzip.compress(bytes(1 << 26))
    for octets, compression in ((over, 0), (gzip.compress(over), 1), (bomb, 1)):
        text = base64.urlsafe_b64encode(wrapped(octets, compression)).decode()
        tracemalloc.start()
        with pytest.raises(JoinError, match=r"^join request too large$"):
            read_join_request(text)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 * MOST_UNPACKED, "no more of it is unpacked than may be taken"


def read(join: JoinRequest) -> JoinRequest:
    octets = gzip.compress(join.SerializeToString())
    return read_join_request(base64.urlsafe_b64encode(wrapped(octets, 1)).decode())


def test_what_is_used_is_kept_as_it_is() -> None:
    update = UpdateSubscription(track_sids=["TR_a", "TR_b"], subscribe=True)
    for join in (
        JOIN,
        JoinRequest(),
        JoinRequest(publisher_offer=SessionDescription()),
        JoinRequest(sync_state=SyncState()),
        JoinRequest(sync_state=SyncState(subscription=update, track_sids_disabled=["TR_c"])),
        JoinRequest(sync_state=SyncState(subscription=UpdateSubscription())),
        JoinRequest(add_track_requests=[AddTrackRequest(cid="c", layers=[VideoLayer()] * 8)] * 50),
        JoinRequest(client_info=ClientInfo(capabilities=["CAP_PACKET_TRAILER"] * MAX_CAPABILITIES)),
        JoinRequest(metadata="m", participant_attributes={"a": "b"}, participant_sid="PA_a"),
    ):
        assert read(join) == join


def test_of_lists_without_end_nothing_is_kept() -> None:
    """A kilobyte unpacks to a quarter of a million empty messages: 18 MB, kept for as long as the
    client stayed; everybody was told all of its capabilities, with each of its updates."""
    sids = [f"TR_{number}" for number in range(MOST_ENTRIES + 1)]
    update = UpdateSubscription(
        track_sids=sids, participant_tracks=[ParticipantTracks()] * 1000, subscribe=True
    )
    long = JoinRequest(
        client_info=ClientInfo(capabilities=["CAP_PACKET_TRAILER"] * 200_000),
        add_track_requests=[AddTrackRequest()] * 1000,
        publisher_offer=SessionDescription(sdp="v=0", mid_to_track_id={"0": "a"}),
        sync_state=SyncState(
            data_channels=[DataChannelInfo()] * 1000, subscription=update, track_sids_disabled=sids
        ),
    )
    kept = SyncState(
        subscription=UpdateSubscription(track_sids=sids[:-1], subscribe=True),
        track_sids_disabled=sids[:-1],
    )
    assert read(long) == JoinRequest(
        client_info=ClientInfo(capabilities=["CAP_PACKET_TRAILER"] * MAX_CAPABILITIES),
        add_track_requests=[AddTrackRequest()] * (MAX_ADD_TRACKS + 1),
        publisher_offer=SessionDescription(sdp="v=0"),
        sync_state=kept,
    )
    with pytest.raises(JoinError, match="a track of the join request: too many codecs or layers"):
        read(JoinRequest(add_track_requests=[AddTrackRequest(layers=[VideoLayer()] * 9)]))


def test_parameters_of_their_own() -> None:
    """As recorded of the Python SDK with two connections."""
    query = {
        "sdk": "python",
        "os": "Debian",
        "os_version": "12.0.0",
        "device_model": "Unknown",
        "protocol": "18",
        "client_protocol": "2",
        "auto_subscribe": "1",
        "adaptive_stream": "0",
        "version": "1.2.1",
        "capabilities": "CAP_PACKET_TRAILER,CAP_OF_TOMORROW,CAP_COMPRESSION_DEFLATE_RAW",
    }
    join = read_query(query, single_connection=False).join
    info = join.client_info
    assert (info.sdk, info.version, info.protocol) == (ClientInfo.SDK.PYTHON, "1.2.1", 18)
    assert (info.os, info.os_version, info.device_model) == ("Debian", "12.0.0", "Unknown")
    assert (info.client_protocol, [*info.capabilities]) == (2, [1, 2])
    assert join.connection_settings.auto_subscribe
    assert not join.connection_settings.adaptive_stream
    assert not join.reconnect
    again = {**query, "reconnect": "1", "sid": "PA_a", "reconnect_reason": "1"}
    join = read_query({**again, "adaptive_stream": "true"}, single_connection=False).join
    assert (join.reconnect, join.participant_sid) == (True, "PA_a")
    assert join.reconnect_reason == ReconnectReason.RR_SIGNAL_DISCONNECTED
    assert join.connection_settings.adaptive_stream


def test_what_is_left_out_or_unknown_is_the_default() -> None:
    join = read_query({}, single_connection=False).join
    assert join.connection_settings.auto_subscribe
    assert not join.reconnect
    odd = {"sdk": "abacus", "protocol": "-1", "reconnect_reason": "9" * 30, "auto_subscribe": ""}
    join = read_query(odd, single_connection=False).join
    assert (join.client_info.sdk, join.client_info.protocol, join.reconnect_reason) == (0, 0, 0)
    assert not join.connection_settings.auto_subscribe
    for text, sdk in (("ios", "SWIFT"), ("reactnative", "REACT_NATIVE"), ("unityweb", "UNITY_WEB")):
        info = read_query({"sdk": text}, single_connection=False).join.client_info
        assert info.sdk == ClientInfo.SDK.Value(sdk)


def test_attributes_are_base64_of_json() -> None:
    def attributes(value: object) -> dict[str, str]:
        text = base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
        join = read_query({"attributes": text}, single_connection=False).join
        return dict(join.participant_attributes)

    assert attributes({"a": "b", "ä": "ö"}) == {"a": "b", "ä": "ö"}
    wrongs: tuple[object, ...] = ([], 1, {"a": 1}, {"a": None})
    for wrong in wrongs:
        with pytest.raises(JoinError, match=r"^cannot decode attributes$"):
            attributes(wrong)
    for text in (
        "!",
        base64.b64encode(b"[" * 100_000).decode(),
        base64.b64encode(b"\xff").decode(),
    ):
        with pytest.raises(JoinError):
            read_query({"attributes": text}, single_connection=False)
    half = base64.b64encode(b'{"a": "\\ud800"}').decode()
    with pytest.raises(JoinError):
        read_query({"attributes": half}, single_connection=False)


@given(st.binary(max_size=200), st.sampled_from([0, 1, 2]), st.booleans())
def test_only_its_own_error_comes_out(octets: bytes, compression: int, packed: bool) -> None:
    inner = gzip.compress(octets) if packed else octets
    message = b"\x08" + bytes([compression]) + b"\x12" + _varint(len(inner)) + inner
    for one in (octets, message):
        with suppress(JoinError):
            read_join_request(base64.urlsafe_b64encode(one).decode())


@given(
    st.dictionaries(
        st.sampled_from(
            ["join_request", "attributes", "sid", "protocol", "sdk", "os", "reconnect_reason"]
        ),
        st.text(max_size=40),
    )
)
def test_nor_of_any_parameters(query: dict[str, str]) -> None:
    with suppress(JoinError):
        read_query(query, single_connection=True)


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])
