"""examples/phone-assistant as it is, offline: a real livekit-agents worker, a caller, a REFER."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.interop.support.agents import START, agents_python
from tests.interop.support.process import Process, need
from tests.interop.support.sdks import ROOT
from tests.support.lab import KEY, NUMBER, SECRET, Lab, run

from hookflash.carrier.call import CarrierCall
from hookflash.carrier.phone import Behaviour, Phone
from hookflash.sip.uri import Uri

pytestmark = pytest.mark.interop

CALLER, SUPPORT = "+14150000001", "+15105550100"
HIGH = 900.0
TIMEOUT = 120.0


@asynccontextmanager
async def assistant(lab: Lab) -> AsyncIterator[Process]:
    """The example, as its README starts it; it may not fail anywhere."""
    need("espeak-ng")
    process = await Process.start(
        "phone assistant",
        [
            await agents_python(),
            *("-W", "ignore"),
            ROOT / "examples" / "phone-assistant" / "assistant.py",
            *("dev", "--offline"),
        ],
        env={
            "LIVEKIT_URL": f"ws://127.0.0.1:{lab.server.http_port}",
            "LIVEKIT_API_KEY": KEY,
            "LIVEKIT_API_SECRET": SECRET,
            "SUPPORT_NUMBER": SUPPORT,
            "BILLING_NUMBER": "+15105550199",
            "PYTHONPATH": "",
        },
    )
    try:
        await process.line("registered worker", START)
        yield process
    finally:
        await process.stop(within=15)
    assert "Traceback" not in "\n".join(process.lines), process.tail()


async def greeted(lab: Lab, caller: Phone) -> CarrierCall:
    """A call that hears the assistant."""
    call = caller.place(Uri("tel", opaque=NUMBER), proxy=lab.sip)
    await call.answered(30)
    await call.hears_anything(20)
    return call


def test_a_caller_hears_the_menu_presses_2_and_reaches_the_number() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        await lab.carrier.phone(SUPPORT, tone=HIGH)
        async with assistant(lab):
            call = await greeted(lab, caller)
            await call.press("2")
            await call.received("REFER", within=20)
            await call.ended(20)
            (record,) = [r for kind, r in lab.events.transfers if kind == "ended"]
            assert record.verdict == "succeeded"
            assert record.target == f"tel:{SUPPORT}"
            await lab.events.wait_for("ParticipantLeft", 2, within=20)

    run(check, within=TIMEOUT)


def test_a_caller_whose_number_is_busy_hears_an_apology_and_is_still_connected() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        await lab.carrier.phone(SUPPORT, behaviour=Behaviour(answer=486))
        async with assistant(lab):
            call = await greeted(lab, caller)
            await call.press("2")
            await lab.events.wait_for("transfer ended", within=30)
            await call.hears_anything(20)
            assert len(await lab.participants()) == 2
            await call.hang_up()
            await lab.events.wait_for("ParticipantLeft", 2, within=20)

    run(check, within=TIMEOUT)


def test_a_wrong_key_is_no_transfer_and_a_caller_may_hang_up_while_it_speaks() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        async with assistant(lab):
            call = await greeted(lab, caller)
            await call.press("9")
            await call.hears_anything(20)
            await call.hang_up()
            await lab.events.wait_for("ParticipantLeft", 2, within=20)
            assert not lab.events.transfers

    run(check, within=TIMEOUT)
