"""The workers that are connected, and which of them is asked next."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from livekit.protocol.agent import JobType

from ..base.ids import Ids
from .job import Job, JobRequest
from .messages import Registration, WorkerKey

MOST_ASKED = 32
"""Jobs of which one worker is asked at once: when a worker registers, a thousand rooms may wait."""
LEAST_CHANCE = 0.01
"""Of a worker with full load, beside 1 for one without: it knows best whether it can."""


class Worker:
    """One socket. Nobody asks it for anything before it has registered."""

    __slots__ = (
        "api_key",
        "asked",
        "available",
        "jobs",
        "load",
        "registered_at",
        "registration",
        "worker_id",
    )

    def __init__(self, worker_id: str, api_key: str) -> None:
        self.worker_id = worker_id
        self.api_key = api_key
        self.registration: Registration | None = None
        self.registered_at = 0.0
        """Seconds since the epoch, by the clock of deadlines."""
        self.available = True
        self.load = 0.0
        """From 0 to 1."""
        self.asked: dict[str, JobRequest] = {}
        """By job id: what it has not answered."""
        self.jobs: dict[str, Job] = {}
        """By id: what it was given and has not ended."""

    @property
    def agent_name(self) -> str:
        """ "" for an unnamed one, or one that has not registered."""
        return self.registration.key.agent_name if self.registration is not None else ""


class Workers:
    """All of the process."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._all: dict[str, Worker] = {}
        self._by_key: dict[WorkerKey, dict[str, Worker]] = {}
        """Those that have registered."""

    def __len__(self) -> int:
        return sum(map(len, self._by_key.values()))

    def __iter__(self) -> Iterator[Worker]:
        """Those that have registered, the first of each key first."""
        return (worker for alike in self._by_key.values() for worker in alike.values())

    def open(self, api_key: str) -> Worker:
        """A new socket."""
        worker = Worker(self._ids.new("AW_"), api_key)
        self._all[worker.worker_id] = worker
        return worker

    def get(self, worker_id: str) -> Worker | None:
        """By id, registered or not; None: its socket is closed."""
        return self._all.get(worker_id)

    def register(self, now: float, worker: Worker, registration: Registration) -> None:
        """It can be asked from now on."""
        worker.registration = registration
        worker.registered_at = now
        self._by_key.setdefault(registration.key, {})[worker.worker_id] = worker

    def close(self, worker: Worker) -> None:
        """Its socket is closed."""
        self._all.pop(worker.worker_id, None)
        if worker.registration is None:
            return
        alike = self._by_key[worker.registration.key]
        del alike[worker.worker_id]
        if not alike:
            del self._by_key[worker.registration.key]

    def of(self, key: WorkerKey) -> Collection[Worker]:
        """Those that do jobs of that key."""
        return self._by_key.get(key, {}).values()

    def is_there(self, key: WorkerKey) -> bool:
        """Whether there is a worker of that name for other jobs."""
        return any(
            other.agent_name == key.agent_name and other.type != key.type for other in self._by_key
        )

    @property
    def for_participants(self) -> bool:
        """Whether any of them does other jobs than those for rooms."""
        return any(key.type != JobType.JT_ROOM for key in self._by_key)

    def names(self) -> list[str]:
        """The names of agents, each once."""
        return sorted({key.agent_name for key in self._by_key if key.agent_name})

    def free(self, key: WorkerKey) -> bool:
        """Whether somebody can be asked, whoever it is."""
        return any(map(_free, self.of(key)))

    def choose(self, key: WorkerKey, but: Collection[str]) -> Worker | None:
        """One that can be asked, by chance: the less load, the likelier; `but` are worker ids."""
        free = [w for w in self.of(key) if w.worker_id not in but and _free(w)]
        if len(free) < 2:
            return free[0] if free else None
        chances = [max(LEAST_CHANCE, 1.0 - worker.load) for worker in free]
        drawn = self._ids.random.random() * sum(chances)
        for worker, chance in zip(free, chances, strict=True):
            drawn -= chance
            if drawn < 0:
                return worker
        return free[-1]  # the sum was rounded


def _free(worker: Worker) -> bool:
    return worker.available and len(worker.asked) < MOST_ASKED
