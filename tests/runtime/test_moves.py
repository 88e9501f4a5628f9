"""MoveParticipant and PerformRpc, whole: phones on loopback, the official client."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from livekit import api
from tests.support.lab import KEY, NUMBER, SECRET, Lab, run

from hookflash.carrier.call import CallState, CarrierCall
from hookflash.carrier.phone import Behaviour
from hookflash.rooms.orders import Join

CALLER, AGENT, THIRD = "+14150000001", "+14160000001", "+14170000001"
OTHER_NUMBER = "+15550000002"
LOW, HIGH, MIDDLE = 330.0, 550.0, 770.0
IDENTITY = f"sip_{CALLER}"


async def two_rooms(lab: Lab) -> tuple[CarrierCall, CarrierCall, CarrierCall]:
    """Caller and agent in `lobby`, a third phone in `office`."""
    lobby, office = await lab.trunk(), await lab.trunk(numbers=[OTHER_NUMBER])
    await lab.rule("lobby", trunk_ids=[lobby])
    await lab.rule("office", trunk_ids=[office])
    caller = await lab.carrier.phone(CALLER, tone=LOW)
    agent = await lab.carrier.phone(AGENT, tone=HIGH)
    third = await lab.carrier.phone(THIRD, tone=MIDDLE)
    calls = await asyncio.gather(
        caller.call(NUMBER, proxy=lab.sip),
        agent.call(NUMBER, proxy=lab.sip),
        third.call(OTHER_NUMBER, proxy=lab.sip),
    )
    await asyncio.gather(calls[0].hears(HIGH), calls[1].hears(LOW))
    return calls[0], calls[1], calls[2]


async def move(lab: Lab, identity: str = IDENTITY, to: str = "office", room: str = "lobby") -> None:
    await lab.api.room.move_participant(
        api.MoveParticipantRequest(room=room, identity=identity, destination_room=to)
    )


def test_the_caller_keeps_the_call_and_is_in_the_other_room() -> None:
    async def check(lab: Lab) -> None:
        one, two, three = await two_rooms(lab)
        (before,) = [p for p in await lab.participants() if p.identity == IDENTITY]
        lab.events.names.clear()
        await move(lab)
        await asyncio.gather(one.hears(MIDDLE), three.hears(LOW), two.misses(LOW))
        await one.misses(HIGH)
        assert one.state is CallState.UP
        assert [p.identity for p in await lab.participants()] == [f"sip_{AGENT}"]
        (after,) = [p for p in await lab.participants("office") if p.identity == IDENTITY]
        assert after.sid != before.sid
        assert after.tracks[0].sid != before.tracks[0].sid
        assert dict(after.attributes) == dict(before.attributes)
        assert after.attributes["sip.callStatus"] == "active"
        assert lab.events.names == [
            "ParticipantMoved",
            *("TrackUnpublished", "ParticipantLeft", "ParticipantJoined", "TrackPublished"),
        ]
        await one.press("4")
        await three.pressed("4")
        assert two.sound.digits == ""
        await one.hang_up()
        await lab.events.wait_for("call ended")
        assert lab.events.calls[-1].room == "office"

    run(check, sip__answer="immediately")


def test_two_callers_meet_in_a_room_that_the_first_move_made() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        other = await lab.carrier.phone(AGENT, tone=HIGH)
        first = await other.call(NUMBER, proxy=lab.sip)
        await move(lab, f"sip_{AGENT}")
        call = await caller.call(NUMBER, proxy=lab.sip)
        await move(lab)
        await asyncio.gather(call.hears(HIGH), first.hears(LOW))

    run(check, sip__answer="immediately")


def test_a_ringing_caller_who_is_moved_to_somebody_is_answered() -> None:
    async def check(lab: Lab) -> None:
        await lab.trunk()
        await lab.rule("lobby")
        speaker = lab.server.rooms.join("office", Join("web"))
        lab.server.rooms.activate(speaker)
        lab.server.rooms.publish_audio(speaker)
        caller = await lab.carrier.phone(CALLER)
        ringing = asyncio.create_task(caller.call(NUMBER, proxy=lab.sip))
        await lab.events.wait_for("TrackPublished")
        await move(lab)
        call = await ringing
        assert call.state is CallState.UP

    run(check)


def test_a_caller_who_was_moved_can_be_transferred() -> None:
    async def check(lab: Lab) -> None:
        one, _, _ = await two_rooms(lab)
        await lab.carrier.phone("+15105550100")
        await move(lab)
        answer = await lab.transfer(IDENTITY, "tel:+15105550100", room="office")
        assert answer.transfer_id
        await one.ended()
        assert [p.identity for p in await lab.participants("office")] == [f"sip_{THIRD}"]

    run(check, sip__answer="immediately")


def test_nobody_is_moved_while_a_transfer_is_pending() -> None:
    async def check(lab: Lab) -> None:
        one, _, _ = await two_rooms(lab)
        one.phone.behaviour = Behaviour(notify=(100,))
        pending = asyncio.create_task(lab.transfer(IDENTITY, "tel:+15105550100"))
        await one.received("REFER")
        with pytest.raises(api.TwirpError) as caught:
            await move(lab)
        assert (caught.value.code, caught.value.status) == ("failed_precondition", 412)
        assert caught.value.message.endswith("transfer in progress")
        await one.hears(HIGH)
        pending.cancel()

    run(check, sip__answer="immediately")


def test_who_is_not_there_or_no_phone_or_has_no_grant_is_not_moved() -> None:
    async def check(lab: Lab) -> None:
        await two_rooms(lab)
        with pytest.raises(api.TwirpError) as caught:
            await move(lab, "nobody")
        assert (caught.value.code, caught.value.status) == ("unavailable", 503)
        web = lab.server.rooms.join("lobby", Join("web"))
        lab.server.rooms.activate(web)
        with pytest.raises(api.TwirpError) as caught:
            await move(lab, "web")
        assert caught.value.message == "not implemented"
        await move(lab, f"sip_{AGENT}")
        with pytest.raises(api.TwirpError) as caught:
            await move(lab, f"sip_{AGENT}", room="office", to="office")
        assert caught.value.code == "invalid_argument"
        wrong = await twirp(lab, "MoveParticipant", {"room": "lobby", "identity": IDENTITY})
        assert wrong[0] == 400
        body = {"room": "lobby", "identity": IDENTITY, "destination_room": "elsewhere"}
        assert (await twirp(lab, "MoveParticipant", body))[0] == 401

    run(check, sip__answer="immediately")


async def twirp(lab: Lab, method: str, body: dict[str, Any]) -> tuple[int, Any]:
    """A method that the Python client has not, or has otherwise."""
    grants = api.VideoGrants(room_admin=True, room="lobby")
    token = api.AccessToken(KEY, SECRET).with_grants(grants).to_jwt()
    url = f"http://127.0.0.1:{lab.server.http_port}/twirp/livekit.RoomService/{method}"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=body, headers={"Authorization": f"Bearer {token}"}) as response,
    ):
        return response.status, await response.json()


async def rpc(lab: Lab, identity: str, method: str, payload: object) -> tuple[int, Any]:
    body = {
        "room": "lobby",
        "destination_identity": identity,
        "method": method,
        "payload": json.dumps(payload),
    }
    return await twirp(lab, "PerformRpc", body)


def test_the_callers_headers_can_be_asked_for() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        headers = (("X-Plan", "gold"), ("X-Secret", "s"))
        await caller.call(NUMBER, proxy=lab.sip, headers=headers)
        _, answer = await rpc(lab, IDENTITY, "lk.sip.GetRemoteHeaders", {"exclude": ["x-secret"]})
        found = json.loads(answer["payload"])["headers"]
        assert found["X-Plan"] == "gold"
        assert CALLER in found["From"]
        assert not {name.lower() for name in found} & {"x-secret", "via", "content-type", "cseq"}
        wanted = {"include": ["x-plan"]}
        _, answer = await rpc(lab, IDENTITY, "lk.sip.GetRemoteHeaders", wanted)
        assert json.loads(answer["payload"]) == {"headers": {"X-Plan": "gold"}}

    run(check, sip__answer="immediately")


def test_a_call_can_be_ended_with_headers() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        call = await caller.call(NUMBER, proxy=lab.sip)
        refused, answer = await rpc(lab, IDENTITY, "lk.sip.EndCall", {"headers": {"Via": "x"}})
        assert (refused, answer["code"]) == (400, "invalid_argument")
        assert call.state is CallState.UP
        status, answer = await rpc(lab, IDENTITY, "lk.sip.EndCall", {"headers": {"X-Why": "done"}})
        assert (status, answer) == (200, {"payload": "{}"})
        bye = await call.received("BYE")
        assert bye.header("X-Why") == "done"
        await lab.events.wait_for("call ended")
        assert (lab.events.calls[-1].ended_by, lab.events.calls[-1].end_reason) == (
            "local",
            "ended by RPC",
        )
        assert (await rpc(lab, IDENTITY, "lk.sip.EndCall", {}))[0] == 503

    run(check, sip__answer="immediately")


def test_other_methods_and_other_participants_have_no_rpc() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        await caller.call(NUMBER, proxy=lab.sip)
        status, answer = await rpc(lab, IDENTITY, "greet", {})
        assert (status, answer["code"]) == (400, "invalid_argument")
        assert answer["msg"].endswith("Method not supported at destination")
        web = lab.server.rooms.join("lobby", Join("web"))
        lab.server.rooms.activate(web)
        status, answer = await rpc(lab, "web", "greet", {})
        assert (status, answer["code"]) == (501, "unimplemented")

    run(check, sip__answer="immediately")
