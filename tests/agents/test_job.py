from __future__ import annotations

from livekit.protocol.agent import JobStatus
from tests.agents.kit import Lab

from hookflash.agents.job import ENDED_KEPT, RequestState


def test_the_last_ended_jobs_are_shown_and_no_more() -> None:
    lab = Lab()
    peer = lab.worker()
    room = lab.room("lobby", "phone")
    ids = []
    for _ in range(ENDED_KEPT + 3):
        while not (asked := peer.asked()):
            lab.wait(1)
        peer.answer(asked[0].id)
        ids.append(asked[0].id)
        peer.update(asked[0].id, JobStatus.JS_FAILED)
    assert [job.id for job in lab.jobs(room)] == ids[-ENDED_KEPT:]


def test_what_nobody_was_asked_for_yet_is_not_shown() -> None:
    lab = Lab()
    room = lab.room("lobby", "phone")
    (request,) = lab.agents.waiting()
    assert (request.state, lab.jobs(room)) == (RequestState.WAITING, [])
    peer = lab.worker()
    assert (request.state, len(lab.jobs(room))) == (RequestState.ASKED, 1)
    peer.refuse()
    assert (request.state, lab.jobs(room)) == (RequestState.WAITING, [])
    assert request.agent_name == "phone"
