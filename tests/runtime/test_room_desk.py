"""Room and phones: mute, subscriptions, digits from the room, rooms that end."""

from __future__ import annotations

import asyncio

from livekit import api
from tests.support.lab import NUMBER, Lab, run

from hookflash.carrier.call import Call

CALLER, AGENT, THIRD = "+14150000001", "+14160000001", "+14170000001"
LOW, HIGH = 330.0, 550.0


async def two_calls(lab: Lab) -> tuple[Call, Call]:
    """Caller and agent in one room, hearing each other."""
    await lab.ready()
    caller = await lab.carrier.phone(CALLER, tone=LOW)
    agent = await lab.carrier.phone(AGENT, tone=HIGH)
    one, two = await asyncio.gather(
        caller.call(NUMBER, proxy=lab.sip), agent.call(NUMBER, proxy=lab.sip)
    )
    await asyncio.gather(one.hears(HIGH), two.hears(LOW))
    return one, two


def test_a_muted_track_is_not_heard_in_the_room() -> None:
    async def check(lab: Lab) -> None:
        _, two = await two_calls(lab)
        identity = f"sip_{CALLER}"
        (track,) = next(p for p in await lab.participants() if p.identity == identity).tracks
        await lab.api.room.mute_published_track(
            api.MuteRoomTrackRequest(
                room="lobby", identity=identity, track_sid=track.sid, muted=True
            )
        )
        await two.misses(LOW)
        await lab.api.room.mute_published_track(
            api.MuteRoomTrackRequest(
                room="lobby", identity=identity, track_sid=track.sid, muted=False
            )
        )
        await two.hears(LOW)

    run(check, room__enable_remote_unmute=True)


def test_a_phone_hears_only_what_it_is_subscribed_to() -> None:
    async def check(lab: Lab) -> None:
        one, two = await two_calls(lab)
        third = await lab.carrier.phone(THIRD, tone=770.0)
        await third.call(NUMBER, proxy=lab.sip)
        await one.hears(770.0)
        identity = f"sip_{THIRD}"
        (track,) = next(p for p in await lab.participants() if p.identity == identity).tracks
        await lab.api.room.update_subscriptions(
            api.UpdateSubscriptionsRequest(
                room="lobby", identity=f"sip_{CALLER}", track_sids=[track.sid], subscribe=False
            )
        )
        await one.misses(770.0)
        await asyncio.gather(one.hears(HIGH), two.hears(770.0))

    run(check)


def test_a_digit_of_a_server_side_client_reaches_the_phones() -> None:
    async def check(lab: Lab) -> None:
        one, two = await two_calls(lab)
        rooms, desk = lab.server.rooms, lab.server.exchange.room_desk
        room = rooms.get("lobby")
        assert room is not None
        desk.tell(rooms.server_dtmf(0.0, room, "7", [f"sip_{CALLER}"]))
        await one.pressed("7")
        assert two.sound.digits == ""
        desk.tell(rooms.server_dtmf(0.0, room, "8"))
        await asyncio.gather(one.pressed("8"), two.pressed("8"))

    run(check)


def test_with_three_phones_a_digit_is_sent_to_each_of_the_others() -> None:
    async def check(lab: Lab) -> None:
        one, two = await two_calls(lab)
        third = await lab.carrier.phone(THIRD, tone=770.0)
        three = await third.call(NUMBER, proxy=lab.sip)
        await one.hears(770.0)
        await one.press("5")
        await asyncio.gather(two.pressed("5"), three.pressed("5"))

    run(check)


def test_a_room_outlives_its_last_caller_by_the_departure_timeout() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        call = await caller.call(NUMBER, proxy=lab.sip)
        await call.hang_up()
        await lab.events.wait_for("ParticipantLeft")
        assert lab.server.rooms.get("lobby") is not None
        await lab.events.wait_for("RoomFinished")
        assert lab.server.rooms.get("lobby") is None

    run(check, sip__answer="immediately", room__departure_timeout=1)
