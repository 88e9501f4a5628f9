"""What workers and the server say to each other on `/agent` (facts §5.1): protobuf in binary
frames, its JSON in text frames."""

from __future__ import annotations

import math

from livekit.protocol.agent import ServerMessage, WorkerMessage, WorkerStatus

from ..base.counts import check_text
from ..base.errors import ApiError, ProtocolError
from ..base.light import light_dataclass
from ..base.protojson import JsonWriter
from ..base.text import clean
from ..rooms.orders import Permission
from ..rooms.rules import MAX_NAME
from ..twirp.codec import JSON, PROTOBUF, decode

MAX_DEPLOYMENT = 64
"""Octets of a deployment's name; no underscore, blank or control character is in it."""

_json = JsonWriter("json", defaults=False)


class WorkerError(ProtocolError):
    """A worker sent what cannot be read, or what no worker may say."""


@light_dataclass(frozen=True, slots=True)
class WorkerKey:
    """What makes workers alike (facts §5.4): any of them may do a job of that key."""

    agent_name: str
    type: int
    """`JobType`."""
    namespace: str = ""
    deployment: str = ""


@light_dataclass(frozen=True, slots=True)
class Registration:
    """RegisterWorkerRequest, checked."""

    key: WorkerKey
    version: str
    permission: Permission
    """What the participant of a job may do."""


def read(frame: bytes | str) -> WorkerMessage:
    """A worker's message; unknown fields are passed over.

    Raises:
        WorkerError: it is none.
    """
    try:
        if isinstance(frame, str):
            check_text(frame, WorkerError)
            return decode(JSON, frame.encode("utf-8", "surrogatepass"), WorkerMessage)
        return decode(PROTOBUF, frame, WorkerMessage)
    except ApiError as error:
        raise WorkerError(error.msg) from None


def write(message: ServerMessage, *, as_json: bool) -> bytes | str:
    """A frame for a worker: text for one that sends text."""
    if as_json:
        return _json.encode(message).decode()
    return message.SerializeToString()


def registration(message: WorkerMessage) -> Registration:
    """Of the first message of a worker.

    Raises:
        WorkerError: a name or list over its limit, or a type of jobs that there is not.
    """
    asked = message.register
    if asked.type not in (0, 1, 2):
        raise WorkerError(f"there is no job type {asked.type}")
    for name in (asked.agent_name, asked.namespace):
        if len(name.encode()) > MAX_NAME:
            raise WorkerError(f"a name of more than {MAX_NAME} bytes")
    deployment = asked.deployment
    if len(deployment.encode()) > MAX_DEPLOYMENT or not _is_plain(deployment):
        raise WorkerError("the deployment has no name of a deployment")
    permission = Permission(can_update_metadata=True)
    if asked.HasField("allowed_permissions"):
        try:
            permission = Permission.of(asked.allowed_permissions)
        except ApiError as error:
            raise WorkerError(error.msg) from None
    return Registration(
        key=WorkerKey(clean(asked.agent_name), asked.type, clean(asked.namespace), deployment),
        version=asked.version[:MAX_NAME],
        permission=permission,
    )


def load_of(load: float) -> float:
    """From 0 to 1, whatever a worker says."""
    if math.isnan(load):
        return 1.0
    return min(1.0, max(0.0, load))


def is_available(status: int, *, draining: bool) -> bool:
    """Whether a worker takes jobs."""
    return status == WorkerStatus.WS_AVAILABLE and not draining


def _is_plain(name: str) -> bool:
    return name.isprintable() and not any(c == "_" or c.isspace() for c in name)
