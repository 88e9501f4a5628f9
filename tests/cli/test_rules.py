"""`hookflash rule …` against a real server."""

from __future__ import annotations

from tests.support.cli import hookflash
from tests.support.lab import Lab, run


def test_rules_are_made_shown_and_deleted() -> None:
    async def check(lab: Lab) -> None:
        trunk = await lab.trunk()
        direct = await hookflash(
            lab,
            *("rule", "add", "--json", "--room", "lobby", "--pin", "1234", "--trunk", trunk),
            *("--name", "main", "--attribute", "line=sales", "--agent", "helper"),
            *("--number", "+15550100", "--caller", "+14150000001", "--hide-number"),
        )
        assert direct.code == 0, direct.err
        rule = direct.json
        assert rule["rule"] == {"dispatch_rule_direct": {"room_name": "lobby", "pin": "1234"}}
        assert rule["trunk_ids"] == [trunk]
        assert rule["attributes"] == {"line": "sales"}
        assert rule["room_config"]["agents"] == [{"agent_name": "helper"}]
        assert rule["hide_phone_number"] is True
        individual = await hookflash(lab, "rule", "add", "--prefix", "call")
        callee = await hookflash(
            lab, "rule", "add", "--callee", "desk", "--randomize", "--number", "+15550103"
        )
        assert (individual.code, callee.code) == (0, 0)
        table = (await hookflash(lab, "rule", "ls")).out
        assert "call_<caller>_…" in table
        assert "desk_<called>_…" in table
        assert "1234" not in table
        rules = (await hookflash(lab, "rule", "ls", "--json")).json
        idents = [found["sip_dispatch_rule_id"] for found in rules]
        assert len(idents) == 3
        gone = await hookflash(lab, "rule", "rm", *idents)
        assert gone.out == f"deleted {', '.join(idents)}\n"
        assert (await hookflash(lab, "rule", "ls")).out == "no dispatch rules\n"

    run(check)


def test_what_cannot_be_is_said_in_one_line() -> None:
    async def check(lab: Lab) -> None:
        await hookflash(lab, "rule", "add", "--room", "b")
        twice = await hookflash(lab, "rule", "add", "--room", "b")
        assert twice.code == 1
        assert "combination already exists" in twice.err
        assert twice.err.count("\n") == 1
        assert (await hookflash(lab, "rule", "add")).code == 2
        assert (await hookflash(lab, "rule", "add", "--room", "a", "--prefix", "b")).code == 2

    run(check)
