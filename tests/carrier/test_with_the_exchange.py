"""The phones against the whole exchange in one process: rooms, sound, transfers of all sorts."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration
from livekit import api
from tests.support.lab import NUMBER, Lab, run

from hookflash.carrier.call import CallState
from hookflash.carrier.phone import Behaviour
from hookflash.sip.flow import Transport

CALLER, AGENT, THIRD, TARGET = "+14150000001", "+15550000100", "+15550000101", "+15105550123"


async def outcome(lab: Lab, target: str, seconds: int) -> str:
    """The reason of a transfer's outcome, as the SDK gives it."""
    try:
        answer = await lab.transfer(
            f"sip_{CALLER}", target, ringing_timeout=Duration(seconds=seconds)
        )
    except api.TwirpError as error:
        return str(error.metadata["sip_transfer_reason"])
    return str(api.SIPTransferReason.Name(answer.reason))


def test_three_phones_of_two_codecs_in_a_room() -> None:
    async def test(lab: Lab) -> None:
        await lab.ready()
        await lab.carrier.phone(CALLER, tone=330)
        await lab.carrier.phone(AGENT, tone=550, codecs=("PCMA",))
        await lab.carrier.phone(THIRD, tone=1000)
        agent = await lab.carrier.phones[AGENT].call(NUMBER, proxy=lab.sip)
        caller = await lab.carrier.phones[CALLER].call(NUMBER, proxy=lab.sip)
        await caller.hears(550)
        await agent.hears(330)
        third = await lab.carrier.phones[THIRD].call(NUMBER, proxy=lab.sip)
        for call, tones in ((caller, (550, 1000)), (agent, (330, 1000)), (third, (330, 550))):
            for tone in tones:
                await call.hears(tone)
        await caller.hold()
        await agent.misses(330)
        await caller.resume()
        await agent.hears(330)
        await third.press("5#")
        await caller.pressed("5#")
        await agent.pressed("5#")
        await third.hang_up()
        await caller.misses(1000)

    run(test, sip__answer="immediately")


CASES = [
    pytest.param(Behaviour(), "tel:" + TARGET, "STR_COMPLETED", id="succeeded"),
    pytest.param(Behaviour(notify_early=True), "tel:" + TARGET, "STR_COMPLETED", id="early"),
    pytest.param(Behaviour(notify=(204,)), "tel:" + TARGET, "STR_COMPLETED", id="204"),
    pytest.param(Behaviour(refer=603), "tel:" + TARGET, "STR_REJECTED", id="603"),
    pytest.param(Behaviour(notify=(100, 486)), "tel:" + TARGET, "STR_REJECTED", id="486"),
    pytest.param(Behaviour(), "tel:+1999", "STR_REJECTED", id="404"),
    pytest.param(Behaviour(notify=()), "tel:" + TARGET, "STR_RINGING_TIMEOUT", id="no-notify"),
    pytest.param(Behaviour(refer=None), "tel:" + TARGET, "STR_RINGING_TIMEOUT", id="silence"),
    pytest.param(
        Behaviour(notify=(100,), hang_up=True), "tel:" + TARGET, "STR_CALL_ENDED", id="bye"
    ),
]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(("behaviour", "target", "reason"), CASES)
def test_transfers(behaviour: Behaviour, target: str, reason: str, transport: Transport) -> None:
    """The verdict, and who talks to whom after it: a failed transfer leaves all as it was."""

    async def test(lab: Lab) -> None:
        await lab.ready()
        await lab.carrier.phone(CALLER, tone=330, behaviour=behaviour)
        await lab.carrier.phone(AGENT, tone=550)
        await lab.carrier.phone(TARGET, tone=1000)
        agent = await lab.carrier.phones[AGENT].call(NUMBER, proxy=lab.sip)
        caller = await lab.carrier.phones[CALLER].call(NUMBER, proxy=lab.sip, transport=transport)
        await agent.hears(330)
        seconds = 1 if reason == "STR_RINGING_TIMEOUT" else 10
        assert await outcome(lab, target, seconds) == reason
        if reason in {"STR_COMPLETED", "STR_CALL_ENDED"}:
            await caller.ended(within=2)
            assert caller.ended_by == ("peer" if reason == "STR_COMPLETED" else "phone")
            await agent.misses(330)
        else:
            await caller.hears(550)
            await agent.hears(330)
            assert caller.state is CallState.UP
            await caller.hang_up()
        if behaviour.notify is None and reason == "STR_COMPLETED":
            await (await lab.carrier.phones[TARGET].called()).hears(330)

    run(test, sip__answer="immediately")
