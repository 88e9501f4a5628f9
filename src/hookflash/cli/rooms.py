"""Rooms, and the calls that are up in them, by RoomService alone: any LiveKit knows them."""

from __future__ import annotations

import time

import typer
from livekit.protocol import room as room_proto
from livekit.protocol.models import ParticipantInfo, Room

from ..base.light import light_dataclass
from .client import Client, ClientError
from .options import ApiSession, server_command
from .output import as_dict, clock


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    server_command(app, "rooms")(rooms)


def rooms(session: ApiSession) -> None:
    """Show the rooms."""
    found = list_rooms(session.client)
    now = time.time()
    rows = [
        [
            room.name,
            room.sid,
            str(room.num_participants),
            clock(now - room.creation_time),
            room.metadata,
        ]
        for room in found
    ]
    columns = ("room", "sid", "participants", "age", "metadata")
    session.show([as_dict(room) for room in found], columns, rows, "no rooms")


# --- telephones in rooms ------------------------------------------------------------------------


@light_dataclass(frozen=True, slots=True)
class PhoneRow:
    """A telephone in a room."""

    room: str
    info: ParticipantInfo

    def attribute(self, name: str) -> str:
        """`sip.<name>`, "" where it is not set."""
        return self.info.attributes.get(f"sip.{name}", "")


def list_rooms(client: Client) -> list[Room]:
    """Every room, by name."""
    request = room_proto.ListRoomsRequest()
    answer = client.call("RoomService/ListRooms", request, room_proto.ListRoomsResponse)
    return sorted(answer.rooms, key=lambda found: found.name)


def list_phones(client: Client, room: str = "") -> list[PhoneRow]:
    """The calls of one room or of all, the oldest of each room first."""
    names = [room] if room else [found.name for found in list_rooms(client)]
    return [PhoneRow(name, info) for name in names for info in _phones_of(client, name)]


def _phones_of(client: Client, room: str) -> list[ParticipantInfo]:
    answer = client.call(
        "RoomService/ListParticipants",
        room_proto.ListParticipantsRequest(room=room),
        room_proto.ListParticipantsResponse,
        room=room,
    )
    found = [info for info in answer.participants if info.kind == ParticipantInfo.Kind.SIP]
    return sorted(found, key=lambda info: (info.joined_at_ms, info.joined_at, info.identity))


def the_phone(client: Client, room: str, identity: str) -> tuple[str, str]:
    """Room and identity; those that are "" are found where one call fits only.

    Raises:
        ClientError: no call fits, or several do.
    """
    if room and identity:
        return room, identity
    found = list_phones(client, room)
    where = f" in the room {room}" if room else ""
    if not found:
        others = "; `hookflash calls` shows them all" if room else ""
        raise ClientError(f"no call is up{where}{others}")
    if len(found) > 1:
        listed = ", ".join(f"{phone.room} {phone.info.identity}" for phone in found[:5])
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise ClientError(
            f"{len(found)} calls are up{where}; name room and identity of one of them: "
            f"{listed}{more}"
        )
    return found[0].room, found[0].info.identity
