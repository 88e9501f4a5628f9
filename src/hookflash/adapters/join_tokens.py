"""Tokens that the exchange itself makes: for jobs of agents, and for clients, so that they can come
back (`refresh_token`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from livekit.protocol.models import ParticipantInfo

from ..access.grants import Claims, VideoGrant
from ..ports import WorldClock
from ..rooms.room import Participant
from .tokens import sign

LIFE: Final = 600.0
"""Seconds that one holds."""
MOST_TOLD: Final = 4096
"""Octets of metadata, and of attributes, that a client's token repeats. Clients send their token
within a URL, and what is longer there is refused (`http_guard.HttpLimits`)."""


class Signer:
    """Signs tokens of ours. `keys`: API key → secret."""

    def __init__(self, keys: Mapping[str, str], clock: WorldClock) -> None:
        self._keys = keys
        self._clock = clock

    def __call__(self, key: str, claims: Mapping[str, object], life: float) -> str:
        """A token with these claims beside issuer and times, that holds for `life` seconds."""
        return sign(key, self._keys[key], claims, self._clock.world(), life)


class TokenMaker:
    """Signs with the key of the token that the participant came with, and grants what reaches
    beyond a room only to whom that one did: a permission is given by who has the one room."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._came_with: dict[str, tuple[str, VideoGrant]] = {}
        """API key and grant of the token, by participant SID."""

    def came(self, participant: Participant, claims: Claims) -> None:
        """It joined with that token."""
        self._came_with[participant.sid] = claims.api_key, claims.video

    def moved(self, participant: Participant, newcomer: Participant) -> None:
        """It is another participant from now on."""
        with_ = self._came_with.pop(participant.sid, None)
        if with_ is not None:
            self._came_with[newcomer.sid] = with_

    def left(self, participant: Participant) -> None:
        """It needs no more."""
        self._came_with.pop(participant.sid, None)

    def __call__(self, participant: Participant) -> str:
        """A token that says what it may do now; "" for who did not come with one."""
        with_ = self._came_with.get(participant.sid)
        if with_ is None:
            return ""
        key, grant = with_
        claims = claims_of(participant, grant)
        for name in ("metadata", "attributes"):
            if len(json.dumps(claims[name])) > MOST_TOLD:
                del claims[name]
        return self._signer(key, claims, LIFE)


def claims_of(participant: Participant, grant: VideoGrant) -> dict[str, Any]:
    """The claims beside issuer and times; `grant` is that of the token that it came with."""
    permission = participant.permission
    video = {
        **permission.grant(participant.room.name),
        "canManageAgentSession": (
            permission.can_manage_agent_session and grant.can_manage_agent_session
        ),
        "recorder": permission.recorder and grant.recorder,
        "agent": permission.agent and grant.agent,
    }
    return {
        "sub": participant.identity,
        "name": participant.name,
        "metadata": participant.metadata,
        "attributes": participant.attributes,
        "kind": ParticipantInfo.Kind.Name(participant.kind).lower(),
        "video": video,
    }
