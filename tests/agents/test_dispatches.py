"""Which jobs the events of rooms ask for (facts §5.5)."""

from __future__ import annotations

from livekit.protocol.agent import Job, JobStatus, JobType
from livekit.protocol.models import DisconnectReason
from tests.agents.kit import Lab, Peer

from hookflash.agents import effects as fx
from hookflash.rooms.orders import AgentOrder, Kind, Permission
from hookflash.rooms.room import Participant

ROOM, PUBLISHER, PARTICIPANT = JobType.JT_ROOM, JobType.JT_PUBLISHER, JobType.JT_PARTICIPANT


def publish(lab: Lab, participant: Participant) -> None:
    lab.tell(lab.rooms.publish_audio(lab.now, participant))


def of(job: Job) -> tuple[str, str]:
    return job.room.name, job.participant.identity


def test_each_dispatch_of_a_new_room_asks_its_own_agent() -> None:
    lab = Lab()
    phone, other, unnamed = lab.worker("phone"), lab.worker("other"), lab.worker("")
    lab.room("lobby", "phone", AgentOrder("other", metadata="m"))
    assert (phone.one().type, other.one().metadata, unnamed.asked()) == (ROOM, "m", [])
    lab.room("plain")
    assert [job.room.name for job in unnamed.asked()] == ["plain"]
    assert (phone.asked(), other.asked()) == ([], [])


def test_a_join_makes_a_room_as_well() -> None:
    lab = Lab()
    peer = lab.worker("")
    participant = lab.join("ann")
    job = peer.one()
    assert job.room.sid == participant.room.sid


def test_a_dispatch_by_the_api() -> None:
    lab = Lab()
    peer = lab.worker()
    dispatch = lab.dispatch("lobby", "phone", metadata="m")
    job = peer.one()
    assert (job.dispatch_id, job.metadata) == (dispatch.dispatch_id, "m")
    again = lab.dispatch("lobby", "phone")
    assert peer.one().dispatch_id == again.dispatch_id


def test_a_deployment_is_asked_for_by_its_name() -> None:
    lab = Lab()
    plain, blue = lab.worker(), lab.worker(deployment="blue")
    lab.worker(namespace="n")
    lab.dispatch("lobby", "phone", deployment="blue")
    assert (plain.asked(), blue.one().deployment) == ([], "blue")
    lab.dispatch("lobby", "phone")
    assert (plain.one().deployment, blue.asked()) == ("", [])


def test_a_worker_of_a_namespace_is_not_asked() -> None:
    """No dispatch can name one."""
    lab = Lab()
    peer = lab.worker(namespace="n")
    lab.dispatch("lobby", "phone")
    assert peer.asked() == []


def test_a_job_for_each_participant() -> None:
    lab = Lab()
    room, each = lab.worker(), lab.worker(type=PARTICIPANT)
    lab.room("lobby", "phone")
    assert (len(room.asked()), each.asked()) == (1, [])
    lab.join("ann")
    job = each.one()
    assert (job.type, of(job)) == (PARTICIPANT, ("lobby", "ann"))
    lab.join("bob")
    assert of(each.one()) == ("lobby", "bob")
    lab.join("agent", kind=Kind.AGENT)
    lab.join("egress", kind=Kind.EGRESS)
    lab.join("recorder", permission=Permission(recorder=True))
    assert (each.asked(), room.asked()) == ([], [])


def test_a_job_for_each_that_publishes_at_its_first_track() -> None:
    lab = Lab()
    peer = lab.worker(type=PUBLISHER)
    lab.room("lobby", "phone")
    ann = lab.join("ann")
    assert peer.asked() == []
    publish(lab, ann)
    job = peer.one()
    assert (job.type, of(job), len(job.participant.tracks)) == (PUBLISHER, ("lobby", "ann"), 1)
    publish(lab, ann)
    assert peer.asked() == []
    listed = [job for one in ann.room.dispatches for job in lab.agents.jobs_of(one)]
    assert [job.participant.identity for job in listed] == ["ann"]
    assert not listed[0].participant.sid


def test_who_was_there_before_the_dispatch_or_the_worker_counts_too() -> None:
    lab = Lab()
    ann, bob = lab.join("ann"), lab.join("bob")
    publish(lab, bob)
    lab.dispatch("lobby", "phone")
    each = lab.worker(type=PARTICIPANT)
    assert [of(job) for job in each.asked()] == [("lobby", "ann"), ("lobby", "bob")]
    publishers = lab.worker(type=PUBLISHER)
    assert [of(job) for job in publishers.asked()] == [("lobby", "bob")]
    lab.worker("other", type=PARTICIPANT)
    lab.dispatch("lobby", "other")
    assert len(each.asked()) == 0
    assert ann.active


def test_where_workers_are_for_participants_no_room_waits() -> None:
    lab = Lab()
    peer = lab.worker(type=PARTICIPANT)
    lab.room("lobby", "phone")
    assert lab.of(fx.RoomWaits) == []
    assert list(lab.agents.waiting()) == []
    peer.status(full=True)
    lab.join("ann")
    assert [request.participant is not None for request in lab.agents.waiting()] == [True]
    assert len(lab.of(fx.RoomWaits)) == 1


def test_nobody_is_asked_for_one_who_has_left() -> None:
    lab = Lab()
    peer = lab.worker(type=PARTICIPANT)
    lab.room("lobby", "phone")
    ann, bob = lab.join("ann"), lab.join("bob")
    jobs: dict[str, Job] = {job.participant.identity: job for job in peer.asked()}
    peer.answer(jobs["bob"].id)
    lab.leave(ann, DisconnectReason.CLIENT_INITIATED)
    lab.leave(bob, DisconnectReason.CLIENT_INITIATED)
    peer.answer(jobs["ann"].id)
    assert [assigned.job.id for assigned in peer.assigned] == [jobs["bob"].id]
    assert (lab.agents.running(), peer.terminated()) == (1, [])
    _fails(peer, jobs["bob"])
    lab.wait(300)
    assert peer.asked() == []


def _fails(peer: Peer, job: Job) -> None:
    peer.update(job.id, JobStatus.JS_FAILED)
