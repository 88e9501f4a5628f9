"""`hookflash rooms`, and finding the calls that are up."""

from __future__ import annotations

import asyncio

import pytest
from livekit import api
from tests.support.cli import hookflash
from tests.support.lab import KEY, NUMBER, SECRET, Lab, run

from hookflash.cli.client import Client, ClientError
from hookflash.cli.rooms import list_phones, list_rooms, the_phone
from hookflash.rooms.orders import Join

CALLER, OTHER = "+14150000001", "+14150000002"


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


def test_phones_are_found_in_their_rooms_and_nothing_else_is() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        client = Client(f"http://127.0.0.1:{lab.server.http_port}", KEY, SECRET)
        with pytest.raises(ClientError, match="no call is up in the room lobby"):
            await asyncio.to_thread(the_phone, client, "lobby", "")
        for number in (CALLER, OTHER):
            phone = await lab.carrier.phone(number)
            await phone.call(NUMBER, proxy=lab.sip)
            web = lab.server.rooms.join("lobby", Join(f"web{number}"))
            lab.server.rooms.activate(web)
            if number == CALLER:
                only = await asyncio.to_thread(the_phone, client, "", "")
                assert only == ("lobby", f"sip_{CALLER}")
        found = await asyncio.to_thread(list_phones, client)
        assert [phone.info.identity for phone in found] == [f"sip_{CALLER}", f"sip_{OTHER}"]
        assert [phone.attribute("phoneNumber") for phone in found] == [CALLER, OTHER]
        assert [room.name for room in await asyncio.to_thread(list_rooms, client)] == ["lobby"]
        with pytest.raises(ClientError, match=r"2 calls are up; name room and identity"):
            await asyncio.to_thread(the_phone, client, "", "")
        named = await asyncio.to_thread(the_phone, client, "a", "b")
        assert named == ("a", "b")

    run(check, sip__answer="immediately")
