"""The real livekit-agents against `hookflash serve --dev`: workers, jobs and their ends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from livekit import api
from livekit.protocol.agent import JobStatus
from tests.interop.support.agents import RealWorker
from tests.support.dev import Dev, dev_server

from hookflash.config import DEV_KEY, DEV_SECRET

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("ignore:The HMAC key is"),
]


@asynccontextmanager
async def worker(dev: Dev, name: str, **variables: str) -> AsyncIterator[RealWorker]:
    """One that is stopped without a job, for it would wait for the end of that."""
    found = await RealWorker.start(dev.url, name, AGENT_STAYS_OUT="1", **variables)
    try:
        yield found
        await end_all_jobs(dev)
    finally:
        await found.stop()


async def end_all_jobs(dev: Dev) -> None:
    async with client(dev) as rooms:
        for room in (await rooms.room.list_rooms(api.ListRoomsRequest())).rooms:
            await rooms.room.delete_room(api.DeleteRoomRequest(room=room.name))


@asynccontextmanager
async def client(dev: Dev) -> AsyncIterator[api.LiveKitAPI]:
    async with api.LiveKitAPI(dev.url, DEV_KEY, DEV_SECRET) as found:
        yield found


async def dispatched(rooms: api.LiveKitAPI, room: str, name: str = "phone") -> str:
    """The id of a new dispatch."""
    order = api.CreateAgentDispatchRequest(room=room, agent_name=name, metadata=f"for {room}")
    return (await rooms.agent_dispatch.create_dispatch(order)).id


async def a_job_from_its_dispatch_to_its_end() -> None:
    async with dev_server() as dev, client(dev) as rooms:
        early = await dispatched(rooms, "early")
        async with worker(dev, "phone") as agent:
            asked = await agent.wait_for("asked")
            assert (asked["room"], asked["metadata"]) == ("early", "for early")
            await agent.wait_for("begins")
            (dispatch,) = await rooms.agent_dispatch.list_dispatch("early")
            assert [job.state.status for job in dispatch.state.jobs] == [JobStatus.JS_RUNNING]
            await rooms.agent_dispatch.delete_dispatch(early, "early")
            assert (await agent.wait_for("ends"))["job"] == asked["job"]
            await rooms.room.create_room(
                api.CreateRoomRequest(
                    name="late", agents=[api.RoomAgentDispatch(agent_name="phone")]
                )
            )
            assert (await agent.wait_for("begins", 2))["room"] == "late"
            await rooms.room.delete_room(api.DeleteRoomRequest(room="late"))
            await agent.wait_for("ends", 2)


def test_a_job_from_its_dispatch_to_its_end() -> None:
    asyncio.run(a_job_from_its_dispatch_to_its_end())


async def a_job_whose_process_is_killed() -> None:
    async with dev_server() as dev, client(dev) as rooms, worker(dev, "phone") as agent:
        await dispatched(rooms, "lobby")
        begins = await agent.wait_for("begins")
        os.kill(begins["pid"], signal.SIGKILL)
        again = await agent.wait_for("begins", 2)
        assert again["job"] != begins["job"]
        (dispatch,) = await rooms.agent_dispatch.list_dispatch("lobby")
        states = [job.state.status for job in dispatch.state.jobs]
        assert states == [JobStatus.JS_FAILED, JobStatus.JS_RUNNING]


def test_a_job_whose_process_is_killed_is_given_out_again() -> None:
    asyncio.run(a_job_whose_process_is_killed())


async def one_refuses_and_another_takes_it() -> None:
    async with dev_server() as dev, client(dev) as rooms:
        async with worker(dev, "phone", AGENT_REFUSES="1") as refuses:
            await dispatched(rooms, "lobby")
            await refuses.wait_for("asked")
            async with worker(dev, "phone") as takes:
                assert (await takes.wait_for("begins"))["room"] == "lobby"
        assert refuses.happened("begins") == []


def test_one_refuses_and_another_takes_it() -> None:
    asyncio.run(one_refuses_and_another_takes_it())


async def an_unnamed_worker() -> None:
    async with dev_server() as dev, client(dev) as rooms, worker(dev, "") as agent:
        await rooms.room.create_room(api.CreateRoomRequest(name="any"))
        assert (await agent.wait_for("begins"))["room"] == "any"


def test_an_unnamed_worker_gets_every_room() -> None:
    asyncio.run(an_unnamed_worker())
