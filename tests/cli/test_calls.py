"""`hookflash call`, `calls` and `hangup`, with phones."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from typing import Any

import pytest
from livekit import api
from livekit.protocol.models import ParticipantInfo
from rich.console import Console
from tests.support.cli import hookflash
from tests.support.lab import KEY, NUMBER, SECRET, Lab, run

from hookflash.carrier.phone import Behaviour, Phone
from hookflash.cli import calls
from hookflash.cli.client import Client
from hookflash.cli.outcome import EXIT_NO_ANSWER, EXIT_REFUSED
from hookflash.cli.rooms import list_phones

CALLER, CALLEE = "+14150000001", "+15105550100"


async def outbound(lab: Lab, phone: Phone) -> str:
    """An outbound trunk that leads to one phone."""
    ip, port = phone.address
    trunk = api.SIPOutboundTrunkInfo(name="out", address=f"{ip}:{port}", numbers=[NUMBER])
    made = await lab.api.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
    return made.sip_trunk_id


def test_a_call_goes_out_by_the_only_trunk() -> None:
    async def check(lab: Lab) -> None:
        none = await hookflash(lab, "call", CALLEE, "--room", "lobby")
        assert none.code == 1
        assert "hookflash trunk outbound add" in none.err
        phone = await lab.carrier.phone(CALLEE)
        trunk = await outbound(lab, phone)
        done = await hookflash(
            lab, "call", CALLEE, "--room", "lobby", "--identity", "bob", "--header", "X-A=1"
        )
        assert done.code == 0, done.err
        assert done.out.startswith("answered: bob in lobby, call SCL_")
        assert "calling +15105550100" in done.err
        (info,) = await lab.participants()
        assert info.identity == "bob"
        again = await hookflash(
            lab, "call", CALLEE, "--room", "other", "--trunk", trunk, "--no-wait", "--json"
        )
        assert again.json["room_name"] == "other"
        await outbound(lab, phone)
        several = await hookflash(lab, "call", CALLEE, "--room", "lobby")
        assert several.code == 1
        assert "--trunk ST_" in several.err

    run(check)


@pytest.mark.parametrize(
    ("behaviour", "code", "words"),
    [
        (Behaviour(answer=486), EXIT_REFUSED, "486 Busy Here"),
        (Behaviour(answer=None), EXIT_NO_ANSWER, "not called"),
    ],
)
def test_a_call_that_fails_says_why(behaviour: Behaviour, code: int, words: str) -> None:
    async def check(lab: Lab) -> None:
        phone = await lab.carrier.phone(CALLEE, behaviour=behaviour)
        await outbound(lab, phone)
        failed = await hookflash(lab, "call", CALLEE, "--room", "lobby", "--timeout", "1", "--json")
        assert failed.code == code, failed.err
        assert words in failed.err
        assert failed.json["error"]["code"]
        plain = await hookflash(lab, "call", CALLEE, "--room", "lobby", "--timeout", "1")
        assert (plain.code, plain.out) == (code, "")

    run(check)


async def ready(lab: Lab, *numbers: str) -> list[Any]:
    await lab.ready()
    phones = [await lab.carrier.phone(number) for number in numbers]
    return list(await asyncio.gather(*(phone.call(NUMBER, proxy=lab.sip) for phone in phones)))


def test_calls_are_shown_while_they_are_up_and_when_they_are_over() -> None:
    async def check(lab: Lab) -> None:
        assert (await hookflash(lab, "calls")).out == "no calls\n"
        (call,) = await ready(lab, CALLER)
        await lab.status("active", f"sip_{CALLER}")
        table = (await hookflash(lab, "calls")).out
        for text in ("lobby", f"sip_{CALLER}", NUMBER, "active", "PCMU", "SCL_"):
            assert text in table
        (found,) = (await hookflash(lab, "calls", "--json", "--room", "lobby")).json
        assert (found["room"], found["identity"]) == ("lobby", f"sip_{CALLER}")
        assert (await hookflash(lab, "calls", "--json", "--room", "x")).json == []
        await call.hang_up()
        await lab.events.wait_for("call ended")
        assert (await hookflash(lab, "calls")).out == "no calls\n"

    run(check, sip__answer="immediately")


def test_calls_that_are_over_are_a_history() -> None:
    async def check(lab: Lab) -> None:
        (call,) = await ready(lab, CALLER)
        await call.hang_up()
        await lab.events.wait_for("call ended")
        table = (await hookflash(lab, "calls", "--ended")).out
        for text in ("inbound", CALLER, NUMBER, "lobby", "remote", "PCMU"):
            assert text in table
        (record,) = (await hookflash(lab, "calls", "--ended", "--json", "--room", "lobby")).json
        assert record["caller"] == CALLER

    run(check, sip__answer="immediately")


def test_watching_draws_the_table_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(lab: Lab) -> None:
        await ready(lab, CALLER)
        client = Client(f"http://127.0.0.1:{lab.server.http_port}", KEY, SECRET)
        out = io.StringIO()
        pauses = iter((True, True, False))
        console = Console(file=out, force_terminal=True, width=200)
        await asyncio.to_thread(calls.watch_calls, client, "", lambda: next(pauses), console)
        assert out.getvalue().count(f"sip_{CALLER}") >= 3
        monkeypatch.setattr(calls, "_pause", lambda: False)
        assert (await hookflash(lab, "calls", "--watch", "--room", "x")).code == 0
        for wrong in ("--json", "--ended"):
            assert (await hookflash(lab, "calls", "--watch", wrong)).code == 2

    run(check, sip__answer="immediately")


def test_hanging_up_finds_the_only_call() -> None:
    async def check(lab: Lab) -> None:
        none = await hookflash(lab, "hangup")
        assert (none.code, none.out) == (1, "")
        assert "hookflash: no call is up\n" in none.err
        (call,) = await ready(lab, CALLER)
        done = await hookflash(lab, "hangup")
        assert (done.code, done.out) == (0, f"hung up: lobby sip_{CALLER}\n")
        await call.ended()

    run(check, sip__answer="immediately")


def test_a_call_that_ends_by_itself_does_not_keep_the_others_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def check(lab: Lab) -> None:
        (call,) = await ready(lab, CALLER)
        client = Client(f"http://127.0.0.1:{lab.server.http_port}", KEY, SECRET)
        (phone,) = await asyncio.to_thread(list_phones, client)
        gone = replace(phone, info=ParticipantInfo(identity="sip_gone"))
        monkeypatch.setattr("hookflash.cli.rooms.list_phones", lambda *_: [gone, phone])
        assert (await hookflash(lab, "hangup", "--all")).code == 0
        await call.ended()

    run(check, sip__answer="immediately")


def test_of_several_calls_one_has_to_be_named_or_all() -> None:
    async def check(lab: Lab) -> None:
        one, two, three = await ready(lab, CALLER, "+14150000002", "+14150000003")
        vague = await hookflash(lab, "hangup", "lobby")
        assert vague.code == 1
        assert "3 calls are up in the room lobby" in vague.err
        assert f"lobby sip_{CALLER}" in vague.err
        assert (await hookflash(lab, "hangup", "lobby", f"sip_{CALLER}")).code == 0
        await one.ended()
        done = await hookflash(lab, "hangup", "--all", "--json")
        assert len(done.json) == 2
        await asyncio.gather(two.ended(), three.ended())
        unknown = await hookflash(lab, "hangup", "lobby", "nobody")
        assert "participant does not exist" in unknown.err
        assert (await hookflash(lab, "hangup", "--all")).out == "no calls\n"

    run(check, sip__answer="immediately")
