"""Mutated requests that place, change and transfer calls, against a whole exchange with phones."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from livekit import api
from tests.api.test_fuzz import BASES, mutated
from tests.support.lab import KEY, SECRET, Lab, run

from hookflash.carrier.phone import Behaviour
from hookflash.sip.location import Target
from hookflash.sip.uri import Uri
from hookflash.twirp.errors import STATUS

METHODS = (
    *("SIP/CreateSIPParticipant",) * 4,
    *("SIP/TransferSIPParticipant",) * 2,
    *(name for name in BASES if name.startswith("RoomService/")),
)
"""Drawn from; the services that need no call are fuzzed in test_fuzz.py."""
FAULTS = {(500, "unknown"), (501, "unimplemented"), (503, "unavailable")}
CALL = {
    "trunk": {"hostname": "127.0.0.1", "attributes_to_headers": {"a": "X-A"}},
    "sip_number": "+1",
    "sip_call_to": "+2",
    "room_name": "lobby",
    "participant_attributes": {"a": "b"},
    "display_name": "d",
    "headers": {"X-A": "1"},
    "dtmf": "1w2",
    "ringing_timeout": "5s",
    "max_call_duration": "60s",
    "play_dialtone": True,
    "media": {"codecs": [{"name": "PCMU", "rate": 8000}], "media_timeout": "5s"},
    "sip_request_uri": {"raw": "sip:x@y;a=b"},
    "sip_from_header": {"values": {"user": "u", "host": "h"}, "display_name": "n"},
}


async def post(session: aiohttp.ClientSession, url: str, name: str, request: Any) -> int:
    """One request, its HTTP status; anything but a bug of ours may be the answer."""
    body = json.dumps(request).encode()
    headers = {"content-type": "application/json", "x-twirp-timeout-ms": "300"}
    async with session.post(f"{url}/twirp/livekit.{name}", data=body, headers=headers) as answer:
        text = await answer.text()
        where = f"{name} {body!r} → {answer.status} {text}"
        if answer.status != 200:
            code = json.loads(text)["code"]
            assert STATUS[code] == answer.status, where
            assert answer.status < 500 or (answer.status, code) in FAULTS, where
            assert "panic" not in text, where
        return answer.status


async def fuzz(lab: Lab, seed: int, count: int, patch: Callable[..., None]) -> None:
    rng = random.Random(seed)
    phones = [
        await lab.carrier.phone("+2", tone=440, behaviour=Behaviour(notify=(100, 486))),
        await lab.carrier.phone("+3", behaviour=Behaviour(answer=486)),
        await lab.carrier.phone("+4", behaviour=Behaviour(answer=None)),
    ]

    def locate(uri: Uri, then: Callable[[list[Target]], None]) -> None:
        """Wherever it is to go, it goes to one of the phones."""
        target = Target("udp", *rng.choice(phones).address)
        asyncio.get_running_loop().call_soon(then, [target])

    patch(lab.server.stack, "locate", locate)
    video = api.VideoGrants(room_create=True, room_list=True, room_admin=True, room="lobby")
    video.destination_room = "b"
    token = api.AccessToken(KEY, SECRET).with_grants(video)
    jwt = token.with_sip_grants(api.SIPGrants(admin=True, call=True)).to_jwt()
    url = f"http://127.0.0.1:{lab.server.http_port}"
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {jwt}"}) as session:
        for number in range(count):
            name = rng.choice(METHODS)
            request = json.loads(json.dumps(rng.choice(BASES[name])))
            if name == "SIP/CreateSIPParticipant":
                request = json.loads(json.dumps(CALL))
                for key in rng.sample(sorted(request), rng.randrange(5)):
                    if key not in ("trunk", "sip_call_to", "room_name"):
                        del request[key]
                request["wait_until_answered"] = rng.random() < 0.3
            for key in ("participant_identity", "identity"):
                if key in request:
                    request[key] = "sip_+2"
            for _ in range(rng.choice((0, 1, 1, 2))):
                request = mutated(rng, request)
            await post(session, url, name, request)
            if number % 20 == 19:
                rooms = await lab.api.room.list_rooms(api.ListRoomsRequest())
                for room in rooms.rooms:
                    await lab.api.room.delete_room(api.DeleteRoomRequest(room=room.name))


def fuzzed(seed: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    faults: list[Any] = []

    async def test(lab: Lab) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: faults.append(context))
        await fuzz(lab, seed, count, monkeypatch.setattr)

    run(test)
    assert faults == []


def test_requests_about_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    fuzzed(1, 250, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(30, 38))
def test_many_requests_about_calls(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fuzzed(seed, 500, monkeypatch)
