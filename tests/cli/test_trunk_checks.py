"""The doctor's look at the trunks of a real server."""

from __future__ import annotations

from tests.support.cli import hookflash
from tests.support.lab import Lab, run


def test_each_trunk_is_looked_at() -> None:
    async def check(lab: Lab) -> None:
        none = await hookflash(lab, "doctor", "--json")
        assert [one["meaning"] for one in none.json["findings"]][-1] == "there are none"
        await lab.trunk(allowed_addresses=["192.0.2.7"])
        phone = await lab.carrier.phone("+15105550100")
        address = f"{phone.address[0]}:{phone.address[1]}"
        made = ("trunk", "outbound", "add", "--address", address, "--number", "+15550100")
        await hookflash(lab, *made, "--name", "carrier", "--transport", "udp")
        ran = await hookflash(lab, "doctor")
        assert ran.code == 4
        assert "\nThe trunks\n" in ran.out
        assert " lab: no dispatch rule is for it" in ran.out
        assert " carrier: answers OPTIONS (200 OK, " in ran.out
        assert " carrier: its Allow has REFER" in ran.out
        await lab.rule()
        told = (await hookflash(lab, "doctor", "--json")).json["findings"]
        trunks = [one for one in told if one["section"] == "The trunks"]
        assert trunks[0]["meaning"] == "has a rule, and says who may call"
        assert len(trunks) == 3
        without = await hookflash(lab, "doctor", "--no-trunks")
        assert "The trunks" not in without.out

    run(check)
