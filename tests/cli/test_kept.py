"""Trunks of both kinds and rules are shown and deleted alike."""

from __future__ import annotations

from tests.support.cli import hookflash
from tests.support.lab import Lab, run


def test_what_is_not_there_is_not_deleted_in_silence() -> None:
    """And then nothing is: half a deletion would have to be found out."""

    async def check(lab: Lab) -> None:
        inbound, rule = await lab.trunk(), await lab.rule()
        for group, name, idents, unknown in (
            ("trunk inbound", "inbound trunk", [inbound, "ST_unknown"], "ST_unknown"),
            ("trunk outbound", "outbound trunk", [inbound], inbound),
            ("rule", "dispatch rule", ["SDR_a", rule, "SDR_b"], "SDR_a, SDR_b"),
        ):
            gone = await hookflash(lab, *group.split(), "rm", *idents)
            assert gone.code == 1
            assert gone.err == (
                f"hookflash: no {name} {unknown}; `hookflash {group} ls` lists them\n"
            )
        (left,) = (await hookflash(lab, "trunk", "inbound", "ls", "--json")).json
        assert left["sip_trunk_id"] == inbound
        (left,) = (await hookflash(lab, "rule", "ls", "--json")).json
        assert left["sip_dispatch_rule_id"] == rule
        gone = await hookflash(lab, "rule", "rm", rule, rule)
        assert (gone.code, gone.out) == (0, f"deleted {rule}\n")

    run(check)


def test_tables_can_be_narrowed() -> None:
    async def check(lab: Lab) -> None:
        one, two = await lab.trunk(numbers=["+1"]), await lab.trunk(numbers=["+2"])
        table = (await hookflash(lab, "trunk", "inbound", "ls", "--number", "1")).out
        assert one in table
        assert two not in table
        rules = [await lab.rule(trunk_ids=[trunk]) for trunk in (one, two)]
        found = (await hookflash(lab, "rule", "ls", "--trunk", two, "--json")).json
        assert [rule["sip_dispatch_rule_id"] for rule in found] == rules[1:]

    run(check)
