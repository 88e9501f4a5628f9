"""Which worker does what the rooms' dispatches ask for (facts §5; webrtc.md §7).

A machine: sockets, frames and room events go in, effects come back. A dispatch is a `JobRequest`
for the room and, where workers of those types are there, one for each participant and publisher. It
is asked of one worker after another. LiveKit gives up when none takes it; here it waits while its
room lives: for a worker that registers or has room again, and it is asked of all anew after a
while. A job whose process died is given out again, by the dispatch's restart policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from livekit.protocol.agent import Job as JobInfo
from livekit.protocol.agent import (
    RegisterWorkerResponse,
    ServerMessage,
    UpdateWorkerStatus,
    WorkerMessage,
    WorkerPing,
    WorkerPong,
)
from livekit.protocol.models import ServerInfo

from ..base.deadline_queue import DeadlineQueue
from ..base.ids import Ids
from ..rooms.events import RoomEvent
from . import effects as fx
from .dispatches import OpenDispatches
from .job import JobRequest
from .messages import WorkerError, is_available, load_of, registration
from .requests import JobRequests
from .workers import Worker, Workers

REGISTER_TIMEOUT = 10.0
"""Seconds for a worker's first message."""
POLICY_VIOLATION = 1008
"""Close code (RFC 6455 §7.4.1)."""


class AgentDispatcher:
    """All workers and dispatches of the process. `shift`: from `now` to the world's time."""

    def __init__(self, ids: Ids, server_info: ServerInfo, shift: Callable[[], float]) -> None:
        self._server_info = server_info
        self._shift = shift
        self.workers = Workers(ids)
        self._requests = JobRequests(ids, self.workers, shift)
        self._dispatches = OpenDispatches(self.workers, self._requests)
        self._registering: DeadlineQueue[str] = DeadlineQueue()

    # --- sockets --------------------------------------------------------------------------------

    def opened(self, now: float, api_key: str) -> str:
        """A worker's socket, its token checked: the id of the worker."""
        worker = self.workers.open(api_key)
        self._registering.set(worker.worker_id, now + REGISTER_TIMEOUT)
        return worker.worker_id

    def closed(self, now: float, worker_id: str) -> list[fx.AgentEffect]:
        """Its socket is closed, by whomever."""
        self._registering.discard(worker_id)
        worker = self.workers.get(worker_id)
        if worker is None:
            return []
        self.workers.close(worker)
        gone: list[fx.AgentEffect] = []
        if worker.registration is not None:
            gone.append(fx.WorkerGone(worker_id, worker.agent_name, len(worker.jobs)))
        return gone + self._requests.worker_gone(now, worker)

    def message(self, now: float, worker_id: str, message: WorkerMessage) -> list[fx.AgentEffect]:
        """One message; what comes before `register`, and what nobody knows, is passed over."""
        worker = self.workers.get(worker_id)
        if worker is None:
            return []
        kind = message.WhichOneof("message")
        if kind == "ping":
            return [self._pong(now, worker, message.ping)]
        if kind == "register":
            return self._register(now, worker, message)
        if worker.registration is None:
            return []
        match kind:
            case "update_worker":
                return self._update_worker(now, worker, message.update_worker)
            case "availability":
                return self._requests.answered(now, worker, message.availability)
            case "update_job":
                return self._requests.job_updated(now, worker, message.update_job)
            case "migrate_job":
                self._requests.migrated(worker, message.migrate_job.job_ids)
        return []

    # --- rooms ----------------------------------------------------------------------------------

    def room_events(self, events: Sequence[RoomEvent]) -> list[fx.AgentEffect]:
        """What one input to the rooms caused."""
        return self._dispatches.room_events(events)

    # --- time -----------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `handle_deadline` is due."""
        found = [self._registering.next(), self._requests.next_deadline()]
        return min((due for due in found if due is not None), default=None)

    def handle_deadline(self, now: float) -> list[fx.AgentEffect]:
        """Whoever was silent for too long."""
        effects: list[fx.AgentEffect] = []
        while (worker_id := self._registering.take(now)) is not None:
            effects.append(fx.CloseWorker(worker_id, POLICY_VIOLATION, "it did not register"))
        return effects + self._requests.handle_deadline(now)

    # --- reading --------------------------------------------------------------------------------

    def jobs_of(self, dispatch_id: str) -> list[JobInfo]:
        """For ListDispatch: the jobs of a dispatch, the oldest first."""
        return [job.listed() for job in self._dispatches.jobs_of(dispatch_id)]

    def waiting(self) -> Iterator[JobRequest]:
        """Requests that named an agent and that nobody does."""
        return self._requests.waiting()

    def why(self, request: JobRequest) -> str:
        """Why it waits, in words."""
        return self._requests.why(request)

    def running(self) -> int:
        """Jobs that workers have."""
        return self._requests.running()

    # --- what workers say -----------------------------------------------------------------------

    def _register(self, now: float, worker: Worker, message: WorkerMessage) -> list[fx.AgentEffect]:
        if worker.registration is not None:
            return []
        self._registering.discard(worker.worker_id)
        try:
            asked = registration(message)
        except WorkerError as error:
            return [fx.CloseWorker(worker.worker_id, POLICY_VIOLATION, str(error))]
        answer = RegisterWorkerResponse(worker_id=worker.worker_id, server_info=self._server_info)
        self.workers.register(now, worker, asked)
        return [
            fx.SendWorker(worker.worker_id, ServerMessage(register=answer)),
            fx.WorkerCame(worker.worker_id, asked),
            *self._requests.worker_came(now, worker, asked.key),
            *self._dispatches.worker_came(now, asked.key),
        ]

    def _pong(self, now: float, worker: Worker, ping: WorkerPing) -> fx.SendWorker:
        pong = WorkerPong(
            last_timestamp=ping.timestamp, timestamp=int((now + self._shift()) * 1000)
        )
        return fx.SendWorker(worker.worker_id, ServerMessage(pong=pong))

    def _update_worker(
        self, now: float, worker: Worker, update: UpdateWorkerStatus
    ) -> list[fx.AgentEffect]:
        worker.load = load_of(update.load)
        was = worker.available
        if update.HasField("status") or update.draining:
            worker.available = is_available(update.status, draining=update.draining)
        if was or not worker.available or worker.registration is None:
            return []
        return self._requests.worker_came(now, worker, worker.registration.key)
