"""Calls found by the ids that people have."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.lab import KEY, NUMBER, SECRET, Lab, run

from hookflash.cli.client import Client, ClientError
from hookflash.cli.sip_messages import fetch, find_call, found_of, records, seen_of
from hookflash.sip.uri import Uri

CALLER = "+14150000001"


def client_of(lab: Lab) -> Client:
    return Client(f"http://127.0.0.1:{lab.server.http_port}", KEY, SECRET)


def test_a_call_that_rings_is_found_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in no record yet."""

    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER)
        caller.place(Uri("tel", opaque=NUMBER), proxy=lab.sip)
        await lab.events.wait_for("TrackPublished")
        (participant,) = await lab.participants()
        call_id = participant.attributes["sip.callID"]
        found = await asyncio.to_thread(find_call, client_of(lab), call_id)
        assert (found.call_id, found.room, found.record) == (call_id, "lobby", {})
        newest = await asyncio.to_thread(find_call, client_of(lab), "")
        assert newest == found
        with pytest.raises(ClientError, match="SCL_nobody"):
            await asyncio.to_thread(find_call, client_of(lab), "SCL_nobody")
        answer = await asyncio.to_thread(fetch, client_of(lab), found)
        assert [one.label for one in seen_of(answer)] == ["INVITE", "100 Trying", "180 Ringing"]

    run(check)


def test_records_are_read_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hookflash.cli.sip_messages.PAGE", 1)

    async def check(lab: Lab) -> None:
        await lab.ready()
        for number in range(2):
            caller = await lab.carrier.phone(f"+1415000000{number}")
            call = await caller.call(NUMBER, proxy=lab.sip)
            await call.hang_up()
            await lab.events.wait_for("call ended", number + 1)
        found = await asyncio.to_thread(lambda: list(records(client_of(lab), "calls", "call_id")))
        assert [record["caller"] for record in found] == ["+14150000001", "+14150000000"]
        older = await asyncio.to_thread(find_call, client_of(lab), found[1]["call_id"])
        assert older.record == found[1]

    run(check, sip__answer="immediately")


@pytest.mark.parametrize("answer", [{}, {"messages": [{}]}, {"messages": 3}])
def test_another_servers_answer_is_said_to_be_none(answer: dict[str, object]) -> None:
    with pytest.raises(ClientError, match="no list of SIP messages"):
        seen_of(answer)


def test_a_transfer_whose_call_is_not_in_the_history() -> None:
    async def check(lab: Lab) -> None:
        transfer = {"transfer_id": "STR_1", "call_id": "SCL_1", "room": "lobby"}
        found = await asyncio.to_thread(found_of, client_of(lab), transfer)
        assert (found.call_id, found.record, found.transfer) == ("SCL_1", {}, transfer)

    run(check)
