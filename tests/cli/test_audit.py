"""`hookflash audit` against a real server, and against one that keeps none."""

from __future__ import annotations

from livekit import api
from tests.support.cli import hookflash
from tests.support.lab import KEY, NUMBER, Lab, run

from hookflash.carrier.phone import Behaviour

CALLER = "+14150000001"


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
