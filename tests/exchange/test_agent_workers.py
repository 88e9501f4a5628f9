"""Agent workers of a whole server: rooms ask, workers answer, jobs end."""

from __future__ import annotations

import asyncio
import json
import random

import jwt
from livekit import api
from livekit.protocol.agent import (
    AvailabilityRequest,
    AvailabilityResponse,
    JobAssignment,
    JobStatus,
    JobTermination,
    ServerMessage,
)
from livekit.protocol.models import ParticipantPermission, TrackSource
from tests.support.lab import KEY, SECRET, Lab, run
from tests.support.worker import AgentWorker, connected

from hookflash.agents import effects as fx
from hookflash.base.ids import Ids
from hookflash.exchange.agent_workers import server_info
from hookflash.rooms.orders import AgentOrder, Join, Kind, RoomOptions

PHONE = RoomOptions(agents=(AgentOrder("phone", metadata="m"),))


def make(lab: Lab, name: str = "lobby") -> None:
    lab.server.rooms.create(name, PHONE)


async def settled(worker: AgentWorker) -> None:
    """The server has read what the worker said so far: it answers in order."""
    await worker.say(ping={"timestamp": 1})
    message = await worker.socket.receive_bytes()
    assert b"\x08\x01" in message


def test_a_room_of_the_api_gets_its_agent() -> None:
    async def check(lab: Lab) -> None:
        async with connected(lab.server.http_port) as worker:
            worker_id = await worker.register()
            dispatch = await lab.api.agent_dispatch.create_dispatch(
                api.CreateAgentDispatchRequest(agent_name="phone", room="lobby", metadata="m")
            )
            assigned = await worker.accept()
            job = assigned.job
            assert (job.dispatch_id, job.room.name, job.metadata) == (dispatch.id, "lobby", "m")
            assert not assigned.HasField("url")
            await worker.update(job.id, "JS_RUNNING")
            await settled(worker)
            (listed,) = await lab.api.agent_dispatch.list_dispatch("lobby")
            (shown,) = listed.state.jobs
            assert (shown.id, shown.state.status) == (job.id, JobStatus.JS_RUNNING)
            assert (shown.state.worker_id, shown.HasField("room")) == (worker_id, False)
            gone = await lab.api.agent_dispatch.delete_dispatch(dispatch.id, "lobby")
            assert [one.id for one in gone.state.jobs] == [job.id]
            assert (await worker.hear(JobTermination)).job_id == job.id
            assert await lab.api.agent_dispatch.list_dispatch("lobby") == []

    run(check)


def test_the_token_of_a_job() -> None:
    async def check(lab: Lab) -> None:
        async with connected(lab.server.http_port) as worker:
            permission = ParticipantPermission(
                can_subscribe=True,
                can_publish_data=True,
                hidden=True,
                can_publish_sources=[TrackSource.MICROPHONE],
            )
            await worker.register(allowed_permissions=permission)
            make(lab)
            asked = await worker.hear(AvailabilityRequest)
            await worker.say(
                availability=AvailabilityResponse(
                    job_id=asked.job.id,
                    available=True,
                    participant_identity="agent-x",
                    participant_name="Agent",
                    participant_metadata="pm",
                    participant_attributes={"lk.agent.name": "phone"},
                )
            )
            token = (await worker.hear(JobAssignment)).token
        claims = jwt.decode(token, SECRET, ["HS256"])
        assert 3500 < claims.pop("exp") - claims.pop("nbf") <= 3600
        assert claims == {
            "iss": KEY,
            "sub": "agent-x",
            "name": "Agent",
            "metadata": "pm",
            "attributes": {"lk.agent.name": "phone", "lk.agent_name": "phone"},
            "kind": "agent",
            "video": {
                "roomJoin": True,
                "agent": True,
                "room": "lobby",
                "canSubscribe": True,
                "canPublish": False,
                "canPublishData": True,
                "canUpdateOwnMetadata": False,
                "canSubscribeMetrics": False,
                "canPublishSources": ["microphone"],
                "hidden": True,
            },
        }

    run(check)


def test_a_deadline_asks_the_next() -> None:
    async def check(lab: Lab) -> None:
        async with (
            connected(lab.server.http_port) as one,
            connected(lab.server.http_port) as two,
        ):
            await one.register()
            await two.register()
            make(lab)
            hearing = {
                asyncio.create_task(each.hear(AvailabilityRequest)): each for each in (one, two)
            }
            done, _ = await asyncio.wait(hearing, return_when=asyncio.FIRST_COMPLETED)
            (first,) = done
            await asyncio.wait(hearing)  # three seconds later
            assert len({task.result().job.id for task in hearing}) == 1
            assert first.result().job.state.worker_id != _other(hearing, first)
        counted = [line["outcome"] for line in lab.logged("agent_job")]
        assert counted[0] == "silent"

    run(check)


