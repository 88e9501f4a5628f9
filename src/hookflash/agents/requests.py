"""The jobs that rooms ask for: who is asked, who has them, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from livekit.protocol.agent import (
    AvailabilityRequest,
    AvailabilityResponse,
    JobStatus,
    JobTermination,
    ServerMessage,
    UpdateJobStatus,
)
from livekit.protocol.agent_dispatch import JobRestartPolicy
from livekit.protocol.models import DisconnectReason

from ..base.deadline_queue import DeadlineQueue
from ..base.ids import Ids
from ..base.text import clean
from ..rooms.room import Participant
from . import effects as fx
from .job import ENDED_KEPT, FAILED, PENDING, RUNNING, SUCCESS, Job, JobRequest, RequestState
from .messages import WorkerKey
from .workers import Worker, Workers

ANSWER_TIMEOUT = 3.0
"""Seconds for a worker's answer to `availability` (facts §5.4)."""
LAUNCH_TIMEOUT = 15.0
"""Seconds from an assignment to a sign of it: JS_RUNNING, or the participant."""
ORPHAN_TIMEOUT = 15.0
"""Seconds for a job without worker and without participant: a worker that lost its connection is
back in ten."""
LEAVE_TIMEOUT = 3.0
"""Seconds for an agent to leave the room after its termination (facts §5.5)."""
RESTARTS, RESTART_WINDOW = 3, 60.0
"""So many restarts in so many seconds."""
FIRST_ROUND, LONGEST_ROUND = 2.0, 60.0
"""Seconds until all workers that refused are asked once more; twice as long each time."""

MOST_DUE = 200
"""Deadlines that are met in one turn; the sound of calls does not wait for more."""

LEFT_ERROR = "agent worker left the room"
"""LiveKit's text in the state of a job whose participant has left."""
_LOST = frozenset(
    (
        DisconnectReason.SIGNAL_CLOSE,
        DisconnectReason.STATE_MISMATCH,
        DisconnectReason.JOIN_FAILURE,
        DisconnectReason.CONNECTION_TIMEOUT,
        DisconnectReason.MEDIA_FAILURE,
    )
)
"""An agent that left so did not want to."""
_ROOM_ENDED = frozenset((DisconnectReason.ROOM_DELETED, DisconnectReason.ROOM_CLOSED))
"""Which ends the jobs of the room's own dispatches too (`withdraw`)."""

Due = tuple[Literal["answer", "launch", "orphan", "pause", "round", "leave"], object]


