"""Access tokens: claims, grants, and what each method needs (facts §1.6, §1.7).

Verification is in `hookflash.adapters.tokens`; a token itself never comes here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from ..base.errors import ApiError
from ..base.light import light_dataclass

BAD_SCHEME = "invalid authorization header. Must start with Bearer "
UNREADABLE = "invalid authorization token"
UNKNOWN_KEY = "invalid API key"
BEARER = "Bearer "

SIGNATURE = "token signature is invalid: signature is invalid"
SIGNING_METHOD = "token signature is invalid: signing method is not HS256"
EXPIRED = "token has invalid claims: token is expired"
NOT_YET = "token has invalid claims: token is not valid yet"
NO_EXP = "token has invalid claims: token is missing required claim: exp claim is required"
BAD_CLAIM = "token has invalid claims"


def refused(text: str) -> ApiError:
    """A bad token: HTTP 401 with this text as text/plain, before any routing. The text never
    holds anything of the token."""
    return ApiError("unauthenticated", text)


def refused_because(cause: str) -> ApiError:
    """The same for a token that can be read but does not hold."""
    return refused(f"{UNREADABLE}: {cause}")


def denied() -> ApiError:
    """No token, a missing grant or the wrong room: always the same 401, never 403."""
    return ApiError("unauthenticated", "permissions denied")


@light_dataclass(frozen=True, slots=True)
class VideoGrant:
    """Claim `video`. A token that does not speak of `canPublishData` means `canPublish`."""

    room_create: bool = False
    room_list: bool = False
    room_record: bool = False
    room_admin: bool = False
    room_join: bool = False
    room: str = ""
    destination_room: str = ""
    can_publish: bool = True
    can_subscribe: bool = True
    can_publish_data: bool = True
    can_publish_sources: tuple[str, ...] = ()
    can_update_own_metadata: bool = False
    ingress_admin: bool = False
    hidden: bool = False
    recorder: bool = False
    agent: bool = False
    can_subscribe_metrics: bool = False
    can_manage_agent_session: bool = False


@light_dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says. Wrongly typed claims count as absent."""

    api_key: str
    identity: str = ""
    name: str = ""
    kind: str = ""
    metadata: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    video: VideoGrant = field(default_factory=VideoGrant)
    sip_admin: bool = False
    sip_call: bool = False
    room_preset: str = ""
    room_config: Mapping[str, Any] | None = None
    """Proto JSON of RoomConfiguration, camelCase."""
    sha256: str = ""


_VIDEO_FLAGS = {
    "roomCreate": "room_create",
    "roomList": "room_list",
    "roomRecord": "room_record",
    "roomAdmin": "room_admin",
    "roomJoin": "room_join",
    "canPublish": "can_publish",
    "canSubscribe": "can_subscribe",
    "canPublishData": "can_publish_data",
    "canUpdateOwnMetadata": "can_update_own_metadata",
    "ingressAdmin": "ingress_admin",
    "hidden": "hidden",
    "recorder": "recorder",
    "agent": "agent",
    "canSubscribeMetrics": "can_subscribe_metrics",
    "canManageAgentSession": "can_manage_agent_session",
}


def claims_of(payload: Mapping[str, Any]) -> Claims:
    """From the JSON of a verified token; the identity is `sub`, else `jti`."""
    sip = _mapping(payload, "sip")
    attributes = _mapping(payload, "attributes")
    room_config = payload.get("roomConfig")
    return Claims(
        api_key=_text(payload, "iss"),
        identity=_text(payload, "sub") or _text(payload, "jti"),
        name=_text(payload, "name"),
        kind=_text(payload, "kind"),
        metadata=_text(payload, "metadata"),
        attributes={k: v for k, v in attributes.items() if isinstance(v, str)},
        video=_video(_mapping(payload, "video")),
        sip_admin=sip.get("admin") is True,
        sip_call=sip.get("call") is True,
        room_preset=_text(payload, "roomPreset"),
        room_config=room_config if isinstance(room_config, Mapping) else None,
        sha256=_text(payload, "sha256"),
    )


def _video(grant: Mapping[str, Any]) -> VideoGrant:
    flags = {
        _VIDEO_FLAGS[key]: value
        for key, value in grant.items()
        if key in _VIDEO_FLAGS and isinstance(value, bool)
    }
    flags.setdefault("can_publish_data", flags.get("can_publish", True))  # as LiveKit has it
    sources = grant.get("canPublishSources")
    listed = sources if isinstance(sources, list) else []
    return VideoGrant(
        room=_text(grant, "room"),
        destination_room=_text(grant, "destinationRoom"),
        can_publish_sources=tuple(s for s in listed if isinstance(s, str)),
        **flags,
    )


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return value if isinstance(value, str) else ""


def _mapping(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = values.get(key)
    return value if isinstance(value, Mapping) else {}


def bearer(authorization: str | None, access_token: str | None) -> str | None:
    """The token of a request: header first, then the `access_token` parameter; None: there is
    none. Raises ApiError (`refused`) for a header of another scheme."""
    if authorization:
        if not authorization.startswith(BEARER):
            raise refused(BAD_SCHEME)
        return authorization[len(BEARER) :]
    return access_token or None


# --- what methods need; each returns the claims that hold, or raises `denied` -------------------


def need_room_create(claims: Claims | None) -> Claims:
    """CreateRoom, DeleteRoom."""
    if claims is None or not claims.video.room_create:
        raise denied()
    return claims


def need_room_list(claims: Claims | None) -> Claims:
    """ListRooms."""
    if claims is None or not claims.video.room_list:
        raise denied()
    return claims


def need_room_admin(claims: Claims | None, room: str) -> Claims:
    """Whatever is done to one room and its participants; dispatches."""
    if claims is None or not claims.video.room_admin or claims.video.room != room:
        raise denied()
    return claims


def need_some_room_admin(claims: Claims | None) -> Claims:
    """What of `need_room_admin` and `need_destination` can be said before the room is known."""
    if claims is None or not claims.video.room_admin:
        raise denied()
    return claims


def need_destination(claims: Claims | None, room: str, destination: str) -> Claims:
    """ForwardParticipant, MoveParticipant."""
    holder = need_room_admin(claims, room)
    if holder.video.destination_room != destination:
        raise denied()
    return holder


def need_sip_admin(claims: Claims | None) -> Claims:
    """Trunks and rules."""
    if claims is None or not claims.sip_admin:
        raise denied()
    return claims


def need_sip_call(claims: Claims | None) -> Claims:
    """CreateSIPParticipant; with `need_room_admin`: transfers."""
    if claims is None or not claims.sip_call:
        raise denied()
    return claims


def need_transfer(claims: Claims | None) -> Claims:
    """TransferSIPParticipant, before the room is known."""
    return need_some_room_admin(need_sip_call(claims))
