"""A job from its dispatch to its end (webrtc.md §7): every way that it can take."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import cast

import pytest
from livekit.protocol.agent import JobStatus, MigrateJobRequest
from livekit.protocol.agent_dispatch import JobRestartPolicy
from livekit.protocol.models import DisconnectReason, ParticipantPermission
from tests.agents.kit import Lab, Peer, T

from hookflash.agents import effects as fx
from hookflash.agents.requests import LEFT_ERROR, MOST_DUE
from hookflash.rooms.moving import move
from hookflash.rooms.orders import AgentOrder

PENDING, RUNNING = JobStatus.JS_PENDING, JobStatus.JS_RUNNING
SUCCESS, FAILED = JobStatus.JS_SUCCESS, JobStatus.JS_FAILED
LOST, LEFT = DisconnectReason.SIGNAL_CLOSE, DisconnectReason.CLIENT_INITIATED
NEVER = AgentOrder("phone", restart_policy=JobRestartPolicy.JRP_NEVER)


def test_a_worker_is_asked_and_given_the_job() -> None:
    lab = Lab()
    permission = ParticipantPermission(can_publish=True, hidden=True)
    peer = lab.worker(allowed_permissions=permission)
    room = lab.room("lobby", AgentOrder("phone", metadata="m", attributes={"a": "b"}))
    asked = peer.one()
    assert asked.id.startswith("AJ_")
    assert asked.dispatch_id == next(iter(room.dispatches))
    assert (asked.room.sid, asked.room.name) == (room.sid, "lobby")
    assert (asked.agent_name, asked.metadata) == ("phone", "m")
    assert dict(asked.attributes) == {"a": "b"}
    assert not asked.HasField("participant")
    assert not asked.enable_recording
    assert (asked.state.status, asked.state.worker_id) == (RUNNING, peer.worker_id)
    assert asked.state.started_at == asked.state.updated_at == int(T * 1e9)
    peer.answer(
        asked.id,
        participant_identity="agent-x",
        participant_name="n",
        participant_metadata="pm",
        participant_attributes={"lk.agent.name": "phone"},
    )
    (assigned,) = peer.assigned
    assert (assigned.job.id, assigned.api_key) == (asked.id, "devkey")
    assert assigned.job.state.participant_identity == "agent-x"
    grant = assigned.grant
    assert (grant.room, grant.identity, grant.name, grant.metadata) == (
        "lobby",
        "agent-x",
        "n",
        "pm",
    )
    assert grant.attributes == {"lk.agent.name": "phone", "lk.agent_name": "phone"}
    assert grant.permission.hidden
    assert not grant.permission.can_subscribe
    assert (lab.agents.running(), lab.outcomes()) == (1, ["assigned"])


def test_without_an_identity_it_is_named_after_the_job() -> None:
    lab = Lab()
    peer = lab.worker()
    lab.room("lobby", "phone")
    job = peer.one()
    peer.answer(job.id)
    assert peer.assigned[0].grant.identity == f"agent-{job.id}"
    assert peer.assigned[0].grant.permission.can_update_metadata


def test_its_states_are_listed() -> None:
    lab = Lab()
    room = lab.room("lobby", "phone")
    assert lab.jobs(room) == []
    peer = lab.worker()
    assert [job.state.status for job in lab.jobs(room)] == [RUNNING]  # it is asked: as LiveKit
    assigned = peer.accept()
    lab.wait(1)
    peer.update(assigned.job.id, RUNNING)
    (job,) = lab.jobs(room)
    assert (job.id, job.state.status, job.HasField("room")) == (assigned.job.id, RUNNING, False)
    assert job.state.updated_at == int((T + 1) * 1e9)
    assert job.state.started_at == int(T * 1e9)
    lab.wait(1)
    peer.update(assigned.job.id, SUCCESS)
    (job,) = lab.jobs(room)
    assert (job.state.status, job.state.ended_at) == (SUCCESS, int((T + 2) * 1e9))
    peer.update(assigned.job.id, FAILED)  # it has ended
    assert lab.jobs(room)[0].state.status == SUCCESS
    assert peer.asked() == []
    assert lab.outcomes() == ["assigned", "succeeded"]


# --- nobody takes it ----------------------------------------------------------------------------


def test_who_registers_later_gets_it_while_the_room_lives() -> None:
    lab = Lab()
    lab.worker("other")
    lab.room("lobby", "phone")
    lab.room("gone", "phone")
    assert [(waits.room, waits.agent_name, waits.why) for waits in lab.of(fx.RoomWaits)] == [
        ("lobby", "phone", "no worker of that name; names now: other"),
        ("gone", "phone", "no worker of that name; names now: other"),
    ]
    assert [request.room.name for request in lab.agents.waiting()] == ["lobby", "gone"]
    lab.wait(200)
    assert len(lab.of(fx.RoomWaits)) == 2
    lab.tell(lab.rooms.delete(lab.now, "gone"))
    peer = lab.worker()
    assert peer.one().room.name == "lobby"
    assert list(lab.agents.waiting()) == []


def test_no_names_at_all() -> None:
    lab = Lab()
    lab.room("lobby", "phone")
    assert lab.of(fx.RoomWaits)[0].why == "no worker of that name; names now: none"


def test_a_room_that_named_nobody_waits_in_silence() -> None:
    lab = Lab()
    lab.room("lobby")
    assert lab.of(fx.RoomWaits) == []
    assert list(lab.agents.waiting()) == []
    assert lab.worker("").one().room.name == "lobby"


def test_the_next_is_asked_of_the_same_job() -> None:
    lab = Lab()
    peers = [lab.worker() for _ in range(3)]
    lab.room("lobby", "phone")
    ids, order = set(), []
    for _ in peers:
        (peer,) = (each for each in peers if any(m.HasField("availability") for m in each.inbox))
        order.append(peer.worker_id)
        job = peer.one()
        ids.add(job.id)
        assert job.state.worker_id == peer.worker_id
        peer.answer(job.id, available=False)
    assert len(ids) == 1
    assert sorted(order) == sorted(peer.worker_id for peer in peers)
    assert lab.outcomes() == ["refused"] * 3
    (waits,) = lab.of(fx.RoomWaits)
    assert waits.why == "of its 3 workers 0 are full, others refused or said nothing"


def test_all_that_refused_are_asked_again_later_and_later() -> None:
    lab = Lab()
    peer = lab.worker()
    room = lab.room("lobby", "phone")
    times = []
    for _ in range(8):
        lab.wait(0)
        times.append(lab.now)
        peer.refuse()
        due = lab.agents.next_deadline()
        assert due is not None
        lab.wait(due - lab.now)
    assert [b - a for a, b in pairwise(times)] == [2, 4, 8, 16, 32, 60, 60]
    assert len(lab.of(fx.RoomWaits)) == 1
    assert lab.jobs(room)[0].id == peer.accept().job.id
    assert lab.agents.next_deadline() == lab.now + 15


def test_who_says_that_nobody_shall_is_the_last() -> None:
    lab = Lab()
    one, two = lab.worker(), lab.worker()
    room = lab.room("lobby", "phone")
    peer = one if one.inbox else two
    peer.answer(peer.one().id, available=False, terminate=True)
    assert (one.asked(), two.asked()) == ([], [])
    (job,) = lab.jobs(room)
    assert (job.state.status, job.state.participant_identity) == (SUCCESS, "")
    lab.worker()
    lab.wait(300)
    assert lab.agents.running() == 0
    assert list(lab.agents.waiting()) == []


def test_who_is_silent_for_three_seconds_is_passed_over() -> None:
    lab = Lab()
    one, two = lab.worker(), lab.worker()
    lab.room("lobby", "phone")
    first, second = (one, two) if one.inbox else (two, one)
    job = first.one()
    lab.wait(2.9)
    assert second.asked() == []
    lab.wait(0.1)
    assert second.one().id == job.id
    first.answer(job.id)  # another one has been asked since
    assert first.assigned == []
    second.answer(job.id)
    assert len(second.assigned) == 1
    assert lab.outcomes() == ["silent", "assigned"]


def test_a_late_answer_is_taken_where_nobody_else_was_asked() -> None:
    lab = Lab()
    peer = lab.worker()
    lab.room("lobby", "phone")
    job = peer.one()
    lab.wait(3.5)
    peer.answer(job.id, available=False)
    assert list(lab.agents.waiting())
    stranger = lab.socket()
    stranger.answer(job.id)
    peer.answer(job.id)
    assert [assigned.job.id for assigned in peer.assigned] == [job.id]
    assert list(lab.agents.waiting()) == []
    peer.answer(job.id)
    assert len(peer.assigned) == 1


def test_a_full_one_is_asked_when_it_has_room() -> None:
    lab = Lab()
    peer = lab.worker()
    peer.status(full=True)
    lab.room("lobby", "phone")
    assert peer.asked() == []
    (waits,) = lab.of(fx.RoomWaits)
    assert waits.why == "of its 1 workers 1 are full, others refused or said nothing"
    peer.status(0.5)
    peer.accept()
    peer.status(0.5)
    assert peer.asked() == []


def test_one_that_goes_while_it_is_asked_is_replaced() -> None:
    lab = Lab()
    one, two = lab.worker(), lab.worker()
    lab.room("lobby", "phone")
    first, second = (one, two) if one.inbox else (two, one)
    job = first.one()
    first.close()
    assert second.one().id == job.id
    second.close()
    assert lab.worker().one().id == job.id


# --- its process dies ---------------------------------------------------------------------------


def test_one_that_failed_before_it_joined_is_given_to_the_next() -> None:
    lab = Lab()
    one, two = lab.worker(), lab.worker()
    room = lab.room("lobby", NEVER)
    first, second = (one, two) if one.inbox else (two, one)
    failed = first.accept().job.id
    first.update(failed, FAILED)
    assert lab.of(fx.RemoveAgent) == []
    again = second.accept().job.id
    assert again != failed
    second.update(again, FAILED)
    lab.wait(300)
    assert (one.asked(), two.asked()) == ([], [])  # by its policy nobody gets it twice
    assert [job.state.status for job in lab.jobs(room)] == [FAILED, FAILED]
    third = lab.worker().accept()
    assert [job.id for job in lab.jobs(room)] == [failed, again, third.job.id]
    assert lab.outcomes().count("failed") == 2


def test_the_same_one_may_have_it_again_where_the_policy_says_so() -> None:
    lab = Lab()
    peer = lab.worker()
    lab.room("lobby", "phone")
    peer.update(peer.accept().job.id, FAILED)
    assert peer.asked() == []
    lab.wait(2)
    peer.accept()


def test_a_process_that_dies_in_the_room_is_replaced_at_most_three_times_a_minute() -> None:
    lab = Lab()
    peer = lab.worker()
    room = lab.room("lobby", "phone")
    for turn in range(4):
        assigned = peer.accept()
        agent = lab.agent(assigned)
        lab.wait(1)
        peer.update(assigned.job.id, FAILED)
        removal = lab.of(fx.RemoveAgent)[turn]
        assert (removal.room, removal.identity) == (room, agent.identity)
        lab.tell(lab.rooms.remove(lab.now, "lobby", agent.identity))
    assert peer.asked() == []
    assert lab.outcomes().count("restarted") == 3
    lab.wait(56)  # the first of the three was 59 seconds ago
    assert peer.asked() == []
    lab.worker()  # nor by another one
    assert lab.agents.running() == 0
    lab.wait(1)
    assert lab.outcomes().count("restarted") == 4
    assert [job.state.status for job in lab.jobs(room)] == [FAILED] * 4 + [RUNNING]


def test_not_where_the_policy_says_never() -> None:
    lab = Lab()
    peer = lab.worker()
    lab.room("lobby", NEVER)
    assigned = peer.accept()
    lab.agent(assigned)
    peer.update(assigned.job.id, FAILED)
    lab.wait(300)
    assert peer.asked() == []
    assert len(lab.of(fx.RemoveAgent)) == 1


def test_one_that_never_starts_counts_as_failed() -> None:
    lab = Lab()
    peer, other = lab.worker(), lab.worker()
    lab.room("lobby", "phone")
    first, second = (peer, other) if peer.inbox else (other, peer)
    assigned = first.accept()
    lab.wait(14.9)
    assert second.asked() == []
    lab.wait(0.1)
    assert first.terminated() == [assigned.job.id]
    started = second.accept()
    second.update(started.job.id, RUNNING)
    lab.wait(600)
    assert second.terminated() == []


def test_a_status_that_nobody_knows_is_passed_over() -> None:
    lab = Lab()
    peer = lab.worker()
    room = lab.room("lobby", "phone")
    assigned = peer.accept()
    before = lab.jobs(room)
    lab.now += 1.0
    peer.update(assigned.job.id, cast(JobStatus, 99))
    assert lab.jobs(room) == before
    peer.update(assigned.job.id, RUNNING)
    assert lab.jobs(room) != before


def test_one_whose_participant_is_there_has_started() -> None:
    lab = Lab()
    peer = lab.worker()
    lab.room("lobby", "phone")
    lab.agent(peer.accept())
    lab.wait(600)
    assert peer.terminated() == []


# --- its agent leaves ---------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [LEFT, DisconnectReason.PARTICIPANT_REMOVED])
def test_an_agent_that_leaves_ends_its_job(reason: DisconnectReason) -> None:
    lab = Lab()
    peer = lab.worker()
    room = lab.room("lobby", "phone")
    assigned = peer.accept()
    lab.leave(lab.agent(assigned), reason)
    assert peer.terminated() == [assigned.job.id]
    (job,) = lab.jobs(room)
    assert (job.state.status, job.state.error) == (FAILED, LEFT_ERROR)
    peer.update(assigned.job.id, SUCCESS)
    assert lab.jobs(room)[0].state.status == FAILED
    lab.wait(300)
    assert peer.asked() == []
    assert lab.outcomes() == ["assigned", "left"]


def test_an_agent_whose_connection_is_lost_is_replaced() -> None:
    lab = Lab()
    peer = lab.worker()
    lab.room("lobby", "phone")
    assigned = peer.accept()
    lab.leave(lab.agent(assigned), LOST)
    assert peer.terminated() == [assigned.job.id]
    assert peer.one().id != assigned.job.id
    assert lab.of(fx.RemoveAgent) == []


def test_an_agent_that_joins_anew_goes_on() -> None:
    lab = Lab()
    peer = lab.worker()
    lab.room("lobby", "phone")
    assigned = peer.accept()
    lab.agent(assigned)
    lab.agent(assigned)  # a full reconnect displaces the one before
    assert peer.terminated() == []
    assert lab.agents.running() == 1


@pytest.mark.parametrize("ends", ["leaves", "room"])
def test_a_moved_agent_takes_its_job_along(ends: str) -> None:
    lab = Lab()
    peer = lab.worker()
    lab.room("lobby", "phone")
    lab.room("other", "nobody")
    assigned = peer.accept()
    newcomer, events = move(lab.rooms, lab.now, lab.agent(assigned), "other")
    lab.tell(events)
    assert (peer.terminated(), lab.agents.running()) == ([], 1)
    lab.tell(lab.rooms.delete(lab.now, "lobby"))
    assert peer.terminated() == []
    assert lab.agents.running() == 1
    if ends == "leaves":
        lab.leave(newcomer, LEFT)
    else:
        lab.tell(lab.rooms.delete(lab.now, "other"))
    assert peer.terminated() == [assigned.job.id]
    assert (lab.agents.running(), lab.agents.next_deadline()) == (0, None)


def test_others_of_the_room_that_move_take_no_job_along() -> None:
    lab = Lab()
    peer = lab.worker()
    lab.room("lobby", "phone")
    lab.room("other", "nobody")
    assigned = peer.accept()
    lab.agent(assigned)
    _, events = move(lab.rooms, lab.now, lab.join("caller"), "other")
    lab.tell(events)
    lab.tell(lab.rooms.delete(lab.now, "other"))
    assert (peer.terminated(), lab.agents.running()) == ([], 1)
    lab.tell(lab.rooms.delete(lab.now, "lobby"))
    assert peer.terminated() == [assigned.job.id]


# --- its worker is gone -------------------------------------------------------------------------


def test_a_job_goes_on_without_its_worker_while_its_agent_is_in_the_room() -> None:
    lab = Lab()
    peer = lab.worker()
    room = lab.room("lobby", "phone")
    assigned = peer.accept()
    agent = lab.agent(assigned)
    peer.close()
    (gone,) = lab.of(fx.WorkerGone)
    assert gone.jobs == 1
    back = lab.worker()
    lab.wait(600)
    assert (lab.agents.running(), back.asked()) == (1, [])
    lab.leave(agent, LOST)
    assert back.terminated() == []
    assert lab.jobs(room)[0].state.status == FAILED
    back.accept()


def test_one_that_nobody_has_seen_in_the_room_is_given_out_again() -> None:
    lab = Lab()
    peer = lab.worker()
    lab.room("lobby", "phone")
    peer.accept()
    peer.close()
    back = lab.worker()
    lab.wait(14.9)
    assert back.asked() == []
    lab.wait(0.1)
    back.accept()


def test_a_worker_that_is_back_has_its_jobs_still() -> None:
    lab = Lab()
    peer = lab.worker()
    room = lab.room("lobby", "phone")
    assigned = peer.accept()
    peer.close()
    stranger = lab.worker("other")
    stranger.say(migrate_job=MigrateJobRequest(job_ids=[assigned.job.id]))
    back = lab.worker()
    back.say(migrate_job=MigrateJobRequest(job_ids=["AJ_unknown", assigned.job.id]))
    lab.wait(60)
    assert back.asked() == []
    back.update(assigned.job.id, RUNNING)
    back.update(assigned.job.id, SUCCESS)
    (job,) = lab.jobs(room)
    assert (job.state.status, job.state.worker_id) == (SUCCESS, back.worker_id)
    back.say(migrate_job=MigrateJobRequest(job_ids=[assigned.job.id]))
    assert lab.agents.running() == 0


def test_a_job_is_its_workers_alone() -> None:
    lab = Lab()
    peer, other = lab.worker(), lab.worker("other")
    room = lab.room("lobby", "phone")
    assigned = peer.accept()
    other.update(assigned.job.id, FAILED)
    other.answer(assigned.job.id)
    other.say(migrate_job=MigrateJobRequest(job_ids=[assigned.job.id]))
    assert lab.jobs(room)[0].state.status == RUNNING
    assert other.assigned == []


# --- its room or its dispatch is gone -----------------------------------------------------------


def test_a_deleted_dispatch_ends_its_job_and_its_agent_is_out_in_three_seconds() -> None:
    lab = Lab()
    peer = lab.worker()
    room = lab.room("lobby", "phone")
    assigned = peer.accept()
    agent = lab.agent(assigned)
    _, events = lab.rooms.delete_dispatch(lab.now, "lobby", assigned.job.dispatch_id)
    lab.tell(events)
    assert peer.terminated() == [assigned.job.id]
    assert lab.jobs(room) == []
    peer.update(assigned.job.id, FAILED)
    lab.wait(2.9)
    assert lab.of(fx.RemoveAgent) == []
    lab.wait(0.1)
    assert [removal.identity for removal in lab.of(fx.RemoveAgent)] == [agent.identity]
    assert lab.outcomes() == ["assigned", "terminated"]
    assert peer.asked() == []


def test_an_agent_that_leaves_by_itself_then_is_not_removed() -> None:
    lab = Lab()
    peer = lab.worker()
    lab.room("lobby", "phone")
    assigned = peer.accept()
    agent = lab.agent(assigned)
    _, events = lab.rooms.delete_dispatch(lab.now, "lobby", assigned.job.dispatch_id)
    lab.tell(events)
    lab.leave(agent, LEFT)
    lab.wait(10)
    assert lab.of(fx.RemoveAgent) == []
    assert lab.agents.next_deadline() is None


def test_a_room_that_ends_ends_its_jobs() -> None:
    lab = Lab()
    peer = lab.worker()
    lab.room("lobby", "phone", "phone")
    jobs = peer.asked()
    peer.answer(jobs[0].id)
    lab.agent(peer.assigned[0])
    lab.tell(lab.rooms.delete(lab.now, "lobby"))
    assert peer.terminated() == [jobs[0].id]
    peer.answer(jobs[1].id)  # it was asked, and the room is gone
    assert len(peer.assigned) == 1
    assert (lab.agents.running(), lab.agents.next_deadline()) == (0, None)
    assert lab.outcomes() == ["assigned", "terminated"]
    assert lab.of(fx.RemoveAgent) == []


# --- all of it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_whatever_happens_every_dispatch_has_its_agent_in_the_end(seed: int) -> None:
    """Workers come, go, refuse, are silent and fail at random; then they behave."""
    chance = random.Random(seed)
    lab = Lab(seed)
    peers: list[Peer] = []
    for turn in range(300):
        peers = [peer for peer in peers if peer.worker_id in lab.peers]
        _something(lab, peers, chance, turn)
        assigned = [job for room in lab.rooms.all() for job in lab.jobs(room)]
        running = [job.dispatch_id for job in assigned if not job.state.ended_at]
        assert len(running) == len(set(running))
    peers = [*lab.peers.values(), lab.worker()]
    for _ in range(400):
        lab.wait(1)
        for peer in peers:
            peer.status()
            for job in peer.asked():
                peer.answer(job.id)
                if peer.assigned and peer.assigned[-1].job.id == job.id:
                    peer.update(job.id, RUNNING)
    assert list(lab.agents.waiting()) == []
    for name in [room.name for room in lab.rooms.all()]:
        lab.tell(lab.rooms.delete(lab.now, name))
    for peer in list(lab.peers.values()):
        peer.close()
    assert (lab.agents.running(), lab.agents.next_deadline()) == (0, None)


def _something(lab: Lab, peers: list[Peer], chance: random.Random, turn: int) -> None:
    what = chance.choice(("worker", "room", "answer", "answer", "wait", "job", "close", "delete"))
    peer = chance.choice(peers) if peers else None
    if what == "worker" and len(peers) < 4:
        peers.append(lab.worker())
    elif what == "room":
        lab.room(f"r{turn}", "phone")
    elif what == "wait":
        lab.wait(chance.choice((0.1, 1, 3, 20)))
    elif what == "delete":
        names = [room.name for room in lab.rooms.all()]
        if names:
            lab.tell(lab.rooms.delete(lab.now, chance.choice(names)))
    elif peer is None:
        return
    elif what == "close":
        peer.close()
    elif what == "answer":
        for job in peer.asked():
            kind = chance.randrange(4)
            if kind == 0:
                peer.answer(job.id, available=False)
            elif kind == 1:
                peer.status(full=chance.random() < 0.5)
            else:
                peer.answer(job.id)
    elif what == "job" and peer.assigned:
        assigned = chance.choice(peer.assigned)
        peer.update(assigned.job.id, chance.choice((RUNNING, FAILED)))
        if chance.random() < 0.5 and lab.rooms.get(assigned.grant.room) is not None:
            agent = lab.agent(assigned)
            if chance.random() < 0.5:
                lab.leave(agent, LOST)


def test_so_many_are_due_in_one_turn() -> None:
    lab = Lab()
    peer = lab.worker()
    for number in range(MOST_DUE + 50):
        lab.room(f"r{number}", "phone")
    while jobs := peer.asked():
        for job in jobs:
            peer.answer(job.id, available=False)
    lab.now += 2
    lab.perform(lab.agents.handle_deadline(lab.now))
    assert lab.agents.next_deadline() == lab.now
    lab.perform(lab.agents.handle_deadline(lab.now))
    due = lab.agents.next_deadline()
    assert due is not None
    assert due > lab.now
