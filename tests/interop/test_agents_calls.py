"""Telephones and the agents of the real livekit-agents: they talk, hand on, and end.

The agents are those of agents/voice.py: a word is a tone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from livekit import api
from tests.interop.support.agents import RealWorker
from tests.interop.support.waiting import wait_until
from tests.support.lab import KEY, NUMBER, SECRET, Lab, run
from tests.support.sdk import SdkClient, token

from hookflash.carrier.call import CarrierCall
from hookflash.carrier.phone import Behaviour, Phone
from hookflash.sip.uri import Uri

pytestmark = pytest.mark.interop

CALLER, HUMAN, BUSY = "+14150000001", "+15105550100", "+15105550199"
IDENTITY = f"sip_{CALLER}"
PLEASE, AGAIN, TAKE = 400, 500, 700
"""What people say, in Hz."""
HELLO, ANSWER, SORRY, ASK = 900, 1200, 1400, 1600
"""What the agent says."""
TIMEOUT = 120.0
SOON = 20.0
AGENT = "phone"
Script = dict[int | str, Any]
"""Word that is heard → word that is answered, or a tool."""


def orders(script: Script | None = None, greeting: str = str(HELLO), **more: Any) -> str:
    """Metadata of a job."""
    words = {str(heard): answer for heard, answer in (script or {}).items()}
    said = {heard: str(a) if isinstance(a, int) else a for heard, a in words.items()}
    return json.dumps({"script": said, "greeting": greeting, **more})


def tool(name: str, **arguments: Any) -> dict[str, Any]:
    return {"tool": name, "arguments": arguments}


def url(lab: Lab) -> str:
    return f"ws://127.0.0.1:{lab.server.http_port}"


@asynccontextmanager
async def worker(lab: Lab, name: str = AGENT, **variables: str) -> AsyncIterator[RealWorker]:
    found = await RealWorker.start(
        url(lab),
        name,
        script="voice.py",
        LIVEKIT_API_KEY=KEY,
        LIVEKIT_API_SECRET=SECRET,
        **variables,
    )
    try:
        yield found
    except BaseException:
        sys.stdout.write("\n".join(found.process.lines[-60:]))  # for who reads why a test failed
        raise
    finally:
        await found.stop()


async def expect_calls(lab: Lab, metadata: str) -> None:
    """A trunk, and a rule that brings the agent into the caller's room."""
    await lab.trunk()
    agent = api.RoomAgentDispatch(agent_name=AGENT, metadata=metadata)
    await lab.rule(room_config=api.RoomConfiguration(agents=[agent]))


def place(lab: Lab, caller: Phone) -> CarrierCall:
    return caller.place(Uri("tel", opaque=NUMBER), proxy=lab.sip)


async def listens(*agents: RealWorker, said: int = 1) -> None:
    """Until one of them knows that it has finished speaking, `said` times, for what is said before
    that it does not answer; on a busy machine that is long after it was heard."""

    def does() -> bool:
        every = [[found["state"] for found in agent.happened("state")] for agent in agents]
        return any(
            states.count("speaking") >= said and states[-1] == "listening" for states in every
        )

    await wait_until(does, "the agent listens", SOON)


async def greeted(lab: Lab, caller: Phone, *agents: RealWorker) -> CarrierCall:
    """A call whose agent has said its first word."""
    call = place(lab, caller)
    await call.answered(SOON)
    await call.hears(HELLO, SOON)
    await call.misses(HELLO, SOON)
    await listens(*agents)
    return call


async def says(call: CarrierCall, tone: int, answer: int, agent: RealWorker | None = None) -> None:
    """Say a word until it is answered; the `agent` listens again at the end."""
    call.sound.say(tone)
    await call.hears(answer, SOON)
    call.sound.say(0)
    await call.misses(answer, SOON)
    if agent is not None:
        await listens(agent)


