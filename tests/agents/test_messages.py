"""What workers may say: read, checked, and answered in their own way."""

from __future__ import annotations

import json
import math
from contextlib import suppress

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol.agent import (
    AvailabilityResponse,
    JobTermination,
    MigrateJobRequest,
    RegisterWorkerRequest,
    ServerMessage,
    UpdateJobStatus,
    UpdateWorkerStatus,
    WorkerMessage,
    WorkerPing,
)
from livekit.protocol.models import TrackSource
from tests.agents.kit import Lab

from hookflash.agents.messages import WorkerError, load_of, read, registration, write

MESSAGES = (
    WorkerMessage(register=RegisterWorkerRequest(agent_name="phone", version="1.8.9")),
    WorkerMessage(update_worker=UpdateWorkerStatus(load=0.5, job_count=2)),
    WorkerMessage(availability=AvailabilityResponse(job_id="AJ_a", available=True)),
    WorkerMessage(update_job=UpdateJobStatus(job_id="AJ_a", error="e")),
    WorkerMessage(migrate_job=MigrateJobRequest(job_ids=["AJ_a"])),
    WorkerMessage(ping=WorkerPing(timestamp=1 << 40)),
    WorkerMessage(),
)


def test_both_forms_say_the_same() -> None:
    for message in MESSAGES:
        assert read(message.SerializeToString()) == message
        assert read(json_format.MessageToJson(message)) == message
    assert read('{"updateWorker": {"status": "WS_FULL", "new": 1}, "tomorrow": {}}') == (
        WorkerMessage(update_worker=UpdateWorkerStatus(status="WS_FULL"))
    )


def test_a_text_frame_has_an_end() -> None:
    text = '{"ping": {"timestamp": "1"}}'
    assert read(text + " " * (32 * 1024 - len(text))).ping.timestamp == 1
    with pytest.raises(WorkerError, match="more than 32768 characters"):
        read(text + " " * (32 * 1024 + 1 - len(text)))
    with pytest.raises(WorkerError, match="more than 2000 values"):
        read('{"simulateJob": {"room": {"enabledCodecs": [' + "{}," * 1000 + "{}]}}}")


@pytest.mark.parametrize(
    "frame",
    [
        *(b"\xff", b"\x0a\x05a", "", "[]", "1", "{", "[" * 100_000, "\ud800"),
        *('{"register": 1}', '{"register": []}', '{"ping": {"timestamp": "x"}}'),
        '{"register": {"agentName": "\\ud800"}}',
    ],
)
def test_what_is_none_is_an_error(frame: bytes | str) -> None:
    with pytest.raises(WorkerError):
        read(frame)


def test_answers_are_written_in_the_form_of_the_question() -> None:
    message = ServerMessage(termination=JobTermination(job_id="AJ_a"))
    assert write(message, as_json=False) == message.SerializeToString()
    text = write(message, as_json=True)
    assert isinstance(text, str)
    assert json.loads(text) == {"termination": {"jobId": "AJ_a"}}
    assert json_format.Parse(text, ServerMessage()) == message


def test_a_load_is_from_nothing_to_all() -> None:
    for said, meant in ((0.5, 0.5), (-1.0, 0.0), (7.0, 1.0), (math.inf, 1.0), (math.nan, 1.0)):
        assert load_of(said) == meant


def test_a_registration_keeps_what_matters() -> None:
    asked = RegisterWorkerRequest(
        agent_name="phone", type="JT_PUBLISHER", namespace="n", deployment="blue", version="v" * 999
    )
    found = registration(WorkerMessage(register=asked))
    key = found.key
    assert (key.agent_name, key.type, key.namespace, key.deployment) == ("phone", 1, "n", "blue")
    assert len(found.version) == 256
    assert found.permission.can_publish
    assert found.permission.can_update_metadata
    assert not found.permission.hidden


def test_sources_without_end_are_an_error() -> None:
    asked = RegisterWorkerRequest()
    asked.allowed_permissions.can_publish_sources.extend([TrackSource.CAMERA] * 17)
    with pytest.raises(WorkerError, match=r"too many sources to publish \(max 16\)"):
        registration(WorkerMessage(register=asked))


MUTATED = st.tuples(st.sampled_from(MESSAGES), st.binary(max_size=8), st.integers(0, 60)).map(
    lambda drawn: (
        drawn[0].SerializeToString()[: drawn[2]]
        + drawn[1]
        + drawn[0].SerializeToString()[drawn[2] + len(drawn[1]) :]
    )
)
NAMES = st.sampled_from(
    (
        *("register", "type", "agentName", "deployment", "availability", "jobId", "available"),
        *("load", "status", "draining", "participantAttributes", "updateWorker", "updateJob"),
        *("migrateJob", "jobIds", "simulateJob", "ping", "timestamp", "allowedPermissions"),
    )
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.binary(max_size=80) | MUTATED | st.text(max_size=80), max_size=5))
def test_no_frame_is_more_than_a_worker_error(frames: list[bytes | str]) -> None:
    """Nor is what the machine makes of it, before and after the worker has registered."""
    lab = Lab()
    lab.room("lobby", "phone")
    for peer in (lab.socket(), lab.worker()):
        for frame in frames:
            with suppress(WorkerError):
                message = read(frame)
                lab.perform(lab.agents.message(lab.now, peer.worker_id, message))
    lab.wait(100)


@given(st.dictionaries(NAMES, VALUES, max_size=3))
def test_nor_any_json(values: dict[str, object]) -> None:
    lab = Lab()
    peer = lab.worker()
    with suppress(WorkerError):
        message = read(json.dumps(values))
        lab.perform(lab.agents.message(lab.now, peer.worker_id, message))
    lab.wait(100)
