"""The bodies of webhooks: livekit.WebhookEvent as JSON (conformance/webhooks.json).

Build them while the events of one input are dealt with: they show the room as it is now.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Literal

from ..base.light import light_dataclass
from ..base.protojson import Json
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
from ..rooms.info import participant_info, room_info, track_info
from ..rooms.room import Participant, Room, Track
from .records import call_json, to_json, transfer_json

TransferKind = Literal["started", "updated", "ended"]

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

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


@light_dataclass(frozen=True, slots=True)
class EventFilter:
    """`webhook.include_events` and `exclude_events`: if any are included, only those go out."""

    include: Collection[str] = frozenset()
    exclude: Collection[str] = frozenset()

    def accepts(self, name: str) -> bool:
        """True if an event of that name is wanted."""
        return name in self.include if self.include else name not in self.exclude


def room_event_body(event: RoomEvent, event_id: str, shift: float = 0.0) -> bytes:
    """The body of an event that has a name. Raises KeyError for others. `shift` leads from the
    event's time to the world's (`ports.WorldClock`).

    The room of track events has only sid and name, their participant only sid and identity.
    """
    name = _NAMES[type(event)]
    at = event.at + shift
    match event:
        case TrackPublished() | TrackUnpublished():
            return _body(
                name,
                event_id,
                at,
                room=_dumps(_room_name(event.room)),
                participant=_dumps(_participant_name(event.participant)),
                track=_track(event.track),
            )
        case ParticipantJoined() | ParticipantLeft() | ParticipantAborted():
            participant = _dumps(to_json(participant_info(event.participant)))
            room = _room(event.room, event.at)
            return _body(name, event_id, at, room=room, participant=participant)
        case _:
            return _body(name, event_id, at, room=_room(event.room, event.at))


def transfer_body(
    record: TransferRecord, kind: TransferKind, room: Room | None, event_id: str, at: float
) -> bytes:
    """The body of a transfer's event; `room` where it still lives, for its SID."""
    return _body(
        transfer_event_name(kind),
        event_id,
        at,
        room=_dumps(_room_name(room) if room is not None else {"name": record.room}),
        participant=_dumps(_named(sid=record.participant_sid, identity=record.identity)),
        sipTransfer=_dumps(transfer_json(record)),
    )


def call_body(
    record: CallRecord,
    room: Room | None,
    participant_sid: str,
    event_id: str,
    at: float,
) -> bytes:
    """The body of `sip_call_ended`; a call that never reached a room has neither room nor
    participant."""
    parts: dict[str, str] = {}
    if room is not None:
        parts["room"] = _dumps(_room_name(room))
    elif record.room:
        parts["room"] = _dumps({"name": record.room})
    if record.identity:
        parts["participant"] = _dumps(_named(sid=participant_sid, identity=record.identity))
    return _body(CALL_ENDED, event_id, at, **parts, sipCall=_dumps(call_json(record)))


def _track(track: Track) -> str:
    """The end of a track shows what its beginning showed, unless it was muted in between."""
    if track.memo is None:
        track.memo = _dumps(to_json(track_info(track)))
    return track.memo


def _room(room: Room, now: float) -> str:
    """A room hardly changes, and is the larger half of most bodies."""
    counts = room.told(now)
    if room.memo is None:
        room.memo = _dumps(to_json(room_info(room, counts)))
    return room.memo


def _room_name(room: Room) -> Json:
    return {"sid": room.sid, "name": room.name}


def _participant_name(participant: Participant) -> Json:
    return {"sid": participant.sid, "identity": participant.identity}


def _named(**fields: str) -> Json:
    return {key: value for key, value in fields.items() if value}


def _body(name: str, event_id: str, at: float, **parts: str) -> bytes:
    """`parts` are JSON already, in the order of the message's fields."""
    inner = "".join(f'"{key}":{text},' for key, text in parts.items())
    text = f'{{"event":"{name}",{inner}"id":"{event_id}","createdAt":"{int(at)}"}}'
    return text.encode("utf-8", "replace")
