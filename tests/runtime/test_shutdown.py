"""calls.md §5: SIGTERM takes no new calls, lets running ones end, then hangs up."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from livekit import api
from livekit.protocol.agent import WorkerPing, WorkerPong
from tests.support.lab import NUMBER, Lab, run
from tests.support.worker import connected

from hookflash.carrier.agent import CarrierError
from hookflash.carrier.phone import Behaviour
from hookflash.runtime.shutdown import LAST_BYE

CALLER, OTHER = "+14150000001", "+14160000001"


def test_draining_refuses_new_calls_and_waits_for_running_ones() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        other = await lab.carrier.phone(OTHER)
        call = await caller.call(NUMBER, proxy=lab.sip)
        draining = asyncio.create_task(lab.server.drain(20.0))
        await asyncio.wait([draining], timeout=0)
        with pytest.raises(CarrierError, match="503"):
            await other.call(NUMBER, proxy=lab.sip)
        assert not draining.done()
        assert [up.ended for up in lab.server.exchange.calls.values()] == [False]
        await call.hang_up()
        await draining

    run(check, sip__answer="immediately")


def test_workers_are_told_of_the_end_after_the_drain() -> None:
    """1001, and not while a call goes on, to which their jobs belong."""

    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        call = await caller.call(NUMBER, proxy=lab.sip)
        async with connected(lab.server.http_port) as worker:
            await worker.register()
            draining = asyncio.create_task(lab.server.drain(20.0))
            await asyncio.wait([draining], timeout=0)
            await worker.say(ping=WorkerPing(timestamp=1))
            await worker.hear(WorkerPong)
            assert not draining.done()
            await call.hang_up()
            await draining
            await lab.server._http.stop()
            ended = await worker.socket.receive(10)
            assert ended.type is aiohttp.WSMsgType.CLOSE
            assert ended.data == 1001

    run(check, sip__answer="immediately")


def test_at_the_end_of_the_drain_each_call_gets_bye_and_each_transfer_is_interrupted() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(notify=()))
        call = await caller.call(NUMBER, proxy=lab.sip)
        pending = asyncio.create_task(lab.transfer(f"sip_{CALLER}", "tel:+15105550100"))
        await call.received("REFER")
        await lab.server.drain(0.0)
        with pytest.raises(api.TwirpError) as caught:
            await pending
        assert caught.value.code == "unavailable"
        await call.ended()
        assert lab.events.transfers[-1][1].verdict == "interrupted"

    run(check, sip__answer="immediately")


def test_a_drain_ends_with_the_answers_to_the_last_byes() -> None:
    """Not with their transactions, which UDP keeps for five seconds more (timer K)."""

    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        call = await caller.call(NUMBER, proxy=lab.sip)
        loop = asyncio.get_running_loop()
        started = loop.time()
        await lab.server.drain(0.0)
        await call.ended()
        assert loop.time() - started < LAST_BYE / 2

    run(check, sip__answer="immediately")


def test_messages_of_a_call_that_waits_for_late_ones_are_kept() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(notify=(100,)))
        call = await caller.call(NUMBER, proxy=lab.sip)
        (participant,) = await lab.participants()
        call_id = participant.attributes["sip.callID"]
        transfer = asyncio.create_task(lab.transfer(f"sip_{CALLER}", "tel:+15105550100"))
        await lab.events.wait_for("transfer updated", 2)
        await call.hang_up()
        with pytest.raises(api.TwirpError, match="STR_CALL_ENDED"):
            await transfer
        await lab.events.wait_for("call ended")
        assert await lab.server.store.messages(call_id) is None
        await lab.server.drain(0.0)
        kept = await lab.server.store.messages(call_id)
        assert kept is not None
        assert kept.messages[-1].data.startswith((b"BYE ", b"SIP/2.0 200 "))

    run(check, sip__answer="immediately")
