"""A worker's socket, from its first message to its end."""

from __future__ import annotations

import pytest
from livekit.protocol.agent import (
    JobType,
    MigrateJobRequest,
    SimulateJobRequest,
    UpdateWorkerStatus,
    WorkerMessage,
    WorkerPing,
)
from tests.agents.kit import Lab, T

from hookflash.agents import effects as fx


def test_the_first_answer_is_register() -> None:
    lab = Lab()
    lab.room("waits", "phone")
    peer = lab.socket()
    assert peer.worker_id.startswith("AW_")
    peer.register()
    register = peer.inbox[0].register
    assert (register.worker_id, register.server_info.protocol) == (peer.worker_id, 17)
    assert [message.WhichOneof("message") for message in peer.inbox] == ["register", "availability"]
    (came,) = lab.of(fx.WorkerCame)
    assert (came.worker_id, came.registration.key.agent_name) == (peer.worker_id, "phone")


def test_whoever_does_not_register_is_closed() -> None:
    lab = Lab()
    peer, other = lab.socket(), lab.socket()
    other.register()
    lab.wait(9.9)
    assert lab.of(fx.CloseWorker) == []
    lab.wait(0.1)
    (closed,) = lab.of(fx.CloseWorker)
    assert (closed.worker_id, closed.code) == (peer.worker_id, 1008)
    lab.wait(100)
    assert len(lab.of(fx.CloseWorker)) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"type": 7},
        {"agent_name": "a" * 257},
        {"namespace": "a" * 257},
        {"deployment": "a" * 65},
        {"deployment": "a_b"},
        {"deployment": "a b"},
        {"deployment": "a\n"},
    ],
)
def test_a_registration_that_cannot_be_closes(fields: dict[str, object]) -> None:
    lab = Lab()
    peer = lab.socket()
    peer.register(str(fields.pop("agent_name", "phone")), **fields)
    (closed,) = lab.of(fx.CloseWorker)
    assert (closed.worker_id, closed.code, peer.inbox) == (peer.worker_id, 1008, [])
    assert len(lab.agents.workers) == 0
    lab.wait(60)
    assert len(lab.of(fx.CloseWorker)) == 1


def test_a_second_registration_and_what_comes_before_the_first_are_passed_over() -> None:
    lab = Lab()
    peer = lab.socket()
    lab.room("lobby", "phone")
    peer.status(full=True)
    peer.answer("AJ_a")
    peer.say(migrate_job=MigrateJobRequest(job_ids=["AJ_a"]))
    peer.say()
    assert peer.inbox == []
    peer.register()
    peer.register("other")
    assert [message.WhichOneof("message") for message in peer.inbox] == ["register", "availability"]
    peer.say(simulate_job=SimulateJobRequest(type=JobType.JT_ROOM))
    peer.say()
    assert len(peer.inbox) == 2


def test_a_ping_has_its_pong() -> None:
    lab = Lab()
    for peer in (lab.socket(), lab.worker()):
        peer.say(ping=WorkerPing(timestamp=12))
        (message,) = peer.inbox
        assert (message.pong.last_timestamp, message.pong.timestamp) == (12, int(T * 1000))


def test_a_closed_one_is_forgotten() -> None:
    lab = Lab()
    silent, peer = lab.socket(), lab.worker()
    silent.close()
    peer.close()
    lab.perform(lab.agents.closed(lab.now, peer.worker_id))
    assert [(gone.worker_id, gone.jobs) for gone in lab.of(fx.WorkerGone)] == [(peer.worker_id, 0)]
    assert len(lab.agents.workers) == 0
    assert lab.agents.next_deadline() is None
    late = WorkerMessage(ping=WorkerPing(timestamp=1))
    assert lab.agents.message(lab.now, peer.worker_id, late) == []


def test_whoever_drains_gets_nothing_new() -> None:
    lab = Lab()
    peer = lab.worker()
    peer.say(update_worker=UpdateWorkerStatus(load=0.1, draining=True))
    lab.room("lobby", "phone")
    assert peer.asked() == []
    peer.say(update_worker=UpdateWorkerStatus(load=0.1))  # without a status nothing changes
    assert peer.asked() == []
    peer.status()
    assert [job.room.name for job in peer.asked()] == ["lobby"]
