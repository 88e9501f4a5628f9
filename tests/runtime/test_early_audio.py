"""Audio of a call that an API request placed, before its answer and while keys are pressed
(calls.md §4)."""

from __future__ import annotations

import asyncio

from tests.support.lab import TIMEOUT, Lab, run

from hookflash.carrier.phone import Behaviour

from .test_dial_requests import CALLEE, HIGH, LOW, OTHER, dial, status, trunk_to

DIALTONE = 425.0


def test_the_room_hears_the_network_before_the_answer_and_is_not_heard_by_it() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, tone=LOW, behaviour=Behaviour(answer=None))
        other = await lab.carrier.phone(OTHER, tone=HIGH)
        await dial(lab, await trunk_to(lab, other), sip_call_to=OTHER, wait_until_answered=True)
        listener = await other.called()
        await dial(lab, await trunk_to(lab, phone), play_dialtone=True)
        await listener.hears(DIALTONE, within=TIMEOUT)
        answering = phone.calls[0]
        assert answering._incoming is not None
        key, invite = answering._incoming
        body, plan = answering.negotiator.answer(invite.body)
        answering._reply(key, invite, 183, body)
        answering.sound.apply(plan)
        await listener.hears(LOW)
        await asyncio.gather(listener.misses(DIALTONE), answering.misses(HIGH))
        answering.answer(200)
        await status(lab, "active")
        await asyncio.gather(listener.hears(LOW), answering.hears(HIGH))

    run(check)


def test_each_call_is_connected_when_its_own_keys_are_pressed() -> None:
    async def check(lab: Lab) -> None:
        slow = await lab.carrier.phone(CALLEE, tone=LOW)
        fast = await lab.carrier.phone(OTHER, tone=HIGH)
        to_slow, to_fast = await trunk_to(lab, slow), await trunk_to(lab, fast)
        first = asyncio.create_task(dial(lab, to_slow, dtmf="123456", wait_until_answered=True))
        await status(lab, "automation")
        await dial(lab, to_fast, sip_call_to=OTHER, dtmf="1", wait_until_answered=True)
        assert not first.done()
        assert lab.server.exchange.keying.next_deadline() is not None
        await first
        assert lab.server.exchange.keying.next_deadline() is None
        one, two = await slow.called(), await fast.called()
        await asyncio.gather(one.hears(HIGH), two.hears(LOW))

    run(check)


def test_who_hangs_up_while_keys_are_pressed_was_answered() -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE)
        trunk = await trunk_to(lab, phone)
        asked = asyncio.create_task(dial(lab, trunk, dtmf="123456", wait_until_answered=True))
        await status(lab, "automation")
        await phone.calls[0].hang_up()
        await asked
        await lab.events.wait_for("call ended")
        assert lab.server.exchange.keying.next_deadline() is None

    run(check)
