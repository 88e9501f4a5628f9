"""The bodies of webhooks: livekit.WebhookEvent as JSON (conformance/webhooks.json).

Build them while the events of one input are dealt with: they show the room as it is now.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from ..calls.records import CallRecord, TransferRecord
from ..rooms.events import (
    ParticipantAborted,
    ParticipantJoined,
    ParticipantLeft,
    RoomEvent,
    RoomFinished,
    RoomStarted,
    TrackPublished,
    TrackUnpublished,
)
from ..rooms.info import room_info
from ..rooms.participant import Participant
from ..rooms.room import Room
from .protojson import Json, to_json
from .records import call_json, transfer_json

TransferKind = Literal["started", "updated", "ended"]

_NAMES: dict[type, str] = {
    RoomStarted: "room_started",
    RoomFinished: "room_finished",
    ParticipantJoined: "participant_joined",
    ParticipantLeft: "participant_left",
    ParticipantAborted: "participant_connection_aborted",
    TrackPublished: "track_published",
    TrackUnpublished: "track_unpublished",
}


def event_name(event: RoomEvent) -> str | None:
    """The webhook's name; None for what LiveKit sends no webhook of."""
    return _NAMES.get(type(event))


def transfer_event_name(kind: TransferKind) -> str:
    """`sip_transfer_started`, `sip_transfer_updated` or `sip_transfer_ended`."""
    return f"sip_transfer_{kind}"


CALL_ENDED = "sip_call_ended"


@dataclass(frozen=True, slots=True)
class EventFilter:
    """`webhook.include_events` and `exclude_events`: if any are included, only those go out."""

    include: Collection[str] = frozenset()
    exclude: Collection[str] = frozenset()

    def accepts(self, name: str) -> bool:
        """True if an event of that name is wanted."""
        return name in self.include if self.include else name not in self.exclude


def room_event_body(event: RoomEvent, event_id: str) -> bytes:
    """The body of an event that has a name. Raises KeyError for others.

    The room of track events has only sid and name, their participant only sid and identity.
    """
    body: Json = {"event": _NAMES[type(event)]}
    match event:
        case TrackPublished() | TrackUnpublished():
            body["room"] = _room_name(event.room)
            body["participant"] = _participant_name(event.participant)
            body["track"] = to_json(event.track.info())
        case ParticipantJoined() | ParticipantLeft() | ParticipantAborted():
            body["room"] = _room(event.room, event.at)
            body["participant"] = to_json(event.participant.info())
        case _:
            body["room"] = _room(event.room, event.at)
    return _encode(body, event_id, event.at)


def transfer_body(
    record: TransferRecord, kind: TransferKind, room: Room | None, event_id: str, at: float
) -> bytes:
    """The body of a transfer's event; `room` where it still lives, for its SID."""
    body: Json = {"event": transfer_event_name(kind)}
    body["room"] = _room_name(room) if room is not None else {"name": record.room}
    body["participant"] = _named(sid=record.participant_sid, identity=record.identity)
    body["sipTransfer"] = transfer_json(record)
    return _encode(body, event_id, at)


def call_body(
    record: CallRecord,
    room: Room | None,
    participant_sid: str,
    event_id: str,
    at: float,
) -> bytes:
    """The body of `sip_call_ended`; a call that never reached a room has neither room nor
    participant."""
    body: Json = {"event": CALL_ENDED}
    if room is not None:
        body["room"] = _room_name(room)
    elif record.room:
        body["room"] = {"name": record.room}
    if record.identity:
        body["participant"] = _named(sid=participant_sid, identity=record.identity)
    body["sipCall"] = call_json(record)
    return _encode(body, event_id, at)


def _room(room: Room, now: float) -> Json:
    return to_json(room_info(room, room.told(now)))


def _room_name(room: Room) -> Json:
    return {"sid": room.sid, "name": room.name}


def _participant_name(participant: Participant) -> Json:
    return {"sid": participant.sid, "identity": participant.identity}


def _named(**fields: str) -> Json:
    return {key: value for key, value in fields.items() if value}


def _encode(body: Json, event_id: str, at: float) -> bytes:
    body["id"] = event_id
    body["createdAt"] = str(int(at))
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")