class JobRequests:
    """The requests of all dispatches."""

    def __init__(self, ids: Ids, workers: Workers, shift: Callable[[], float]) -> None:
        self._ids = ids
        self._workers = workers
        self._shift = shift
        self._waiting: dict[WorkerKey, dict[JobRequest, None]] = {}
        """For whoever can be asked next."""
        self._resting: dict[WorkerKey, dict[JobRequest, None]] = {}
        """Of which all that can be asked have been: for another worker, or the next round."""
        self._jobs: dict[str, Job] = {}
        """By id: asked for or running."""
        self._agents: dict[tuple[str, str], Job] = {}
        """By SID of the room and identity: those that workers have."""
        self._due: DeadlineQueue[Due] = DeadlineQueue()

    # --- reading --------------------------------------------------------------------------------

    def waiting(self) -> Iterator[JobRequest]:
        """Those for a named agent that nobody does. Where workers of that name are there for
        participants only, nobody waits for one that is for the room."""
        for alike in (*self._waiting.values(), *self._resting.values()):
            for request in alike:
                if request.agent_name and self._is_expected(request):
                    yield request

    def why(self, request: JobRequest) -> str:
        """Why it waits, in words; "" where nobody is to know."""
        if not request.agent_name or not self._is_expected(request):
            return ""
        alike = self._workers.of(request.key)
        if alike:
            full = sum(not worker.available for worker in alike)
            return f"of its {len(alike)} workers {full} are full, others refused or said nothing"
        names = ", ".join(self._workers.names()) or "none"
        return f"no worker of that name; names now: {names}"

    def running(self) -> int:
        """Jobs that workers have."""
        return len(self._agents)

    # --- rooms ----------------------------------------------------------------------------------

    def ask(self, now: float, request: JobRequest) -> list[fx.AgentEffect]:
        """A new request."""
        return self._serve(now, request)

    def withdraw(
        self, now: float, request: JobRequest, *, remove: bool = False
    ) -> list[fx.AgentEffect]:
        """Its dispatch or its room is gone: its job ends. `remove`: its participant has
        `LEAVE_TIMEOUT` to leave by itself."""
        self._stop_waiting(request)
        self._due.discard(("pause", request))
        request.withdrawn = True
        job, state = request.job, request.state
        if job is not None and job.room is not request.room and not remove:
            return []  # its agent was moved out in time
        request.state = RequestState.OVER
        if job is None:
            return []
        if state is not RequestState.ASSIGNED:
            self._forget(job)
            return []
        if remove and job.joined:
            self._due.set(("leave", job), now + LEAVE_TIMEOUT)
        return self._terminate(now, job, "terminated")

    def give_up(self, request: JobRequest) -> None:
        """Nobody is asked for it any more; a worker that has it goes on."""
        if request.state is RequestState.ASSIGNED:
            request.withdrawn = True
            return
        self.withdraw(0.0, request)

    def agent_joined(self, participant: Participant) -> None:
        """Somebody is in a room; maybe the participant of a job."""
        job = self._agents.get((participant.room.sid, participant.identity))
        if job is not None:
            job.joined = True
            self._due.discard(("launch", job.job_id))
            self._due.discard(("orphan", job.job_id))

    def agent_moved(self, participant: Participant, newcomer: Participant) -> None:
        """It is in another room, and its job with it."""
        job = self._agents.pop((participant.room.sid, participant.identity), None)
        if job is not None:
            job.room = newcomer.room
            self._agents[job.room.sid, job.identity] = job

    def agent_left(
        self, now: float, participant: Participant, reason: DisconnectReason
    ) -> list[fx.AgentEffect]:
        """Somebody has left a room: the job of an agent is over. Where its connection was lost,
        its process counts as dead."""
        job = self._agents.get((participant.room.sid, participant.identity))
        if job is None or reason == DisconnectReason.DUPLICATE_IDENTITY:
            return []  # it has joined anew
        if reason in _ROOM_ENDED:
            moved = job.room is not job.request.room
            return self._terminate(now, job, "terminated") if moved else []
        if reason in _LOST:
            return [*self._termination(job), *self._failed(now, job, LEFT_ERROR)]
        return self._terminate(now, job, "left")

    # --- workers --------------------------------------------------------------------------------

    def worker_came(self, now: float, worker: Worker, key: WorkerKey) -> list[fx.AgentEffect]:
        """It has registered, or has room again: what waits is asked of it."""
        for request in self._resting.pop(key, ()):
            request.tried -= {worker.worker_id}
            self._waiting.setdefault(key, {})[request] = None
        return self._serve_waiting(now, key)

    def worker_gone(self, now: float, worker: Worker) -> list[fx.AgentEffect]:
        """The next is asked in its place; what it does may go on without it for a while."""
        effects: list[fx.AgentEffect] = []
        for job in worker.jobs.values():
            job.orphaned = True
            self._due.discard(("launch", job.job_id))
            if not job.joined:
                self._due.set(("orphan", job.job_id), now + ORPHAN_TIMEOUT)
        for job_id, request in worker.asked.items():
            self._due.discard(("answer", job_id))
            effects += self._serve(now, request)
        return effects

    def answered(
        self, now: float, worker: Worker, answer: AvailabilityResponse
    ) -> list[fx.AgentEffect]:
        """`availability`: it takes the job, or the next one is asked."""
        request = worker.asked.pop(answer.job_id, None)
        if request is None:
            return self._answered_late(now, worker, answer)
        self._due.discard(("answer", answer.job_id))
        job = request.job
        assert job is not None
        if answer.terminate or answer.available:
            effects = self._taken(now, worker, job, answer)
        else:
            request.tried |= {worker.worker_id}
            effects = [_count("refused", job), *self._serve(now, request)]
        return effects + self._free_again(now, worker)

    def _answered_late(
        self, now: float, worker: Worker, answer: AvailabilityResponse
    ) -> list[fx.AgentEffect]:
        """After it counted as silent: taken where nobody else has been asked since."""
        job = self._jobs.get(answer.job_id)
        if job is None or worker.worker_id not in job.silent or not answer.available:
            return []
        if job.request.state is not RequestState.WAITING:
            return []
        self._stop_waiting(job.request)
        return self._taken(now, worker, job, answer)

    def job_updated(
        self, now: float, worker: Worker, update: UpdateJobStatus
    ) -> list[fx.AgentEffect]:
        """`update_job`: of a job that has not ended."""
        job = worker.jobs.get(update.job_id)
        if job is None:
            return []
        if update.status == SUCCESS:
            self._end(now, job, SUCCESS, update.error)
            return [_count("succeeded", job), *self._free_again(now, worker)]
        if update.status == FAILED:
            return self._failed(now, job, update.error) + self._free_again(now, worker)
        if update.status in (PENDING, RUNNING):
            job.status = update.status
            job.updated_at = now + self._shift()
            self._due.discard(("launch", job.job_id))
        return []

    def migrated(self, worker: Worker, job_ids: Iterable[str]) -> None:
        """`migrate_job`: a worker that is back has these jobs still. (LiveKit's own server passes
        it over.)"""
        for job_id in job_ids:
            job = self._jobs.get(job_id)
            if job is None or not job.orphaned:
                continue
            if worker.registration is None or worker.registration.key != job.request.key:
                continue
            job.orphaned = False
            job.worker_id = worker.worker_id
            worker.jobs[job_id] = job
            self._due.discard(("orphan", job_id))

    # --- asking ---------------------------------------------------------------------------------

    def _serve(self, now: float, request: JobRequest) -> list[fx.AgentEffect]:
        """Ask the next worker, or wait for one."""
        worker = self._workers.choose(request.key, request.tried | request.never)
        if worker is None:
            return self._wait(now, request)
        self._stop_waiting(request)
        job = request.job
        if job is None:
            job = request.job = Job(self._ids.new("AJ_"), request)
            self._jobs[job.job_id] = job
        request.state = RequestState.ASKED
        job.worker_id = worker.worker_id
        job.status = RUNNING  # as LiveKit shows it from here on
        job.started_at = job.updated_at = now + self._shift()
        worker.asked[job.job_id] = request
        self._due.set(("answer", job.job_id), now + ANSWER_TIMEOUT)
        message = ServerMessage(availability=AvailabilityRequest(job=job.info()))
        return [fx.SendWorker(worker.worker_id, message)]

    def _serve_waiting(self, now: float, key: WorkerKey) -> list[fx.AgentEffect]:
        """The requests that waited longest first, while anybody can be asked."""
        effects: list[fx.AgentEffect] = []
        for request in list(self._waiting.get(key, ())):
            if not self._workers.free(key):
                break
            effects += self._serve(now, request)
        return effects

    def _wait(self, now: float, request: JobRequest) -> list[fx.AgentEffect]:
        """Nobody is left to be asked; those that refused are asked again, after a while."""
        self._leave_queues(request)
        request.state = RequestState.WAITING
        queues = self._resting if request.tried or request.never else self._waiting
        queues.setdefault(request.key, {})[request] = None
        if request.job is not None:
            request.job.status, request.job.worker_id = PENDING, ""
        if request.tried and not request.resting:
            pause = min(FIRST_ROUND * 2.0**request.rounds, LONGEST_ROUND)
            request.rounds = min(request.rounds + 1, 10)
            request.resting = True
            self._due.set(("round", request), now + pause)
        why = self.why(request)
        if why == request.told:
            return []
        request.told = why
        return [fx.RoomWaits(request.room.name, request.agent_name, why)] if why else []

    def _stop_waiting(self, request: JobRequest) -> None:
        self._leave_queues(request)
        if request.resting:
            request.resting = False
            self._due.discard(("round", request))

    def _leave_queues(self, request: JobRequest) -> None:
        for queues in (self._waiting, self._resting):
            queue = queues.get(request.key)
            if queue is not None:
                queue.pop(request, None)
                if not queue:
                    del queues[request.key]

    def _is_expected(self, request: JobRequest) -> bool:
        """A worker for it should be there: there is none of that name for anything else."""
        key = request.key
        return bool(self._workers.of(key)) or not self._workers.is_there(key)

    # --- a job ----------------------------------------------------------------------------------

    def _taken(
        self, now: float, worker: Worker, job: Job, answer: AvailabilityResponse
    ) -> list[fx.AgentEffect]:
        """Give it out; with `terminate` nobody else is to have it either."""
        request = job.request
        job.worker_id = worker.worker_id
        if answer.terminate:
            self._end(now, job, SUCCESS, "")
            return [_count("refused", job)]
        assert worker.registration is not None
        job.identity = clean(answer.participant_identity) or f"agent-{job.job_id}"
        job.status = RUNNING
        request.state = RequestState.ASSIGNED
        request.rounds = 0
        request.told = ""
        worker.jobs[job.job_id] = job
        self._agents[job.room.sid, job.identity] = job
        self._due.set(("launch", job.job_id), now + LAUNCH_TIMEOUT)
        grant = fx.AgentGrant(
            room=job.room.name,
            identity=job.identity,
            name=answer.participant_name,
            metadata=answer.participant_metadata,
            attributes={
                **answer.participant_attributes,
                "lk.agent_name": worker.registration.key.agent_name,
            },
            permission=worker.registration.permission,
        )
        assigned = fx.AssignJob(worker.worker_id, worker.api_key, job.info(), grant)
        return [assigned, _count("assigned", job)]

    def _end(self, now: float, job: Job, status: JobStatus, error: str) -> None:
        """It is over, and so is its request unless somebody asks anew."""
        job.status, job.error = status, error
        job.updated_at = job.ended_at = now + self._shift()
        request = job.request
        self._forget(job)
        request.ended = [*request.ended, job][-ENDED_KEPT:]
        request.job = None
        request.state = RequestState.OVER

    def _forget(self, job: Job) -> None:
        """Whatever still comes of it comes too late."""
        worker = self._workers.get(job.worker_id)
        if worker is not None:
            worker.jobs.pop(job.job_id, None)
            worker.asked.pop(job.job_id, None)
        self._jobs.pop(job.job_id, None)
        if self._agents.get((job.room.sid, job.identity)) is job:
            del self._agents[job.room.sid, job.identity]
        self._due.discard(("answer", job.job_id))
        self._due.discard(("launch", job.job_id))
        self._due.discard(("orphan", job.job_id))

    def _free_again(self, now: float, worker: Worker) -> list[fx.AgentEffect]:
        assert worker.registration is not None
        return self._serve_waiting(now, worker.registration.key)

    def _failed(self, now: float, job: Job, error: str) -> list[fx.AgentEffect]:
        """Its process died. Before it was in the room, the next worker is asked whatever the
        policy says."""
        request = job.request
        self._end(now, job, FAILED, error)
        effects: list[fx.AgentEffect] = [_count("failed", job)]
        if job.joined:
            effects += self._out_of_room(job)
        if request.withdrawn:
            return effects
        again = request.dispatch.order.restart_policy == JobRestartPolicy.JRP_ON_FAILURE
        if job.joined and not again:
            return effects
        request.tried = frozenset() if job.joined else frozenset({job.worker_id})
        if not again:
            request.never |= {job.worker_id}
        request.since = now
        return effects + self._restart(now, request)

    def _restart(self, now: float, request: JobRequest) -> list[fx.AgentEffect]:
        restarts = request.restarts
        while restarts and restarts[0] <= now - RESTART_WINDOW:
            del restarts[0]
        if len(restarts) >= RESTARTS:
            request.state = RequestState.PAUSED
            self._due.set(("pause", request), restarts[0] + RESTART_WINDOW)
            return []
        restarts.append(now)
        count = fx.CountJob("restarted", "", request.agent_name, request.room.name, "")
        return [count, *self._serve(now, request)]

    def _terminate(self, now: float, job: Job, outcome: fx.Outcome) -> list[fx.AgentEffect]:
        """The worker is to end it."""
        status, error = (FAILED, LEFT_ERROR) if outcome == "left" else (SUCCESS, "")
        effects = self._termination(job)
        self._end(now, job, status, error)
        return [*effects, _count(outcome, job)]

    def _termination(self, job: Job) -> list[fx.AgentEffect]:
        if job.orphaned or self._workers.get(job.worker_id) is None:
            return []
        message = ServerMessage(termination=JobTermination(job_id=job.job_id))
        return [fx.SendWorker(job.worker_id, message)]

    def _out_of_room(self, job: Job) -> list[fx.AgentEffect]:
        if job.room.finished or job.identity not in job.room.participants:
            return []
        return [fx.RemoveAgent(job.room, job.identity)]

    # --- time -----------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When something is due."""
        return self._due.next()

    def handle_deadline(self, now: float) -> list[fx.AgentEffect]:
        """Whoever was silent for too long; rounds that begin anew."""
        effects: list[fx.AgentEffect] = []
        for _ in range(MOST_DUE):
            due = self._due.take(now)
            if due is None:
                break
            kind, what = due
            if isinstance(what, JobRequest):
                effects += self._round(now, what, paused=kind == "pause")
            elif isinstance(what, Job):
                effects += self._out_of_room(what)
            elif isinstance(what, str) and what in self._jobs:
                effects += self._silent(now, kind, self._jobs[what])
        return effects

    def _round(self, now: float, request: JobRequest, *, paused: bool) -> list[fx.AgentEffect]:
        request.tried = frozenset()
        return self._restart(now, request) if paused else self._serve(now, request)

    def _silent(self, now: float, kind: str, job: Job) -> list[fx.AgentEffect]:
        if kind == "answer":
            worker = self._workers.get(job.worker_id)
            if worker is not None:
                worker.asked.pop(job.job_id, None)
            count = _count("silent", job)
            job.silent.add(job.worker_id)
            job.request.tried |= {job.worker_id}
            return [count, *self._serve(now, job.request)]
        return [*self._termination(job), *self._failed(now, job, "")]


def _count(outcome: fx.Outcome, job: Job) -> fx.CountJob:
    request = job.request
    return fx.CountJob(outcome, job.job_id, request.agent_name, job.room.name, job.worker_id)
