"""What shall happen for the agents: frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from livekit.protocol.agent import Job as JobInfo
from livekit.protocol.agent import ServerMessage

from ..base.light import light_dataclass
from ..rooms.orders import Permission
from ..rooms.room import Room
from .messages import Registration

Outcome = Literal[
    "assigned", "refused", "silent", "succeeded", "failed", "left", "terminated", "restarted"
]
"""What came of asking a worker, or of a job."""


@light_dataclass(frozen=True, slots=True)
class AgentGrant:
    """What the token of a job says (facts §5.3)."""

    room: str
    identity: str
    name: str
    metadata: str
    attributes: Mapping[str, str]
    permission: Permission


@light_dataclass(frozen=True, slots=True)
class SendWorker:
    """A message for one worker."""

    worker_id: str
    message: ServerMessage


@light_dataclass(frozen=True, slots=True)
class AssignJob:
    """A `JobAssignment` for one worker, with a token for the job's participant."""

    worker_id: str
    api_key: str
    """Of the worker's own connection: it signs the token."""
    job: JobInfo
    grant: AgentGrant


@light_dataclass(frozen=True, slots=True)
class CloseWorker:
    """Close its socket with this code; what was sent before goes out first."""

    worker_id: str
    code: int
    why: str


@light_dataclass(frozen=True, slots=True)
class RemoveAgent:
    """This participant is to leave the room: its job is over."""

    room: Room
    identity: str


@light_dataclass(frozen=True, slots=True)
class CountJob:
    """For `/metrics` and the log."""

    outcome: Outcome
    job_id: str
    agent_name: str
    room: str
    worker_id: str


@light_dataclass(frozen=True, slots=True)
class WorkerCame:
    """For the log."""

    worker_id: str
    registration: Registration


@light_dataclass(frozen=True, slots=True)
class WorkerGone:
    """For the log: a registered worker's socket is closed; `jobs` of it were running."""

    worker_id: str
    agent_name: str
    jobs: int


@light_dataclass(frozen=True, slots=True)
class RoomWaits:
    """For the log, once for each reason: nobody does what a dispatch of the room asks for."""

    room: str
    agent_name: str
    why: str


AgentEffect = (
    SendWorker
    | AssignJob
    | CloseWorker
    | RemoveAgent
    | CountJob
    | WorkerCame
    | WorkerGone
    | RoomWaits
)
