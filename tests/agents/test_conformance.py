"""What livekit-server said to two workers of livekit-agents 1.8.9, against what is said here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from livekit.protocol.agent import JobStatus, ServerMessage, WorkerMessage
from tests.agents.kit import Lab, Peer

RECORD = Path(__file__).parents[1] / "data/conformance/signalling/agents-1.8.9-worker.json"
LINES: list[dict[str, Any]] = json.loads(RECORD.read_text("utf-8"))
FOR_LATER = frozenset(("num_participants", "token"))
"""How many were in the room at the time, and what the performer signs."""


def said(by: str, kind: str) -> list[dict[str, Any]]:
    """The recorded messages of that kind."""
    found = [line["msg"] for line in LINES if line.get("from") == by and "msg" in line]
    return [message for message in found if kind in message]


def shape(value: Any) -> Any:
    """The names of the fields, without their values."""
    if isinstance(value, dict):
        return {name: shape(v) for name, v in value.items() if name not in FOR_LATER}
    return [shape(value[0])] if isinstance(value, list) and value else None


def shapes(peer: Peer, kind: str) -> list[Any]:
    found = [message for message in peer.inbox if message.WhichOneof("message") == kind]
    return [shape(json_format.MessageToDict(m, preserving_proto_field_name=True)) for m in found]


def test_all_that_workers_said_is_read() -> None:
    messages = [line["msg"] for line in LINES if line.get("from") == "client" and "msg" in line]
    assert len(messages) > 20
    for message in messages:
        parsed = json_format.ParseDict(message, WorkerMessage())
        assert json_format.MessageToDict(parsed, preserving_proto_field_name=True) == message


def test_messages_have_the_fields_that_were_recorded() -> None:
    lab = Lab()
    peer = lab.socket()
    lab.perform(_say(lab, peer, said("client", "register")[0]))
    (register,) = said("server", "register")[:1]
    (answer,) = shapes(peer, "register")
    assert set(answer["register"]) == set(register["register"])
    assert set(answer["register"]["server_info"]) <= set(register["register"]["server_info"])
    dispatch = lab.dispatch("lobby", "phone", metadata='{"do": "wait"}')
    assert shapes(peer, "availability") == [shape(said("server", "availability")[0])]
    (job,) = peer.asked()
    answered = said("client", "availability")[1]
    answered["availability"]["job_id"] = job.id
    answered["availability"]["participant_identity"] = f"agent-{job.id}"
    lab.perform(_say(lab, peer, answered))
    assigned = ServerMessage()
    assigned.assignment.job.CopyFrom(peer.assigned[0].job)
    ours = json_format.MessageToDict(assigned, preserving_proto_field_name=True)
    assert shape(ours) == shape(said("server", "assignment")[0])
    peer.update(job.id, JobStatus.JS_RUNNING)
    _, events = lab.rooms.delete_dispatch(lab.now, "lobby", dispatch.dispatch_id)
    lab.tell(events)
    assert shapes(peer, "termination") == [shape(said("server", "termination")[0])]


def _say(lab: Lab, peer: Peer, message: dict[str, Any]) -> Any:
    parsed = json_format.ParseDict(message, WorkerMessage())
    return lab.agents.message(lab.now, peer.worker_id, parsed)
