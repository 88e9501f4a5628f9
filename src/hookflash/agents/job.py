"""A job: what one worker is asked and given; and what a dispatch asks for until a job does it."""

from __future__ import annotations

from enum import Enum

from livekit.protocol.agent import Job as JobInfo
from livekit.protocol.agent import JobState, JobStatus, JobType
from livekit.protocol.models import ParticipantInfo

from ..rooms.info import participant_info, room_info
from ..rooms.orders import Dispatch
from ..rooms.room import Participant, Room
from .messages import WorkerKey

PENDING, RUNNING = JobStatus.JS_PENDING, JobStatus.JS_RUNNING
SUCCESS, FAILED = JobStatus.JS_SUCCESS, JobStatus.JS_FAILED
ENDED_KEPT = 10
"""Ended jobs of one request that ListDispatch shows."""


class RequestState(Enum):
    """Where a request stands."""

    WAITING = "waiting"
    """For a worker that can be asked."""
    PAUSED = "paused"
    """Until it may be restarted."""
    ASKED = "asked"
    """A worker was asked and has not answered."""
    ASSIGNED = "assigned"
    """A worker has the job."""
    OVER = "over"
    """It was done, nobody shall be asked again, or the room or the dispatch is gone."""


class Job:
    """One attempt. Times are seconds since the epoch, the world's."""

    __slots__ = (
        "ended_at",
        "error",
        "identity",
        "job_id",
        "joined",
        "orphaned",
        "request",
        "room",
        "silent",
        "started_at",
        "status",
        "updated_at",
        "worker_id",
    )

    def __init__(self, job_id: str, request: JobRequest) -> None:
        self.job_id = job_id
        self.request = request
        self.room = request.room
        """Where its participant is or will be: a move takes it along."""
        self.worker_id = ""
        self.silent: set[str] = set()
        """Ids of workers that have not answered in time: one may still."""
        self.status: JobStatus = PENDING
        self.error = ""
        self.identity = ""
        """Of its participant; "" until a worker takes it."""
        self.joined = False
        """Its participant was seen in the room."""
        self.orphaned = False
        """Its worker's socket is closed, which is not the end of the process that does the job."""
        self.started_at = self.updated_at = self.ended_at = 0.0

    def state(self) -> JobState:
        """Times are nanoseconds there."""
        return JobState(
            status=self.status,
            error=self.error,
            started_at=int(self.started_at * 1e9),
            ended_at=int(self.ended_at * 1e9),
            updated_at=int(self.updated_at * 1e9),
            participant_identity=self.identity,
            worker_id=self.worker_id,
        )

    def info(self) -> JobInfo:
        """For a worker: with room and participant as they are now."""
        message = self._info()
        message.room.CopyFrom(room_info(self.room))
        participant = self.request.participant
        if participant is not None:
            message.participant.CopyFrom(participant_info(participant))
        return message

    def listed(self) -> JobInfo:
        """For ListDispatch: without the room, and of the participant its identity."""
        message = self._info()
        participant = self.request.participant
        if participant is not None:
            message.participant.CopyFrom(ParticipantInfo(identity=participant.identity))
        return message

    def _info(self) -> JobInfo:
        request = self.request
        order = request.dispatch.order
        return JobInfo(
            id=self.job_id,
            dispatch_id=request.dispatch.dispatch_id,
            type=JobType.Name(request.key.type),
            namespace=request.key.namespace,
            metadata=order.metadata,
            agent_name=order.agent_name,
            state=self.state(),
            deployment=order.deployment,
            attributes=order.attributes,
        )


class JobRequest:
    """That a dispatch wants a job done, for the room or for one participant."""

    __slots__ = (
        "dispatch",
        "ended",
        "job",
        "key",
        "never",
        "participant",
        "restarts",
        "resting",
        "room",
        "rounds",
        "since",
        "state",
        "told",
        "tried",
        "withdrawn",
    )

    def __init__(
        self, now: float, room: Room, dispatch: Dispatch, kind: int, participant: Participant | None
    ) -> None:
        order = dispatch.order
        self.room = room
        self.dispatch = dispatch
        self.participant = participant
        self.key = WorkerKey(order.agent_name, kind, "", order.deployment)
        self.state = RequestState.WAITING
        self.job: Job | None = None
        """The attempt of now."""
        self.ended: list[Job] = []
        self.tried: frozenset[str] = frozenset()
        """Worker ids: those that are not asked again in this round."""
        self.never: frozenset[str] = frozenset()
        """Worker ids: those that are not asked again at all."""
        self.rounds = 0
        """How often all have been asked."""
        self.resting = False
        """All have been asked, and will be once more."""
        self.withdrawn = False
        """Its dispatch or its room is gone."""
        self.restarts: list[float] = []
        """When; of the last minute."""
        self.since = now
        """Since when it waits."""
        self.told = ""
        """The reason for its waiting that was last logged."""

    @property
    def agent_name(self) -> str:
        """Who is asked for."""
        return self.key.agent_name

    def jobs(self) -> list[Job]:
        """All that there is to show, the oldest first."""
        shown = self.job is not None and self.job.worker_id
        return [*self.ended, self.job] if shown and self.job is not None else [*self.ended]
