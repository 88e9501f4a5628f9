"""calls.md §1: a PIN rule answers first, plays the prompt, takes digits until `#`, 3 attempts."""

from __future__ import annotations

import asyncio

from livekit import api
from tests.support.lab import NUMBER, Lab, run

CALLER = "+14150000001"


def test_the_right_pin_lets_the_caller_into_the_room() -> None:
    async def check(lab: Lab) -> None:
        await lab.trunk()
        await lab.rule("vault", pin="1234", attributes={"via": "pin"})
        caller = await lab.carrier.phone(CALLER, tone=440.0)
        call = await caller.call(NUMBER, proxy=lab.sip)
        assert await lab.participants("vault") == []
        await call.press("1234#")
        await lab.events.wait_for("TrackPublished")
        (participant,) = await lab.participants("vault")
        assert participant.attributes["sip.callStatus"] == "active"
        assert participant.attributes["via"] == "pin"

    run(check)


def test_three_wrong_pins_end_the_call() -> None:
    async def check(lab: Lab) -> None:
        await lab.trunk()
        await lab.rule("vault", pin="1234")
        caller = await lab.carrier.phone(CALLER)
        call = await caller.call(NUMBER, proxy=lab.sip)
        await call.press("1#2#3#")
        await call.ended(within=10.0)
        await lab.events.wait_for("call ended")
        assert lab.events.calls[0].end_reason == "wrong PIN"
        assert lab.events.names.count("TrackPublished") == 0

    run(check)


def test_a_caller_who_hangs_up_while_asked_is_forgotten() -> None:
    async def check(lab: Lab) -> None:
        await lab.trunk()
        await lab.rule("vault", pin="1234")
        caller = await lab.carrier.phone(CALLER)
        call = await caller.call(NUMBER, proxy=lab.sip)
        await call.hang_up()
        await lab.events.wait_for("call ended")
        assert lab.server.exchange.pins.next_deadline() is None

    run(check)


def test_three_silences_are_three_wrong_pins() -> None:
    async def check(lab: Lab) -> None:
        await lab.trunk()
        await lab.rule("vault", pin="1234")
        caller = await lab.carrier.phone(CALLER)
        call = await caller.call(NUMBER, proxy=lab.sip)
        pins = lab.server.exchange.pins
        for _ in range(3):
            due = pins.next_deadline()
            assert due is not None
            pins.handle_deadline(due - 0.1)
            assert pins.next_deadline() == due, "he may still speak"
            pins.handle_deadline(due)
        assert pins.next_deadline() is None
        await call.ended(within=10.0)
        await lab.events.wait_for("call ended")
        assert lab.events.calls[0].end_reason == "wrong PIN"

    run(check)


def test_the_right_pin_of_a_full_room_ends_the_call() -> None:
    async def check(lab: Lab) -> None:
        await lab.api.room.create_room(api.CreateRoomRequest(name="vault", max_participants=1))
        await lab.trunk()
        await lab.rule("vault", pin="1234")
        first = await (await lab.carrier.phone(CALLER)).call(NUMBER, proxy=lab.sip)
        await first.press("1234#")
        await lab.events.wait_for("TrackPublished")
        second = await (await lab.carrier.phone("+14150000002")).call(NUMBER, proxy=lab.sip)
        keys = asyncio.create_task(second.press("1234#"))
        await second.ended(within=10.0)
        await asyncio.wait([keys])  # the call may be over before the last packet of `#`
        await lab.events.wait_for("call ended")
        assert lab.events.calls[0].end_reason == "room refused"
        assert len(await lab.participants("vault")) == 1

    run(check)