def test_a_caller_and_an_agent_talk() -> None:
    async def check(lab: Lab) -> None:
        await expect_calls(lab, orders({PLEASE: ANSWER, AGAIN: SORRY}))
        caller = await lab.carrier.phone(CALLER)
        async with worker(lab) as agent:
            call = await greeted(lab, caller, agent)
            await says(call, PLEASE, ANSWER, agent)
            await says(call, AGAIN, SORRY, agent)
            words = [heard["word"] for heard in agent.happened("heard")]
            assert words == [str(PLEASE), str(AGAIN)]
            await call.hang_up()
            await agent.wait_for("ends")

    run(check, within=TIMEOUT)


def test_a_worker_that_comes_after_the_caller_loses_no_word() -> None:
    async def check(lab: Lab) -> None:
        await expect_calls(lab, orders(greeting=f"{HELLO} {ANSWER}"))
        call = place(lab, await lab.carrier.phone(CALLER))
        await lab.status("ringing", IDENTITY)
        async with worker(lab):
            assert 200 not in call.statuses
            await call.answered(SOON)
            await call.hears(HELLO, SOON)
            await call.hears(ANSWER, SOON)
            await call.hang_up()

    run(check, within=TIMEOUT)


def test_a_tool_gets_a_caller_transferred_or_is_told_why_not() -> None:
    async def check(lab: Lab) -> None:
        busy, free = (tool("transfer", number=f"tel:{number}") for number in (BUSY, HUMAN))
        await expect_calls(lab, orders({PLEASE: busy, AGAIN: free, "error": SORRY}))
        caller = await lab.carrier.phone(CALLER)
        await lab.carrier.phone(BUSY, behaviour=Behaviour(answer=486))
        human = await lab.carrier.phone(HUMAN, tone=TAKE)
        async with worker(lab) as agent:
            call = await greeted(lab, caller, agent)
            await says(call, PLEASE, SORRY, agent)
            assert (await agent.wait_for("not transferred"))["sip"] == 486
            assert IDENTITY in [one.identity for one in await lab.participants()]
            call.sound.say(AGAIN)
            await agent.wait_for("transferred")
            await call.ended(SOON)
            connected = call.referrals[1].new_call
            assert connected is not None
            connected.sound.say(PLEASE)
            await connected.hears(TAKE)
            await (await human.called()).hears(PLEASE)

    run(check, within=TIMEOUT)


def test_digits_both_ways_and_a_room_that_the_agent_deletes() -> None:
    async def check(lab: Lab) -> None:
        script: Script = {
            PLEASE: tool("collect", digits=4),
            "": ASK,
            "ok": ANSWER,
            AGAIN: tool("send_dtmf_events", events=["1", "*", "#"]),
            TAKE: tool("finish"),
        }
        await expect_calls(lab, orders(script))
        caller = await lab.carrier.phone(CALLER)
        async with worker(lab) as agent:
            call = await greeted(lab, caller, agent)
            await says(call, PLEASE, ASK, agent)
            await call.press("2580")
            await call.hears(ANSWER, SOON)
            await call.misses(ANSWER, SOON)
            await listens(agent)
            assert (await agent.wait_for("collected"))["digits"] == "2 5 8 0"
            call.sound.say(AGAIN)
            await call.pressed("1*#", SOON)
            call.sound.say(0)
            await listens(agent, said=4)  # what it said meanwhile the digits may have hidden
            call.sound.say(TAKE)
            await call.ended(SOON)
            assert call.ended_by == "peer"
            await agent.wait_for("ends")

    run(check, within=TIMEOUT)


def test_dispatch_by_the_api_and_by_a_token() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        async with worker(lab) as agent:
            call = place(lab, caller)
            await lab.status("ringing", IDENTITY)
            order = api.CreateAgentDispatchRequest(
                room="lobby", agent_name=AGENT, metadata=orders()
            )
            await lab.api.agent_dispatch.create_dispatch(order)
            await call.answered(SOON)
            await call.hears(HELLO, SOON)
            await call.hang_up()
            wanted = api.RoomAgentDispatch(agent_name=AGENT, metadata=orders())
            config = api.RoomConfiguration(agents=[wanted])
            join = token("ann", "parlour", key=KEY, secret=SECRET, room_config=config)
            async with SdkClient(url(lab), join) as ann:
                begins = await agent.wait_for("begins", 2)
                assert begins["room"] == "parlour"
                await ann.hears(f"agent-{begins['job']}", HELLO, SOON)

    run(check, within=TIMEOUT)


