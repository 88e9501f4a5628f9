"""`hookflash rooms`."""

from __future__ import annotations

from livekit import api
from tests.support.cli import hookflash
from tests.support.lab import Lab, run


def test_rooms_are_shown_by_name() -> None:
    async def check(lab: Lab) -> None:
        assert (await hookflash(lab, "rooms")).out == "no rooms\n"
        for name in ("lobby", "attic"):
            await lab.api.room.create_room(api.CreateRoomRequest(name=name, metadata=f"m-{name}"))
        table = (await hookflash(lab, "rooms")).out
        assert table.index("attic") < table.index("lobby")
        assert "m-lobby" in table
        found = (await hookflash(lab, "rooms", "--json")).json
        assert [room["name"] for room in found] == ["attic", "lobby"]

    run(check)
