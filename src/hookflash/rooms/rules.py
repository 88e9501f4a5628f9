"""What a room refuses, with LiveKit's words (facts §6.1), and the limits behind it."""

from __future__ import annotations

from collections.abc import Mapping

from ..base.errors import ApiError

MAX_NAME = 256
"""Bytes of a room name, an identity or a participant's name."""
MAX_METADATA = 512 * 1024
"""Bytes of a room's, a participant's or an agent dispatch's metadata."""
MAX_ATTRIBUTES = 64 * 1024
"""Bytes of all attribute names and values of one participant or agent dispatch."""

MAX_ATTRIBUTE_COUNT = 32 * 1024
"""Of attributes; so many different names are more bytes than `MAX_ATTRIBUTES`."""
MAX_AGENTS = 50
"""Agents that one request, token or rule sends to a new room."""
MAX_SOURCES = 16
"""Sources that one permission to publish names; LiveKit knows five."""

RPC_PREFIX = "twirp error unknown: "
"""LiveKit puts it before the text of errors that crossed an internal RPC."""


class RoomRefused(ApiError):  # noqa: N818  # reads as what happened
    """The rooms say no. Code and text are ready for the API."""


def _rpc(code: str, text: str) -> RoomRefused:
    return RoomRefused(code, RPC_PREFIX + text)


def room_missing() -> RoomRefused:
    """404, DeleteRoom, UpdateRoomMetadata, and a join where rooms are not made automatically."""
    return _rpc("not_found", "requested room does not exist")


def participant_missing() -> RoomRefused:
    """404, also where the room itself is unknown."""
    return _rpc("not_found", "participant does not exist")


def nobody_answers() -> RoomRefused:
    """503, LiveKit's answer where no node holds the room or the participant."""
    return _rpc("unavailable", "no response from servers")


def identity_taken() -> RoomRefused:
    """409, MoveParticipant: somebody of that identity is in the other room."""
    return _rpc("already_exists", "the destination room has a participant of that identity")


def dispatch_missing() -> RoomRefused:
    """404, DeleteDispatch."""
    return _rpc("not_found", "dispatch ID not found")


def too_many_dispatches(what: str) -> RoomRefused:
    """429, CreateDispatch: LiveKit holds as many as there is memory for."""
    return RoomRefused("resource_exhausted", f"a room has at most {what}: delete some")


def unmute_disabled() -> RoomRefused:
    """412, unless `room.enable_remote_unmute` is on."""
    return _rpc("failed_precondition", "remote unmute not enabled")


def too_many_digits(limit: int) -> RoomRefused:
    """400, SendData with more DTMF at once than a telephone's queue takes."""
    return RoomRefused("invalid_argument", f"at most {limit} DTMF digits at once")


def preset_unknown() -> RoomRefused:
    """400, a room_preset that no configuration names."""
    return _rpc("invalid_argument", "unknown room configuration in create room request")


def room_full() -> RoomRefused:
    """max_participants reached (agents and egress are not counted)."""
    return _rpc("resource_exhausted", "room has exceeded its max participants")


def may_not_publish() -> RoomRefused:
    """The participant's permission has no can_publish."""
    return _rpc("permission_denied", "participant is not allowed to publish")


def cid_taken() -> RoomRefused:
    """AddTrackRequest with the cid of another track of that client."""
    return RoomRefused("already_exists", "a track of that cid has been added")


def track_missing() -> RoomRefused:
    """A track SID that the participant does not publish."""
    return RoomRefused("not_found", "track not found")


def too_many_tracks(limit: int) -> RoomRefused:
    """One participant wants to publish more tracks than it may."""
    return RoomRefused("resource_exhausted", f"at most {limit} tracks of one participant")


def too_many_layers() -> RoomRefused:
    """A track of more codecs or layers than there can be."""
    return RoomRefused("resource_exhausted", "too many codecs or layers")


