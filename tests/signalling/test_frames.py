"""Frames of a client: read or refused, and a session lives through all of them."""

from __future__ import annotations

import json
import random

import pytest
from google.protobuf.json_format import MessageToJson, Parse, ParseDict
from livekit.protocol.rtc import SignalRequest, SignalResponse
from tests.signalling.kit import Lobby
from tests.signalling.recorded import load

from hookflash.base.counts import MOST_TEXT
from hookflash.signalling.frames import (
    MAX_FRAME,
    SignalError,
    read_request,
    write_response,
)


def test_binary_and_text_are_read() -> None:
    request = SignalRequest(add_track={"cid": "c", "source": "MICROPHONE"})
    assert read_request(request.SerializeToString()) == request
    assert read_request(MessageToJson(request)) == request
    assert read_request('{"ping": "4", "of_tomorrow": {}}') == SignalRequest(ping=4)


def test_who_sends_text_is_answered_in_json() -> None:
    message = SignalResponse(pong=7)
    update = SignalResponse(mute={"sid": "TR_x", "muted": True})
    for one in (message, update):
        text = write_response(one, as_text=True)
        assert isinstance(text, str)
        assert Parse(text, SignalResponse()) == one
        assert write_response(one, as_text=False) == one.SerializeToString()
    assert write_response(message, as_text=True) == '{"pong":"7"}'


@pytest.mark.parametrize(
    "frame",
    [
        *(b"\xff\xff", b"\0" * (MAX_FRAME + 1), "{", '{"ping": "x"}', "[" * 10_000, "\ud800"),
        '{"ping": "4"}' + " " * MOST_TEXT,
        '{"syncState": {"dataChannels": [' + "{}," * 1000 + "{}]}}",
    ],
)
def test_what_is_no_request_is_refused(frame: bytes | str) -> None:
    with pytest.raises(SignalError):
        read_request(frame)


def requests() -> list[bytes]:
    """Every message of the recorded clients, and some of each other kind."""
    found = [
        ParseDict(_plain(entry["msg"]), SignalRequest(), ignore_unknown_fields=True)
        for name in ("python-sdk-1.2.1.json", "python-sdk-1.2.1-life.json")
        for entry in load(name)
        if entry.get("from") == "client" and "msg" in entry
    ]
    for field in SignalRequest.DESCRIPTOR.fields:
        request = SignalRequest()
        if field.message_type is not None:
            getattr(request, field.name).SetInParent()
            found.append(request)
    return [request.SerializeToString() for request in found]


def _plain(message: dict[str, object]) -> dict[str, object]:
    text = json.dumps(message)
    plain: dict[str, object] = json.loads(text, object_hook=_without_sections)
    return plain


def _without_sections(value: dict[str, object]) -> dict[str, object]:
    value.pop("sections", None)
    return value


@pytest.mark.parametrize("seed", range(4))
def test_a_session_lives_through_any_frames(seed: int) -> None:
    rng = random.Random(seed)
    pool = requests()
    lobby = Lobby(seed)
    other = lobby.join("other", can_update_own_metadata=True)
    other.publishes()
    member = lobby.join("a", can_update_own_metadata=True)
    for _ in range(1_500):
        data = bytearray(rng.choice(pool))
        for _ in range(rng.choice((0, 0, 1, 3))):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.1:
            data = bytearray(rng.randbytes(rng.randrange(80)))
        try:
            request = read_request(bytes(data))
        except SignalError:
            continue
        member.perform(member.session.request(lobby.clock.now(), request))
        if rng.random() < 0.1 and member.participant.pending:
            cid = rng.choice(list(member.participant.pending))
            now = lobby.clock.now()
            member.perform(member.session.media_began(now, cid, "7", "audio/opus"))
        if rng.random() < 0.2:
            other.says(ping=1)
            lobby.advance(rng.random())
        if member.session.ended:
            assert member.kinds()[-1] == "leave"
            member = lobby.join("a", can_update_own_metadata=True)
    assert not other.session.ended
