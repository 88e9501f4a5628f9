"""Agent workers of the process: their sockets, the rooms that ask for them, and the time, all given
to `agents.dispatcher.AgentDispatcher`; what comes back is performed here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import structlog
from livekit.protocol.agent import Job as JobInfo
from livekit.protocol.agent import JobAssignment, JobType, ServerMessage
from livekit.protocol.models import ServerInfo

from ..access.grants import Claims
from ..agents import effects as fx
from ..agents.dispatcher import AgentDispatcher
from ..agents.messages import WorkerError, read, write
from ..base.errors import ApiError
from ..base.ids import Ids
from ..base.performers import on, performers
from ..ports import DeadlineTimer, MessageSocket, WorldClock
from ..rooms.events import RoomEvent
from ..signalling.responses import ServerFacts
from ..version import hookflash_version
from .call_metrics import Count
from .rooms import RoomHost

TOKEN_TTL: Final = 3600.0
"""Seconds in which a job may join (facts §5.3)."""
INVALID_DATA: Final = 1007
"""Close code for what cannot be read (RFC 6455 §7.4.1)."""

Signer = Callable[[str, Mapping[str, object], float], str]
"""API key, claims beside issuer and times, seconds that it holds: a token."""

_log = structlog.get_logger("agents")


class AgentWorkers:
    """`api.backend.AgentBackend`, and a `exchange.rooms.RoomListener`. `jobs` are counted by
    outcome."""

    def __init__(
        self,
        rooms: RoomHost,
        clock: WorldClock,
        ids: Ids,
        alarm: DeadlineTimer,
        jobs: Count,
        sign: Signer,
        server_info: ServerInfo,
    ) -> None:
        self._rooms = rooms
        self._clock = clock
        self._alarm = alarm
        self._jobs = jobs
        self._sign = sign
        self._dispatcher = AgentDispatcher(ids, server_info, clock.shift)
        self._sockets: dict[str, MessageSocket] = {}
        self._in_json: set[str] = set()
        """Ids of workers that send text frames."""
        self._performers = performers(
            fx.AgentEffect,
            on(fx.SendWorker, self._send),
            on(fx.AssignJob, self._assign),
            on(fx.CloseWorker, self._close),
            on(fx.RemoveAgent, self._remove),
            on(fx.CountJob, self._count),
            on(fx.WorkerCame, self._came),
            on(fx.WorkerGone, self._gone),
            on(fx.RoomWaits, self._waits),
        )
        alarm.add(self)

    # --- sockets --------------------------------------------------------------------------------

    async def session(self, claims: Claims, socket: MessageSocket) -> None:
        """A worker's open socket, until its end."""
        worker_id = self._dispatcher.opened(self._clock.now(), claims.api_key)
        self._sockets[worker_id] = socket
        self._alarm.arm_for(self._dispatcher.next_deadline())
        try:
            async for frame in socket:
                self._frame(worker_id, socket, frame)
        finally:
            del self._sockets[worker_id]
            self._in_json.discard(worker_id)
            self._perform(self._dispatcher.closed(self._clock.now(), worker_id))

    def _frame(self, worker_id: str, socket: MessageSocket, frame: bytes | str) -> None:
        try:
            message = read(frame)
        except WorkerError as error:
            _log.warning("worker_message_unreadable", worker_id=worker_id, why=str(error))
            socket.close(INVALID_DATA)
            return
        if isinstance(frame, str):
            self._in_json.add(worker_id)
        else:
            self._in_json.discard(worker_id)
        self._perform(self._dispatcher.message(self._clock.now(), worker_id, message))

    # --- rooms, time, reading -------------------------------------------------------------------

    def room_events(self, events: Sequence[RoomEvent]) -> None:
        """What one input to the rooms caused."""
        effects = self._dispatcher.room_events(events)
        if effects:  # most events are nothing to agents, and set no deadline either
            self._perform(effects)

    def next_deadline(self) -> float | None:
        """When a worker has been silent for too long."""
        return self._dispatcher.next_deadline()

    def handle_deadline(self, now: float) -> None:
        """The next one is asked."""
        self._perform(self._dispatcher.handle_deadline(now))

    def jobs_of(self, dispatch_id: str) -> list[JobInfo]:
        """For ListDispatch."""
        return self._dispatcher.jobs_of(dispatch_id)

    def report(self) -> dict[str, Any]:
        """Times are seconds since the epoch; `waiting` lists the jobs for named agents that nobody
        does, and why."""
        dispatcher, shift = self._dispatcher, self._clock.shift()
        return {
            "workers": [
                {
                    "worker_id": worker.worker_id,
                    "agent_name": key.agent_name,
                    "type": JobType.Name(key.type),
                    "namespace": key.namespace,
                    "deployment": key.deployment,
                    "version": worker.registration.version,
                    "status": "WS_AVAILABLE" if worker.available else "WS_FULL",
                    "load": round(worker.load, 3),
                    "registered_at": worker.registered_at + shift,
                    "jobs": [
                        {"job_id": job.job_id, "room": job.room.name, "identity": job.identity}
                        for job in worker.jobs.values()
                    ],
                }
                for worker in dispatcher.workers
                if worker.registration is not None
                for key in (worker.registration.key,)
            ],
            "waiting": [
                {
                    "room": request.room.name,
                    "agent_name": request.agent_name,
                    "dispatch_id": request.dispatch.dispatch_id,
                    "type": JobType.Name(request.key.type),
                    "since": request.since + shift,
                    "why": dispatcher.why(request),
                }
                for request in dispatcher.waiting()
            ],
        }

    def workers(self) -> int:
        """How many there are."""
        return len(self._dispatcher.workers)

    def running(self) -> int:
        """Jobs that they have."""
        return self._dispatcher.running()

    def waiting(self) -> int:
        return sum(1 for _ in self._dispatcher.waiting())

    # --- effects --------------------------------------------------------------------------------

    def _perform(self, effects: Sequence[fx.AgentEffect]) -> None:
        for effect in effects:
            self._performers[type(effect)](effect)
        self._alarm.arm_for(self._dispatcher.next_deadline())

    def _send(self, effect: fx.SendWorker) -> None:
        socket = self._sockets.get(effect.worker_id)
        if socket is not None:
            as_json = effect.worker_id in self._in_json
            socket.send(write(effect.message, as_json=as_json))

    def _assign(self, effect: fx.AssignJob) -> None:
        token = self._sign(effect.api_key, _job_claims(effect.grant), TOKEN_TTL)
        message = ServerMessage(assignment=JobAssignment(job=effect.job, token=token))
        self._send(fx.SendWorker(effect.worker_id, message))

    def _close(self, effect: fx.CloseWorker) -> None:
        _log.warning("worker_closed", worker_id=effect.worker_id, why=effect.why)
        socket = self._sockets.get(effect.worker_id)
        if socket is not None:
            socket.close(effect.code)

    def _remove(self, effect: fx.RemoveAgent) -> None:
        self._rooms.when_told(lambda: self._out(effect))

    def _out(self, effect: fx.RemoveAgent) -> None:
        if effect.room.finished or effect.identity not in effect.room.participants:
            return
        try:
            self._rooms.remove(effect.room.name, effect.identity)
        except ApiError as error:  # somebody was faster
            _log.info("agent_not_removed", identity=effect.identity, why=error.msg)

    def _count(self, effect: fx.CountJob) -> None:
        self._jobs.labels(effect.outcome).inc()
        _log.info(
            "agent_job",
            outcome=effect.outcome,
            job_id=effect.job_id,
            agent=effect.agent_name,
            room=effect.room,
            worker_id=effect.worker_id,
        )

    def _came(self, effect: fx.WorkerCame) -> None:
        key = effect.registration.key
        _log.info(
            "worker_registered",
            worker_id=effect.worker_id,
            agent=key.agent_name,
            type=JobType.Name(key.type),
            version=effect.registration.version,
        )

    def _gone(self, effect: fx.WorkerGone) -> None:
        _log.info(
            "worker_gone", worker_id=effect.worker_id, agent=effect.agent_name, jobs=effect.jobs
        )

    def _waits(self, effect: fx.RoomWaits) -> None:
        _log.warning(f"room {effect.room} waits for agent {effect.agent_name}: {effect.why}")


def server_info(ids: Ids) -> ServerInfo:
    """What a worker is told of the server; it reads region and protocol."""
    return ServerFacts(ids.new("ND_"), version=hookflash_version()).info()


def _job_claims(grant: fx.AgentGrant) -> dict[str, object]:
    """The claims of a job's token beside issuer and times (facts §5.3)."""
    return {
        "sub": grant.identity,
        "name": grant.name,
        "metadata": grant.metadata,
        "attributes": dict(grant.attributes),
        "kind": "agent",
        "video": {**grant.permission.grant(grant.room), "agent": True},
    }
