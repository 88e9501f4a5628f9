"""An agent worker as aiohttp speaks it, for a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp
from google.protobuf import json_format
from livekit import api
from livekit.protocol.agent import (
    AvailabilityRequest,
    AvailabilityResponse,
    JobAssignment,
    JobTermination,
    RegisterWorkerRequest,
    RegisterWorkerResponse,
    ServerMessage,
    UpdateJobStatus,
    UpdateWorkerStatus,
    WorkerMessage,
    WorkerPong,
)
from tests.support.lab import KEY, SECRET

Answer = TypeVar(
    "Answer",
    RegisterWorkerResponse,
    AvailabilityRequest,
    JobAssignment,
    JobTermination,
    WorkerPong,
)
_KINDS = {
    RegisterWorkerResponse: "register",
    AvailabilityRequest: "availability",
    JobAssignment: "assignment",
    JobTermination: "termination",
    WorkerPong: "pong",
}


def agent_token(**grants: Any) -> str:
    """As a worker signs it: no identity, `video.agent`."""
    video = api.VideoGrants(agent=True) if not grants else api.VideoGrants(**grants)
    return api.AccessToken(KEY, SECRET).with_grants(video).to_jwt()


class AgentWorker:
    """One open socket; `as_json`: it sends text frames, and reads them."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, *, as_json: bool = False) -> None:
        self.socket = socket
        self._as_json = as_json

    async def say(self, **message: Any) -> None:
        said = WorkerMessage(**message)
        if self._as_json:
            await self.socket.send_str(json_format.MessageToJson(said))
        else:
            await self.socket.send_bytes(said.SerializeToString())

    async def hear(self, kind: type[Answer]) -> Answer:
        """The next message, which is of that kind."""
        if self._as_json:
            message = json_format.Parse(await self.socket.receive_str(), ServerMessage())
        else:
            message = ServerMessage.FromString(await self.socket.receive_bytes())
        assert message.WhichOneof("message") == _KINDS[kind], message
        found: Answer = getattr(message, _KINDS[kind])
        return found

    async def register(self, name: str = "phone", **fields: Any) -> str:
        """The worker's id."""
        await self.say(register=RegisterWorkerRequest(agent_name=name, version="1", **fields))
        return (await self.hear(RegisterWorkerResponse)).worker_id

    async def status(self, status: str = "WS_AVAILABLE", load: float = 0.0) -> None:
        await self.say(update_worker=UpdateWorkerStatus(status=status, load=load))

    async def accept(self) -> JobAssignment:
        """The next job."""
        asked = await self.hear(AvailabilityRequest)
        await self.say(
            availability=AvailabilityResponse(
                job_id=asked.job.id,
                available=True,
                participant_identity=f"agent-{asked.job.id}",
                participant_name="Agent",
            )
        )
        return await self.hear(JobAssignment)

    async def update(self, job_id: str, status: str) -> None:
        await self.say(update_job=UpdateJobStatus(job_id=job_id, status=status))


@asynccontextmanager
async def connected(port: int, *, as_json: bool = False) -> AsyncIterator[AgentWorker]:
    """A worker's socket to the server on this machine."""
    headers = {"Authorization": f"Bearer {agent_token()}"}
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{port}/agent"
        async with session.ws_connect(url, headers=headers) as socket:
            yield AgentWorker(socket, as_json=as_json)
