from __future__ import annotations

from typing import get_args

from tests.agents.kit import Lab, T

from hookflash.agents import effects as fx


def test_every_effect_is_one_of_the_union() -> None:
    defined = {
        value
        for value in vars(fx).values()
        if isinstance(value, type)
        and value.__module__ == fx.__name__
        and value is not fx.AgentGrant
    }
    assert set(get_args(fx.AgentEffect)) == defined


def test_those_that_are_counted_name_job_room_and_worker() -> None:
    lab = Lab()
    peer = lab.worker()
    lab.room("lobby", "phone")
    assigned = peer.accept()
    (count,) = lab.of(fx.CountJob)
    assert count == fx.CountJob("assigned", assigned.job.id, "phone", "lobby", peer.worker_id)
    assert lab.now == T
