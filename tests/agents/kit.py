"""Workers, rooms and a clock for the tests of this folder: no socket, no waiting."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, TypeVar

from livekit.protocol.agent import (
    AvailabilityResponse,
    Job,
    JobStatus,
    RegisterWorkerRequest,
    ServerMessage,
    UpdateJobStatus,
    UpdateWorkerStatus,
    WorkerMessage,
    WorkerStatus,
)
from livekit.protocol.models import DisconnectReason, ServerInfo

from hookflash.agents import effects as fx
from hookflash.agents.dispatcher import AgentDispatcher
from hookflash.base.ids import Ids
from hookflash.rooms.events import RoomEvent
from hookflash.rooms.orders import AgentOrder, Dispatch, Join, Kind, RoomOptions
from hookflash.rooms.registry import Rooms
from hookflash.rooms.room import Participant, Room

T = 1_700_000_000.0
Effect = TypeVar("Effect")


class Lab:
    """Rooms, and the agents' machine that is told of all that happens there."""

    def __init__(self, seed: int = 1) -> None:
        ids = Ids(random.Random(seed))
        self.now = T
        self.rooms = Rooms(ids)
        self.agents = AgentDispatcher(ids, ServerInfo(version="v", protocol=17), lambda: 0.0)
        self.peers: dict[str, Peer] = {}
        self.effects: list[fx.AgentEffect] = []
        """All but what workers were sent."""

    # --- what happens ---------------------------------------------------------------------------

    def worker(self, name: str = "phone", **register: Any) -> Peer:
        """One that has registered."""
        peer = self.socket()
        peer.register(name, **register)
        assert peer.inbox[0].WhichOneof("message") == "register"
        peer.inbox.pop(0)
        return peer

    def socket(self, api_key: str = "devkey") -> Peer:
        """One that has not."""
        peer = Peer(self, self.agents.opened(self.now, api_key))
        self.peers[peer.worker_id] = peer
        return peer

    def room(self, name: str = "lobby", *agents: str | AgentOrder) -> Room:
        orders = tuple(AgentOrder(a) if isinstance(a, str) else a for a in agents)
        room, events = self.rooms.create(self.now, name, RoomOptions(agents=orders))
        self.tell(events)
        return room

    def dispatch(self, room: str, name: str, **order: Any) -> Dispatch:
        dispatch, events = self.rooms.create_dispatch(self.now, room, AgentOrder(name, **order))
        self.tell(events)
        return dispatch

    def join(self, identity: str, room: str = "lobby", **join: Any) -> Participant:
        """It is active at once."""
        participant, events = self.rooms.join(self.now, room, Join(identity, **join))
        self.tell(events)
        self.tell(self.rooms.activate(self.now, participant))
        return participant

    def agent(self, assigned: fx.AssignJob) -> Participant:
        """The participant of a job joins."""
        grant = assigned.grant
        return self.join(grant.identity, grant.room, kind=Kind.AGENT)

    def leave(self, participant: Participant, reason: DisconnectReason) -> None:
        self.tell(self.rooms.leave(self.now, participant, reason))

    def tell(self, events: Sequence[RoomEvent]) -> None:
        self.perform(self.agents.room_events(events))

    def wait(self, seconds: float) -> None:
        """Every deadline of the agents until then."""
        until = self.now + seconds
        while (due := self.agents.next_deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.perform(self.agents.handle_deadline(self.now))
        self.now = until

    # --- what comes of it -----------------------------------------------------------------------

    def perform(self, effects: Sequence[fx.AgentEffect]) -> None:
        for effect in effects:
            if isinstance(effect, fx.SendWorker):
                self.peers[effect.worker_id].inbox.append(effect.message)
                continue
            if isinstance(effect, fx.AssignJob):
                self.peers[effect.worker_id].assigned.append(effect)
            self.effects.append(effect)

    def of(self, kind: type[Effect]) -> list[Effect]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def outcomes(self) -> list[str]:
        return [count.outcome for count in self.of(fx.CountJob)]

    def jobs(self, room: Room) -> list[Job]:
        """As ListDispatch has them."""
        return [job for one in room.dispatches for job in self.agents.jobs_of(one)]


class Peer:
    """A worker's end of its socket."""

    def __init__(self, lab: Lab, worker_id: str) -> None:
        self.lab = lab
        self.worker_id = worker_id
        self.inbox: list[ServerMessage] = []
        self.assigned: list[fx.AssignJob] = []

    def say(self, **message: Any) -> None:
        agents = self.lab.agents
        self.lab.perform(agents.message(self.lab.now, self.worker_id, WorkerMessage(**message)))

    def register(self, name: str = "phone", **fields: Any) -> None:
        self.say(register=RegisterWorkerRequest(agent_name=name, version="1", **fields))

    def status(self, load: float = 0.0, *, full: bool = False) -> None:
        status = WorkerStatus.WS_FULL if full else WorkerStatus.WS_AVAILABLE
        self.say(update_worker=UpdateWorkerStatus(status=status, load=load))

    def asked(self) -> list[Job]:
        """The jobs that it was asked for since the last look."""
        found = [m.availability.job for m in self.inbox if m.HasField("availability")]
        self.inbox = [m for m in self.inbox if not m.HasField("availability")]
        return found

    def one(self) -> Job:
        (job,) = self.asked()
        return job

    def answer(self, job_id: str, available: bool = True, **fields: Any) -> None:
        answer = AvailabilityResponse(job_id=job_id, available=available, **fields)
        self.say(availability=answer)

    def accept(self) -> fx.AssignJob:
        """The one job that it was asked for."""
        job = self.one()
        self.answer(job.id, participant_identity=f"agent-{job.id}")
        return self.assigned[-1]

    def refuse(self) -> None:
        self.answer(self.one().id, available=False)

    def update(self, job_id: str, status: JobStatus) -> None:
        self.say(update_job=UpdateJobStatus(job_id=job_id, status=status))

    def terminated(self) -> list[str]:
        """Ids of jobs that it was told to end, since the last look."""
        found = [m.termination.job_id for m in self.inbox if m.HasField("termination")]
        self.inbox = [m for m in self.inbox if not m.HasField("termination")]
        return found

    def close(self) -> None:
        self.lab.perform(self.lab.agents.closed(self.lab.now, self.worker_id))
        del self.lab.peers[self.worker_id]
