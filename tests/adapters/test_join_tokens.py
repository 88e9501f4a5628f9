"""Tokens that the exchange makes: what they say is read back as any client's token is."""

from __future__ import annotations

import random
from typing import Any

import pytest
from livekit.protocol.models import TrackSource

from hookflash.access.grants import Claims, VideoGrant
from hookflash.adapters.clock import SystemClock
from hookflash.adapters.http_guard import HttpLimits
from hookflash.adapters.join_tokens import LIFE, Signer, TokenMaker, claims_of
from hookflash.adapters.tokens import TokenVerifier
from hookflash.base.ids import Ids
from hookflash.rooms.orders import Join, Permission
from hookflash.rooms.registry import Rooms
from hookflash.rooms.room import Participant

KEYS = {"one": "s" * 32, "two": "t" * 32}
NOW = 1_700_000_000.0


def joined(identity: str = "ann", **join: Any) -> Participant:
    participant, _ = Rooms(Ids(random.Random(identity))).join(NOW, "lobby", Join(identity, **join))
    return participant


def maker() -> TokenMaker:
    return TokenMaker(Signer(KEYS, SystemClock(lambda: NOW)))


def read(token: str, at: float = NOW) -> Claims:
    return TokenVerifier(KEYS, lambda: at).verify(token)


def test_it_is_signed_with_the_key_that_the_participant_came_with() -> None:
    tokens, ann, bob = maker(), joined(), joined("bob")
    tokens.came(ann, Claims("one"))
    tokens.came(bob, Claims("two"))
    for participant, key in ((ann, "one"), (bob, "two")):
        claims = read(tokens(participant), NOW + LIFE - 1)
        assert (claims.api_key, claims.identity) == (key, participant.identity)
        assert (claims.video.room_join, claims.video.room) == (True, "lobby")


def test_what_would_make_it_too_long_is_left_out() -> None:
    """A client that comes back by a token without its metadata is better off than one that cannot:
    the URL with the token has a limit."""
    tokens, told = maker(), {"a": "v"}
    for metadata, attributes, wanted in (
        ("m" * 4000, told, ("m" * 4000, told)),
        ("m" * 500_000, told, ("", told)),
        ("m", {"a": "\u00e9" * 30_000}, ("m", {})),
    ):
        ann = joined(metadata=metadata, attributes=attributes)
        tokens.came(ann, Claims("one"))
        token = tokens(ann)
        assert len(token) < HttpLimits().url / 2
        claims = read(token)
        assert (claims.metadata, claims.attributes) == wanted


def test_there_is_none_for_who_came_without_one_or_has_left() -> None:
    tokens, ann = maker(), joined()
    assert tokens(ann) == ""
    tokens.left(ann)
    tokens.came(ann, Claims("one"))
    assert tokens(ann)
    tokens.left(ann)
    assert tokens(ann) == ""


def test_the_key_moves_with_the_participant() -> None:
    tokens, ann, again, phone = maker(), joined(), joined("again"), joined("phone")
    tokens.came(ann, Claims("two"))
    tokens.moved(ann, again)
    assert tokens(ann) == ""
    assert read(tokens(again)).api_key == "two"
    tokens.moved(phone, ann)
    assert tokens(ann) == "", "the phone had none"


@pytest.mark.parametrize("flag", ["agent", "recorder", "can_manage_agent_session"])
@pytest.mark.parametrize(
    ("came_with", "may", "grants"),
    [(True, True, True), (False, True, False), (True, False, False)],
)
def test_what_reaches_beyond_the_room_is_not_given_by_a_permission(
    flag: str, came_with: bool, may: bool, grants: bool
) -> None:
    """The admin of a room could make agents of all rooms."""
    permission: dict[str, Any] = {flag: may}
    grant: dict[str, Any] = {flag: came_with}
    tokens, ann = maker(), joined(permission=Permission(**permission))
    tokens.came(ann, Claims("one", video=VideoGrant(**grant)))
    assert getattr(read(tokens(ann)).video, flag) is grants


def test_the_sources_that_may_be_published_are_named() -> None:
    """One that this version has no name for is left out; without any there is no such claim."""
    sources = (TrackSource.MICROPHONE, TrackSource.SCREEN_SHARE, 99)
    limited = joined(permission=Permission(can_publish_sources=sources))
    claims = claims_of(limited, VideoGrant())
    assert claims["video"]["canPublishSources"] == ["microphone", "screen_share"]
    assert "canPublishSources" not in claims_of(joined(), VideoGrant())["video"]
