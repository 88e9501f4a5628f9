from __future__ import annotations

from collections.abc import Callable

import pytest

from hookflash.access.grants import (
    Claims,
    VideoGrant,
    bearer,
    claims_of,
    need_destination,
    need_room_admin,
    need_room_create,
    need_room_list,
    need_sip_admin,
    need_sip_call,
    need_some_room_admin,
    need_transfer,
    refused_because,
)
from hookflash.base.errors import ApiError


@pytest.mark.parametrize(
    ("grant", "data"),
    [
        ({}, True),
        ({"canPublish": True}, True),
        ({"canPublish": False}, False),
        ({"canPublish": False, "canPublishData": True}, True),
        ({"canPublish": True, "canPublishData": False}, False),
    ],
)
def test_data_goes_with_publishing_where_a_token_is_silent(
    grant: dict[str, bool], data: bool
) -> None:
    assert claims_of({"video": grant}).video.can_publish_data is data


def test_claims() -> None:
    claims = claims_of(
        {
            "iss": "key",
            "sub": "me",
            "jti": "other",
            "name": "n",
            "kind": "sip",
            "metadata": "m",
            "attributes": {"a": "b", "c": 1},
            "video": {
                "roomCreate": True,
                "roomAdmin": True,
                "room": "lobby",
                "destinationRoom": "b",
                "canPublish": False,
                "canPublishSources": ["microphone", 7],
                "unknown": 1,
            },
            "sip": {"admin": True, "call": True},
            "roomPreset": "p",
            "roomConfig": {"name": "x"},
            "sha256": "s",
        }
    )
    assert claims == Claims(
        "key",
        "me",
        "n",
        "sip",
        "m",
        {"a": "b"},
        VideoGrant(
            room_create=True,
            room_admin=True,
            room="lobby",
            destination_room="b",
            can_publish=False,
            can_publish_data=False,
            can_publish_sources=("microphone",),
        ),
        sip_admin=True,
        sip_call=True,
        room_preset="p",
        room_config={"name": "x"},
        sha256="s",
    )


def test_wrongly_typed_claims_count_as_absent() -> None:
    assert claims_of(
        {
            "iss": "key",
            "sub": "",
            "jti": "j",
            "video": {"roomAdmin": "true", "room": 1, "canPublishSources": "x"},
            "sip": [1],
            "attributes": 3,
            "roomConfig": "x",
        }
    ) == Claims("key", "j")
    assert claims_of({"sip": {"admin": 1, "call": "yes"}}) == Claims("")


def test_where_the_token_comes_from() -> None:
    assert bearer("Bearer abc", "x") == "abc"
    assert bearer(None, "x") == "x"
    assert bearer("", "") is None
    for wrong in ("bearer abc", "Token abc", "Bearer"):
        with pytest.raises(ApiError, match=r"Must start with Bearer $"):
            bearer(wrong, "x")


ALL = Claims(
    "k",
    video=VideoGrant(
        room_create=True, room_list=True, room_admin=True, room="a", destination_room="b"
    ),
    sip_admin=True,
    sip_call=True,
)
NONE = Claims("k")
Need = Callable[[Claims | None], Claims]


@pytest.mark.parametrize(
    ("need", "without"),
    [
        (need_room_create, Claims("k", sip_admin=True)),
        (need_room_list, Claims("k", video=VideoGrant(room_create=True))),
        (lambda c: need_room_admin(c, "a"), Claims("k", video=VideoGrant(room_admin=True))),
        (lambda c: need_room_admin(c, "a"), Claims("k", video=VideoGrant(room="a"))),
        (
            lambda c: need_destination(c, "a", "b"),
            Claims("k", video=VideoGrant(room_admin=True, room="a")),
        ),
        (need_sip_admin, Claims("k", sip_call=True)),
        (need_sip_call, Claims("k", sip_admin=True)),
        (need_some_room_admin, Claims("k", video=VideoGrant(room="a", room_create=True))),
        (need_transfer, Claims("k", sip_call=True)),
        (need_transfer, Claims("k", video=VideoGrant(room_admin=True, room="a"))),
    ],
)
def test_needs(need: Need, without: Claims) -> None:
    assert need(ALL) is ALL
    for claims in (None, NONE, without):
        with pytest.raises(ApiError) as caught:
            need(claims)
        assert (caught.value.code, caught.value.msg) == ("unauthenticated", "permissions denied")


def test_cause() -> None:
    assert refused_because("x").msg == "invalid authorization token: x"