def test_a_full_worker_is_not_asked_and_a_job_whose_process_died_begins_anew() -> None:
    async def check(lab: Lab) -> None:
        await expect_calls(lab, orders({PLEASE: ANSWER}))
        caller = await lab.carrier.phone(CALLER)
        async with worker(lab, AGENT_LOAD="0.9") as full, worker(lab) as agent:
            call = await greeted(lab, caller, agent)
            os.kill((await agent.wait_for("begins"))["pid"], signal.SIGKILL)
            await call.hears(HELLO, SOON)
            await call.misses(HELLO, SOON)
            await listens(agent)
            await says(call, PLEASE, ANSWER, agent)
            assert len(agent.happened("begins")) == 2
            assert full.happened("asked") == []
            await call.hang_up()

    run(check, within=TIMEOUT)


def test_when_a_worker_is_killed_the_room_gets_an_agent_of_another() -> None:
    async def check(lab: Lab) -> None:
        await expect_calls(lab, orders({PLEASE: ANSWER}))
        caller = await lab.carrier.phone(CALLER)
        async with worker(lab) as one, worker(lab) as other:
            call = await greeted(lab, caller, one, other)
            busy, idle = (one, other) if one.happened("begins") else (other, one)
            await busy.process.kill()
            await call.hears(HELLO, SOON)
            await call.misses(HELLO, SOON)
            assert len(idle.happened("begins")) == 1
            await listens(idle)
            await says(call, PLEASE, ANSWER, idle)
            await call.hang_up()

    run(check, within=TIMEOUT, rtc__reconnect_timeout=2)


async def expect_warm_transfers(lab: Lab, human: Phone, script: Script) -> None:
    """The agent's tool `warm` dials the human through a trunk of its own."""
    host, port = human.address
    trunk = await lab.api.sip.create_outbound_trunk(
        api.CreateSIPOutboundTrunkRequest(
            trunk=api.SIPOutboundTrunkInfo(
                name="carrier", address=f"{host}:{port}", numbers=["+15550000009"]
            )
        )
    )
    await expect_calls(lab, orders(script, human=HUMAN, trunk=trunk.sip_trunk_id))


def test_a_warm_transfer() -> None:
    async def check(lab: Lab) -> None:
        caller = await lab.carrier.phone(CALLER)
        human = await lab.carrier.phone(HUMAN)
        script: Script = {
            PLEASE: tool("warm"),
            AGAIN: ASK,
            TAKE: tool("connect_to_caller"),
        }
        await expect_warm_transfers(lab, human, script)
        async with worker(lab) as agent:
            call = await greeted(lab, caller, agent)
            call.sound.say(PLEASE)
            answered = await human.called(SOON)
            await call.hears_anything(SOON)
            await says(answered, AGAIN, ASK)
            await answered.misses(PLEASE)
            answered.sound.say(TAKE)
            await agent.wait_for("merged")
            await agent.wait_for("ends")
            await call.hears(TAKE, SOON)
            await answered.hears(PLEASE, SOON)
            present = {one.identity for one in await lab.participants()}
            assert present == {IDENTITY, "human-agent-sip"}
            assert len(agent.happened("asked")) == 1
            await answered.hang_up()
            await call.hang_up()

    run(check, within=TIMEOUT)


def test_a_warm_transfer_to_a_busy_human_comes_back_to_the_caller() -> None:
    async def check(lab: Lab) -> None:
        caller = await lab.carrier.phone(CALLER)
        human = await lab.carrier.phone(HUMAN, behaviour=Behaviour(answer=486))
        await expect_warm_transfers(
            lab, human, {PLEASE: tool("warm"), "error": SORRY, AGAIN: ANSWER}
        )
        async with worker(lab) as agent:
            call = await greeted(lab, caller, agent)
            await says(call, PLEASE, SORRY, agent)
            assert "could not dial" in (await agent.wait_for("not merged"))["message"]
            await says(call, AGAIN, ANSWER, agent)
            await call.hang_up()

    run(check, within=TIMEOUT)