def _other(hearing: dict[asyncio.Task[AvailabilityRequest], AgentWorker], first: object) -> str:
    (other,) = (task for task in hearing if task is not first)
    return other.result().job.state.worker_id


def test_a_room_that_waits_is_logged_counted_and_shown() -> None:
    async def check(lab: Lab) -> None:
        make(lab)
        line = "room lobby waits for agent phone: no worker of that name; names now: none"
        assert len(lab.logged(line)) == 1
        page = lab.server.metrics.page().decode()
        assert "hookflash_agent_jobs_waiting 1.0" in page
        async with connected(lab.server.http_port) as worker:
            await worker.register()
            assigned = await worker.accept()
            await worker.update(assigned.job.id, "JS_SUCCESS")
            await settled(worker)
            page = lab.server.metrics.page().decode()
            for text in (
                "hookflash_agent_jobs_waiting 0.0",
                "hookflash_agent_jobs_running 0.0",
                "hookflash_agent_workers 1.0",
                'hookflash_agent_jobs_total{outcome="assigned"} 1.0',
                'hookflash_agent_jobs_total{outcome="succeeded"} 1.0',
            ):
                assert text in page
        assert [line["agent"] for line in lab.logged("worker_registered")] == ["phone"]

    run(check)


def test_an_agent_that_stays_when_its_job_has_failed_is_out_of_the_room() -> None:
    async def check(lab: Lab) -> None:
        rooms = lab.server.rooms
        async with connected(lab.server.http_port) as worker:
            await worker.register()
            make(lab)
            job = (await worker.accept()).job
            agent = rooms.join("lobby", Join(f"agent-{job.id}", kind=Kind.AGENT))
            rooms.activate(agent)
            await worker.update(job.id, "JS_FAILED")
            again = await worker.hear(AvailabilityRequest)
            assert (again.job.id != job.id, agent.left) == (True, True)

    run(check)


def test_a_removal_while_rooms_are_told_waits_its_turn() -> None:
    """A room's event makes the machine remove an agent: an input in the middle of the telling."""

    async def check(lab: Lab) -> None:
        rooms = lab.server.rooms
        async with connected(lab.server.http_port) as worker:
            await worker.register()
            make(lab)
            job = (await worker.accept()).job
            agent = rooms.join("lobby", Join(f"agent-{job.id}", kind=Kind.AGENT))
            rooms.activate(agent)
            await lab.api.agent_dispatch.delete_dispatch(job.dispatch_id, "lobby")
            assert (await worker.hear(JobTermination)).job_id == job.id
            assert not agent.left
            await lab.events.wait_for("ParticipantLeft")  # three seconds later
            assert agent.left

    run(check)


def test_what_is_told_of_the_server() -> None:
    info = server_info(Ids(random.Random(1)))
    assert (info.protocol, info.agent_protocol) == (17, 1)
    assert info.node_id.startswith("ND_")


def test_the_report_is_json() -> None:
    async def check(lab: Lab) -> None:
        async with connected(lab.server.http_port) as worker:
            worker_id = await worker.register(deployment="blue")
            lab.server.rooms.create("lobby", PHONE)
            await worker.status(load=0.25)
            await settled(worker)
            report = json.loads(json.dumps(lab.server.agents.report()))
            (shown,) = report["workers"]
            assert shown.pop("registered_at") > 1.6e9
            assert shown == {
                "worker_id": worker_id,
                "agent_name": "phone",
                "type": "JT_ROOM",
                "namespace": "",
                "deployment": "blue",
                "version": "1",
                "status": "WS_AVAILABLE",
                "load": 0.25,
                "jobs": [],
            }
            (waiting,) = report["waiting"]
            assert (waiting["room"], waiting["agent_name"]) == ("lobby", "phone")
            assert waiting["why"] == "no worker of that name; names now: phone"

    run(check)


def test_what_is_for_a_worker_or_an_agent_that_is_gone_is_passed_over() -> None:
    async def check(lab: Lab) -> None:
        rooms, agents = lab.server.rooms, lab.server.agents
        room = rooms.create("lobby")
        ann = rooms.join("lobby", Join("ann"))
        agents._perform(
            [
                fx.SendWorker("AW_gone", ServerMessage()),
                fx.CloseWorker("AW_gone", 1008, "it is late"),
                fx.RemoveAgent(room, "gone"),
            ]
        )
        assert (list(room.participants), ann.left) == (["ann"], False)
        assert not lab.logged("agent_not_removed")
        agents._perform([fx.RemoveAgent(room, "ann")])
        assert ann.left

    run(check)
