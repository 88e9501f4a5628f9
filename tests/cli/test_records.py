"""`hookflash transfers` and `audit` against a real server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from livekit import api
from tests.support.cli import hookflash
from tests.support.lab import KEY, Lab, run
from tests.support.process import SECRET, Serving

from hookflash.carrier.network import Carrier
from hookflash.carrier.phone import Behaviour
from hookflash.cli.records import _transfer, sent_of, target_of

NUMBER, CALLER = "+15550000001", "+14150000001"


async def one_transfer(server: Serving) -> None:
    """A call that is transferred, and refused with 486."""
    async with Carrier(seed=1) as carrier, api.LiveKitAPI(server.url, "devkey", SECRET) as livekit:
        trunk = api.SIPInboundTrunkInfo(name="t", numbers=[NUMBER])
        await livekit.sip.create_inbound_trunk(api.CreateSIPInboundTrunkRequest(trunk=trunk))
        direct = api.SIPDispatchRuleDirect(room_name="lobby")
        rule = api.SIPDispatchRuleInfo(rule=api.SIPDispatchRule(dispatch_rule_direct=direct))
        await livekit.sip.create_dispatch_rule(api.CreateSIPDispatchRuleRequest(dispatch_rule=rule))
        caller = await carrier.phone(CALLER, behaviour=Behaviour(notify=(100, 486)))
        await caller.call(NUMBER, proxy=server.sip)
        request = api.TransferSIPParticipantRequest(
            room_name="lobby",
            participant_identity=f"sip_{CALLER}",
            transfer_to="tel:+15105550100",
        )
        with pytest.raises(api.SipCallError) as caught:
            await livekit.sip.transfer_sip_participant(request)
        assert caught.value.sip_status_code == 486


def command(server: Serving, *arguments: str, secret: str = SECRET) -> tuple[int, str, str]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "hookflash", "transfers", "--url", server.url),
            *("--api-key", "devkey", "--api-secret", secret, *arguments),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"COLUMNS": "250", "PATH": "/usr/bin"},
    )
    return done.returncode, done.stdout, done.stderr


def test_stored_transfers_are_shown_with_stages_and_verdict(tmp_path: Path) -> None:
    with Serving(tmp_path, "--sip.answer", "immediately") as server:
        asyncio.run(one_transfer(server))
        code, table, _ = command(server)
        assert code == 0
        assert "rejected (486)" in table
        assert "requested +0.0s → sent" in table
        code, text, _ = command(server, "--json", "--room", "lobby")
        assert code == 0
        (record,) = json.loads(text)
        assert record["verdict"] == "rejected"
        assert record["target"] == "tel:+15105550100"
        code, text, _ = command(server, "--json", "--room", "elsewhere")
        assert json.loads(text) == []
        code, _, error = command(server, secret="x" * 40)
        assert code == 1
        assert "LIVEKIT_API_SECRET" in error


def test_changes_transfers_and_calls_are_shown_with_their_keys() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(notify=(100, 486)))
        await caller.call(NUMBER, proxy=lab.sip)
        await hookflash(lab, "transfer", "+15105550100")
        trunk = api.SIPOutboundTrunkInfo(address="127.0.0.1:9", numbers=["+1"], name="out")
        asked = api.CreateSIPOutboundTrunkRequest(trunk=trunk)
        made = await lab.api.sip.create_outbound_trunk(asked)
        await hookflash(lab, "call", "+15105550101", "--room", "lobby", "--no-wait")
        ran = await hookflash(lab, "audit", "--json")
        assert {line["api_key"] for line in ran.json} == {KEY}
        assert [(line["action"], line["detail"]) for line in reversed(ran.json)][2:] == [
            ("transfer", f"lobby/sip_{CALLER} to tel:+15105550100"),
            ("create outbound trunk", "out"),
            ("call", "lobby/sip_+15105550101 to +15105550101"),
        ]
        table = await hookflash(lab, "audit", made.sip_trunk_id, "--limit", "5")
        head, line = table.out.splitlines()
        assert head.split() == ["when", "key", "did", "to", "detail"]
        assert line.split()[2:] == [*(KEY, "create", "outbound", "trunk", made.sip_trunk_id, "out")]
        none = await hookflash(lab, "audit", "ST_unknown")
        assert none.out == "nothing is recorded of ST_unknown\n"

    run(check, sip__answer="immediately")


def test_one_transfer_by_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found behind others, however many there are."""
    monkeypatch.setattr("hookflash.cli.records.PAGE", 1)

    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(notify=(100, 486)))
        await caller.call(NUMBER, proxy=lab.sip)
        for number in ("+15105550100", "+15105550101"):
            await hookflash(lab, "transfer", number)
        oldest = (await hookflash(lab, "transfers", "--json")).json[-1]
        assert oldest["target"] == "tel:+15105550100"
        ran = await hookflash(lab, "transfers", oldest["transfer_id"], "--json")
        assert ran.json == oldest
        words = (await hookflash(lab, "transfers", oldest["transfer_id"])).out.split()
        assert {oldest["transfer_id"], oldest["call_id"], "rejected", "(486)"} <= set(words)
        assert "tel:+15105550101" not in words
        none = await hookflash(lab, "transfers", "STR_none")
        assert (none.code, none.err) == (1, "hookflash: no transfer STR_none is stored\n")

    run(check, sip__answer="immediately")


def test_a_table_of_one_room_or_of_all() -> None:
    async def check(lab: Lab) -> None:
        await lab.ready()
        caller = await lab.carrier.phone(CALLER, behaviour=Behaviour(notify=(100, 486)))
        await caller.call(NUMBER, proxy=lab.sip)
        assert (
            await hookflash(lab, "transfers", "--room", "other")
        ).out == "no transfers are stored\n"
        with pytest.raises(api.SipCallError):
            await lab.transfer(f"sip_{CALLER}", "tel:+15105550100")
        for arguments in ((), ("--room", "lobby")):
            table = (await hookflash(lab, "transfers", *arguments)).out
            for text in ("lobby", f"sip_{CALLER}", "requested +0.0s → sent", "(486)"):
                assert text in table
        record = (await hookflash(lab, "transfers", "--json")).json[0]
        assert "(" not in _transfer({**record, "sip_status": 0})[6]

    run(check, sip__answer="immediately")


def test_what_a_preset_made_of_the_target_is_shown_behind_it() -> None:
    record = {
        "target": "<tel:+15105550100>",
        "refer_to": "<sip:+15105550100@sip.telnyx.com>",
        "provider": "telnyx",
    }
    assert sent_of(record) == "sip:+15105550100@sip.telnyx.com"
    assert target_of(record) == "<tel:+15105550100> → sip:+15105550100@sip.telnyx.com"
    same = {"target": "tel:+1", "refer_to": "<tel:+1>", "provider": "twilio"}
    assert target_of(same) == "tel:+1"
    assert target_of({"target": "TEL:+1", "refer_to": "<tel:+1>"}) == "TEL:+1"
    assert target_of({"target": "TEL:+1", "refer_to": "<tel:+1>", "provider": ""}) == "TEL:+1"