def too_many_permissions(limit: int) -> RoomRefused:
    """SubscriptionPermission with more entries than a room has participants."""
    return RoomRefused("resource_exhausted", f"at most {limit} participants")


def request_too_long(limit: int) -> RoomRefused:
    """AddTrackRequest: all that it says is told to everybody in the room."""
    return RoomRefused("resource_exhausted", f"at most {limit} bytes of one track")


def no_such_track_type() -> RoomRefused:
    """A track that is neither audio nor video."""
    return RoomRefused("unimplemented", "unsupported track type")


def check_track(cid: str, name: str) -> None:
    """Raise RoomRefused for an empty cid, or a cid or name over 256 bytes."""
    if not cid:
        raise RoomRefused("invalid_argument", "no track cid")
    if _longer(cid, MAX_NAME) or _longer(name, MAX_NAME):
        raise _argument("track name length exceeds limits", MAX_NAME)


def _longer(text: str, limit: int) -> bool:
    return len(text) > limit or (not text.isascii() and len(text.encode("utf-8")) > limit)


def check_room_name(name: str) -> None:
    """Raise RoomRefused for an empty name or one over 256 bytes."""
    if not name:
        raise _rpc("invalid_argument", "no room name")
    if _longer(name, MAX_NAME):
        text = f"room name length exceeds limits: max length {MAX_NAME}"
        raise _rpc("invalid_argument", text)


def check_identity(identity: str) -> None:
    """Raise RoomRefused for an empty identity or one over 256 bytes."""
    if not identity:
        raise _rpc("invalid_argument", "participant identity cannot be empty")
    if _longer(identity, MAX_NAME):
        text = f"participant identity length exceeds limits: max length {MAX_NAME}"
        raise _rpc("invalid_argument", text)


def check_name(name: str) -> None:
    """Raise RoomRefused for a participant's name over 256 bytes."""
    if _longer(name, MAX_NAME):
        raise _argument("name length exceeds limits", MAX_NAME)


def check_metadata(metadata: str) -> None:
    """Raise RoomRefused for metadata over 512 KiB."""
    if _longer(metadata, MAX_METADATA):
        raise _argument("metadata size exceeds limits", MAX_METADATA)


def check_attributes(attributes: Mapping[str, str]) -> None:
    """Raise RoomRefused for attributes over 64 KiB."""
    if _too_many(attributes):
        raise _argument("attribute size exceeds limits", MAX_ATTRIBUTES)


def check_agent(agent_name: str, deployment: str) -> None:
    """Raise RoomRefused for the name or deployment of an agent over 256 bytes: no worker has it."""
    for what, text in (("agent name", agent_name), ("agent deployment", deployment)):
        if _longer(text, MAX_NAME):
            text = f"{what} length exceeds limits: max length {MAX_NAME}"
            raise _rpc("invalid_argument", text)


def check_dispatch(metadata: str, attributes: Mapping[str, str]) -> None:
    """The same for AgentDispatchService, which words it otherwise (facts §8)."""
    if _longer(metadata, MAX_METADATA):
        raise _rpc("invalid_argument", "metadata size exceeds limits")
    if _too_many(attributes):
        raise _rpc("invalid_argument", "attribute size exceeds limits")


def _too_many(attributes: Mapping[str, str]) -> bool:
    if len(attributes) > MAX_ATTRIBUTE_COUNT:
        return True
    characters = sum(map(len, attributes)) + sum(map(len, attributes.values()))
    if characters * 4 <= MAX_ATTRIBUTES:  # UTF-8 needs four bytes at most
        return False
    size = sum(len(k.encode()) + len(v.encode()) for k, v in attributes.items())
    return size > MAX_ATTRIBUTES


def _argument(sentence: str, limit: int) -> RoomRefused:
    """Twirp's "invalid argument" helper as LiveKit uses it: the argument is a sentence."""
    return RoomRefused("invalid_argument", f"{sentence} {limit}", {"argument": sentence})
