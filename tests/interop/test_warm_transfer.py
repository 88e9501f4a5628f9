"""examples/warm-transfer as it is, offline: a caller, a person who is asked first, then the two."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from livekit import api
from tests.interop.support.agents import START, agents_python
from tests.interop.support.process import Process, need
from tests.interop.support.sdks import ROOT
from tests.support.lab import KEY, NUMBER, SECRET, Lab, run

from hookflash.carrier.agent import CarrierError
from hookflash.carrier.call import CarrierCall
from hookflash.carrier.phone import Phone
from hookflash.sip.uri import Uri

pytestmark = pytest.mark.interop

CALLER, HUMAN = "+14150000001", "+15105550100"
LOW, HIGH = 2500.0, 2900.0
"""Of which speech and music have little."""
TIMEOUT = 120.0
SOON = 20.0


@asynccontextmanager
async def reception(lab: Lab, human: Phone) -> AsyncIterator[Process]:
    """The example, as its README starts it; it may not fail anywhere."""
    need("espeak-ng")
    host, port = human.address
    trunk = await lab.api.sip.create_outbound_trunk(
        api.CreateSIPOutboundTrunkRequest(
            trunk=api.SIPOutboundTrunkInfo(
                name="people", address=f"{host}:{port}", numbers=["+15550000009"]
            )
        )
    )
    process = await Process.start(
        "reception",
        [
            await agents_python(),
            *("-W", "ignore"),
            ROOT / "examples" / "warm-transfer" / "reception.py",
            *("dev", "--offline"),
        ],
        env={
            "LIVEKIT_URL": f"ws://127.0.0.1:{lab.server.http_port}",
            "LIVEKIT_API_KEY": KEY,
            "LIVEKIT_API_SECRET": SECRET,
            "LIVEKIT_SIP_OUTBOUND_TRUNK": trunk.sip_trunk_id,
            "HUMAN_NUMBER": HUMAN,
            "PYTHONPATH": "",
        },
    )
    try:
        await process.line("registered worker", START)
        yield process
    finally:
        await process.stop(within=15)
    # livekit-agents logs tracebacks of its own where a room is deleted while it says something.
    assert process.find(r'File ".*/warm-transfer/') is None, process.tail()


async def asks(lab: Lab, caller: Phone) -> CarrierCall:
    """A caller who has asked for a person, and says no more."""
    call = caller.place(Uri("tel", opaque=NUMBER), proxy=lab.sip)
    await call.answered(SOON)
    await call.hears_anything(SOON)
    await call.press("1")
    return call


def test_the_person_hears_who_waits_and_takes_the_call() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, tone=LOW)
        human = await lab.carrier.phone(HUMAN, tone=HIGH)
        async with reception(lab, human):
            call = await asks(lab, caller)
            answered = await human.called(SOON)
            await answered.hears_anything(SOON)
            await answered.misses(LOW)
            await call.hears_anything(SOON)
            await answered.press("1")
            await call.hears(HIGH, SOON)
            await answered.hears(LOW, SOON)
            await answered.hang_up()
            await call.ended(SOON)

    run(check, within=TIMEOUT)


def test_a_person_who_declines_is_hung_up_on_and_the_caller_is_asked_again() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        human = await lab.carrier.phone(HUMAN, tone=HIGH)
        async with reception(lab, human) as process:
            call = await asks(lab, caller)
            answered = await human.called(SOON)
            with contextlib.suppress(CarrierError):  # it may be hung up on before the key is up
                await answered.press("2")
            await answered.ended(SOON)
            await process.line("declined to connect: key 2")
            await call.hears_anything(SOON)
            await call.hang_up()
            await lab.events.wait_for("ParticipantLeft", 4, within=SOON)

    run(check, within=TIMEOUT)
