"""What a client asks for when it joins: the parameters of `/rtc` and `/rtc/v1` (facts §3.1), as one
`JoinRequest`."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Final

from google.protobuf.message import DecodeError
from livekit.protocol.models import ClientInfo
from livekit.protocol.rtc import (
    ConnectionSettings,
    JoinRequest,
    SyncState,
    UpdateSubscription,
    WrappedJoinRequest,
)

from ..base.counts import MOST_ENTRIES
from ..base.errors import ProtocolError
from ..base.light import light_dataclass
from ..rooms.rules import RoomRefused
from ..rooms.tracks import check_size

MOST_UNPACKED: Final = 512 * 1024
"""Octets of a join request (webrtc.md §2)."""
MAX_ADD_TRACKS: Final = 50
"""Tracks that a join request may add."""
MAX_CAPABILITIES: Final = 64
"""Of a client, which everybody in the room is told; there are few."""
_GZIP: Final = 31
"""zlib's word for a gzip header and trailer with the largest window."""
_SDKS: Final = {name.replace("_", "").lower(): name for name, _ in ClientInfo.SDK.items()}
_CAPABILITIES: Final = frozenset(name for name, _ in ClientInfo.Capability.items())
_ALPHABET: Final = str.maketrans("+/ ", "-_-")


class JoinError(ProtocolError):
    """A join request that cannot be read: 400 with this text."""


@light_dataclass(frozen=True, slots=True)
class ClientJoin:
    """What a client wants, beside what its token says."""

    join: JoinRequest
    room: str = ""
    """Where the token names none."""
    single_connection: bool = False
    """One peer connection, on which the client offers (`/rtc/v1`, and any `join_request`); else two
    (`/rtc`)."""


def read_query(query: Mapping[str, str], *, single_connection: bool) -> ClientJoin:
    """From the parameters of the request: `join_request`, or one for each setting.

    Raises:
        JoinError: one of them cannot be read.
    """
    wrapped = query.get("join_request", "")
    join = read_join_request(wrapped) if wrapped else _of_parameters(query)
    # The SDK for Go asks for one connection at /rtc too, by the form of its request.
    return ClientJoin(join, query.get("room", ""), single_connection or bool(wrapped))


def read_join_request(text: str) -> JoinRequest:
    """Base64 of a `WrappedJoinRequest`, of either alphabet, with padding or without.

    Raises:
        JoinError: it is none, or over `MOST_UNPACKED`.
    """
    try:
        wrapped = WrappedJoinRequest.FromString(_base64(text))
    except (binascii.Error, ValueError):
        raise JoinError("cannot base64 decode wrapped join request") from None
    except DecodeError:
        raise JoinError("cannot unmarshal wrapped join request") from None
    packed = wrapped.join_request
    if wrapped.compression == WrappedJoinRequest.GZIP:
        packed = _unpack(packed)
    elif wrapped.compression != WrappedJoinRequest.NONE:
        raise JoinError("unknown compression of the join request")
    if len(packed) > MOST_UNPACKED:
        raise JoinError("join request too large")
    try:
        return _bounded(JoinRequest.FromString(packed))
    except DecodeError:
        raise JoinError("cannot unmarshal join request") from None


def _bounded(join: JoinRequest) -> JoinRequest:
    """What is used of it, in memory of its own: a kilobyte unpacks to a quarter of a million empty
    messages, and for as long as the client stays the request is kept.

    Raises:
        JoinError: a track is over its limits.
    """
    del join.add_track_requests[MAX_ADD_TRACKS + 1 :]
    try:
        for request in join.add_track_requests:
            check_size(request)
    except RoomRefused as error:
        raise JoinError(f"a track of the join request: {error.msg}") from None
    if len(join.client_info.capabilities) > MAX_CAPABILITIES:
        del join.client_info.capabilities[MAX_CAPABILITIES:]
    if join.HasField("sync_state"):
        join.sync_state.CopyFrom(_used(join.sync_state))
    if join.HasField("publisher_offer"):
        join.publisher_offer.mid_to_track_id.clear()
    join.DiscardUnknownFields()
    return JoinRequest.FromString(join.SerializeToString())


def _used(sync: SyncState) -> SyncState:
    """Of tracks without end the first."""
    used = SyncState(track_sids_disabled=sync.track_sids_disabled[:MOST_ENTRIES])
    if sync.HasField("subscription"):
        update = sync.subscription
        sids = update.track_sids[:MOST_ENTRIES]
        used.subscription.CopyFrom(UpdateSubscription(track_sids=sids, subscribe=update.subscribe))
    return used


def _unpack(packed: bytes) -> bytes:
    """One octet more than allowed is as far as a bomb gets."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        octets = unpacker.decompress(packed, MOST_UNPACKED + 1)
    except zlib.error:
        raise JoinError("cannot decompress join request") from None
    if not unpacker.eof and len(octets) <= MOST_UNPACKED:
        raise JoinError("cannot decompress join request")
    return octets


def _base64(text: str) -> bytes:
    bare = text.translate(_ALPHABET).rstrip("=")
    if not bare.isascii():
        raise ValueError("not base64")
    # Without `validate` whatever is not of the alphabet is passed over.
    standard = bare.replace("-", "+").replace("_", "/") + "=" * (-len(bare) % 4)
    return base64.b64decode(standard, validate=True)


def _of_parameters(query: Mapping[str, str]) -> JoinRequest:
    text = query.get
    return JoinRequest(
        client_info=ClientInfo(
            sdk=_sdk(text("sdk", "")),
            version=text("version", ""),
            protocol=_number(text("protocol", "")),
            os=text("os", ""),
            os_version=text("os_version", ""),
            device_model=text("device_model", ""),
            browser=text("browser", ""),
            browser_version=text("browser_version", ""),
            network=text("network", ""),
            client_protocol=_number(text("client_protocol", "")),
            capabilities=_capabilities(text("capabilities", "")),
        ),
        connection_settings=ConnectionSettings(
            auto_subscribe=_flag(text("auto_subscribe", "1")),
            adaptive_stream=_flag(text("adaptive_stream", "")),
        ),
        participant_attributes=_attributes(text("attributes", "")),
        reconnect=_flag(text("reconnect", "")),
        reconnect_reason=_number(text("reconnect_reason", "")),  # type: ignore[arg-type]
        participant_sid=text("sid", ""),
    )


def _flag(text: str) -> bool:
    return text in ("1", "true")


def _number(text: str) -> int:
    """0 where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _sdk(text: str) -> str:
    name = "swift" if text == "ios" else text.replace("_", "").lower()
    return _SDKS.get(name, "UNKNOWN")


def _capabilities(text: str) -> list[str]:
    return [name for name in text.split(",") if name in _CAPABILITIES]


def _attributes(text: str) -> dict[str, str]:
    """Base64 of a JSON object of texts."""
    if not text:
        return {}
    try:
        values = json.loads(_base64(text))
        json.dumps(values, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        raise JoinError("cannot decode attributes") from None
    if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
        raise JoinError("cannot decode attributes")
    return values
