"""`hookflash agents`."""

from __future__ import annotations

from tests.support.cli import hookflash
from tests.support.lab import Lab, run
from tests.support.worker import connected

from hookflash.rooms.orders import AgentOrder, RoomOptions


def test_workers_their_rooms_and_rooms_that_wait() -> None:
    async def check(lab: Lab) -> None:
        assert (await hookflash(lab, "agents")).out == "no agent workers\n"
        rooms = lab.server.rooms
        async with (
            connected(lab.server.http_port) as phone,
            connected(lab.server.http_port) as unnamed,
        ):
            worker_id = await phone.register()
            await unnamed.register("")
            rooms.create("lobby", RoomOptions(agents=(AgentOrder("phone"),)))
            await phone.accept()
            await phone.status("WS_FULL", 0.75)
            rooms.create("attic", RoomOptions(agents=(AgentOrder("nobody"),)))
            await phone.say(ping={"timestamp": 1})
            await phone.socket.receive_bytes()
            ran = await hookflash(lab, "agents")
            lines = [line.split() for line in ran.out.splitlines()]
            (named,) = (line for line in lines if worker_id in line)
            assert named[:5] == ["phone", "room", worker_id, "full", "75%"]
            assert named[-1] == "lobby"
            assert any(line[0] == "(unnamed)" for line in lines if line)
            (waits,) = (line for line in ran.out.splitlines() if "nobody" in line)
            assert "missing: no worker of that name; names now: phone" in waits
            assert waits.split()[-1] == "attic"
            found = (await hookflash(lab, "agents", "--json")).json
            assert [len(found["workers"]), len(found["waiting"])] == [2, 1]

    run(check)
