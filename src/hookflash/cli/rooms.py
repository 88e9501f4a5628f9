"""`hookflash rooms`."""

from __future__ import annotations

import time

import typer

from .options import Session, server_command


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    server_command(app, "rooms")(rooms)


def rooms(session: Session) -> None:
    """Show the rooms."""
    from .durations import clock
    from .output import as_dict
    from .phones import list_rooms

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
