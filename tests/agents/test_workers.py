"""Which of several workers is asked."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection

from tests.agents.kit import Lab

from hookflash.agents.messages import Registration, WorkerKey
from hookflash.agents.workers import LEAST_CHANCE, MOST_ASKED, Worker, Workers
from hookflash.base.ids import Ids
from hookflash.rooms.orders import Permission

PHONE = WorkerKey("phone", 0)


def made(*loads: float, key: WorkerKey = PHONE) -> tuple[Workers, list[Worker]]:
    workers = Workers(Ids(random.Random(3)))
    found = []
    for load in loads:
        worker = workers.open("devkey")
        workers.register(0.0, worker, Registration(key, "1", Permission()))
        worker.load = load
        found.append(worker)
    return workers, found


def drawn(workers: Workers, times: int = 20_000, but: set[str] | None = None) -> Counter[str]:
    counted: Counter[str] = Counter()
    for _ in range(times):
        worker = workers.choose(PHONE, but or set())
        counted[worker.worker_id if worker is not None else ""] += 1
    return counted


def test_chance_goes_by_what_is_free() -> None:
    workers, (idle, busy, full) = made(0.0, 0.75, 1.0)
    counted = drawn(workers)
    total = 1.0 + 0.25 + LEAST_CHANCE
    for worker, share in ((idle, 1.0), (busy, 0.25), (full, LEAST_CHANCE)):
        assert abs(counted[worker.worker_id] / 20_000 - share / total) < 0.01
    assert counted[full.worker_id] > 0


def test_only_those_that_can_are_asked() -> None:
    workers, (one, two, three) = made(0.0, 0.0, 0.0)
    one.available = False
    assert set(drawn(workers, 200)) == {two.worker_id, three.worker_id}
    assert set(drawn(workers, 200, {two.worker_id})) == {three.worker_id}
    assert workers.choose(PHONE, {two.worker_id, three.worker_id}) is None
    assert workers.free(PHONE)
    two.available = three.available = False
    assert not workers.free(PHONE)
    for other in (WorkerKey("other", 0), WorkerKey("phone", 1), WorkerKey("phone", 0, "n")):
        assert workers.choose(other, set()) is None
    assert workers.choose(WorkerKey("phone", 0, "", "d"), set()) is None


def test_one_is_asked_for_so_many_at_once() -> None:
    lab = Lab()
    peer = lab.worker()
    for number in range(MOST_ASKED + 2):
        lab.room(f"r{number}", "phone")
    jobs = peer.asked()
    assert len(jobs) == MOST_ASKED
    peer.answer(jobs[0].id)
    assert [job.room.name for job in peer.asked()] == [f"r{MOST_ASKED}"]
    other = lab.worker()
    assert [job.room.name for job in other.asked()] == [f"r{MOST_ASKED + 1}"]


def test_names_are_those_of_now() -> None:
    workers, (one, *_) = made(0.0, 0.0)
    unnamed = workers.open("devkey")
    workers.register(0.0, unnamed, Registration(WorkerKey("", 1), "1", Permission()))
    assert (workers.names(), len(workers)) == (["phone"], 3)
    assert workers.for_participants
    workers.close(unnamed)
    assert not workers.for_participants
    workers.close(one)
    assert [worker.agent_name for worker in workers] == ["phone"]
    assert workers.get(one.worker_id) is None


def test_a_worker_that_refuses_all_costs_no_more_with_each() -> None:
    """What it has refused is not looked at again with each answer."""
    lab = Lab()
    for number in range(500):
        lab.room(f"r{number}", "phone")
    peer = lab.worker()
    looks = 0

    def choose(key: WorkerKey, but: Collection[str]) -> Worker | None:
        nonlocal looks
        looks += 1
        return Workers.choose(lab.agents.workers, key, but)

    lab.agents.workers.choose = choose  # type: ignore[method-assign]
    asked = 0
    while jobs := peer.asked():
        for job in jobs:
            asked += 1
            peer.answer(job.id, available=False)
    assert (asked, len(list(lab.agents.waiting()))) == (500, 500)
    assert looks < 2000
    lab.wait(2)
    assert len(peer.asked()) == MOST_ASKED
