"""`hookflash provider twilio …` by Twilio's library, against a small server in Twilio's place."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.interop.support.sdks import ROOT
from tests.interop.support.twilio import ACCOUNT, TOKEN, FakeTwilio, fake_twilio, twilio_packages
from tests.support.cli import Ran
from tests.support.lab import KEY, SECRET, Lab, run

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

OURS, SIP = "+15105550100", "sip:sip.example.com:5060"
DOMAIN = "acme.pstn.twilio.com"
Command = Callable[..., Awaitable[Ran]]


async def command(packages: Path, twilio: FakeTwilio, *words: str, **variables: str) -> Ran:
    """`hookflash provider twilio WORDS`, with the library and the account's credentials."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-m", "hookflash", "provider", "twilio", *words),
        *("--api", twilio.url),
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'src'}:{packages}",
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "LIVEKIT_API_KEY": KEY,
            "LIVEKIT_API_SECRET": SECRET,
            "COLUMNS": "250",
            **variables,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


def judge(check: Callable[[Command, FakeTwilio, Lab], Awaitable[None]]) -> None:
    """With an exchange, and an account at Twilio."""

    async def work(lab: Lab) -> None:
        packages = await twilio_packages()

        async def ask(*words: str, **variables: str) -> Ran:
            url = f"http://127.0.0.1:{lab.server.http_port}"
            return await command(packages, twilio, *words, LIVEKIT_URL=url, **variables)

        with fake_twilio() as twilio:
            await check(ask, twilio, lab)

    run(work)


def posted(twilio: FakeTwilio) -> list[Any]:
    """The changes so far, without SIDs."""
    return [form for _, _, form in twilio.changes]


def test_everything_is_made_where_nothing_is_and_twice_is_as_once() -> None:
    async def check(ask: Command, twilio: FakeTwilio, lab: Lab) -> None:
        number_sid = twilio.number(OURS)
        words = ("setup", "--number", OURS, "--origination", SIP, "--domain", DOMAIN)
        plan = await ask(*words)
        assert plan.code == 0, plan.err
        assert plan.out.count("to do: ") == 6
        assert (
            "to do: Twilio, a new trunk: make a trunk 'hookflash': transfers enable-all" in plan.out
        )
        assert f"to do: Twilio, a new trunk: put {OURS} on the trunk" in plan.out
        assert f"to do: here: make an outbound trunk to {DOMAIN}" in plan.out
        assert "note: the trunk lets no calls of this exchange in: --allow-ip names" in plan.out
        assert "nothing was changed; `hookflash provider twilio setup … --yes` does it" in plan.out
        assert twilio.changes == []
        assert list(lab.server.trunks.list_inbound()) == []

        done = await ask(*words, "--yes")
        assert done.code == 0, done.err
        assert done.out.count("done: ") == 6
        assert posted(twilio) == [
            {
                "FriendlyName": "hookflash",
                "DomainName": DOMAIN,
                "TransferMode": "enable-all",
                "TransferCallerId": "from-transferee",
            },
            {
                "Weight": "10",
                "Priority": "10",
                "Enabled": "true",
                "FriendlyName": "hookflash",
                "SipUrl": SIP,
            },
            {"PhoneNumberSid": number_sid},
        ]
        (inbound,), (outbound,) = (
            lab.server.trunks.list_inbound(),
            lab.server.trunks.list_outbound(),
        )
        assert list(inbound.numbers) == [OURS]
        assert (outbound.address, list(outbound.numbers)) == (DOMAIN, [OURS])
        for trunk in (inbound, outbound):
            found = lab.server.trunks.provider(trunk.sip_trunk_id)
            assert found is not None
            assert found.preset.name == "twilio"
        (rule,) = lab.server.trunks.list_rules()
        assert rule.rule.dispatch_rule_direct.room_name == "lobby"

        again = await ask(*words, "--yes", "--json")
        shown = again.json
        assert (shown["steps"], shown["here"], shown["missing"]) == ([], [], [])
        assert len(twilio.changes) == 3
        assert (await ask("check", "--number", OURS, "--origination", SIP)).code == 0

    judge(check)


def test_a_trunk_that_is_there_is_changed_as_far_as_it_has_to_be() -> None:
    async def check(ask: Command, twilio: FakeTwilio, lab: Lab) -> None:
        for name in ("first", "second", "third"):  # more than a page
            twilio.trunk(friendly_name=name)
        sid = twilio.trunk(friendly_name="ours", domain_name=DOMAIN)
        twilio.origination[sid].append({"sip_url": "sip:old.example", "enabled": True})
        twilio.number(OURS, sid)
        words = ("--number", OURS, "--origination", SIP, "--caller-id", "transferor")
        checked = await ask("check", *words)
        assert checked.code == 1
        change = (
            f"to do: Twilio, trunk {sid} 'ours': change the trunk: transfer_mode from disable-all "
            "to enable-all, transfer_caller_id from from-transferee to from-transferor"
        )
        assert change in checked.out
        assert "note: calls that come in go to sip:old.example as well" in checked.out
        assert twilio.changes == []

        metadata = '{"crm": 7}'
        await lab.api.sip.create_inbound_trunk(_trunk(metadata))
        done = await ask("setup", *words, "--yes")
        assert done.code == 0, done.err
        assert posted(twilio)[0] == {
            "TransferMode": "enable-all",
            "TransferCallerId": "from-transferor",
        }
        (inbound,) = lab.server.trunks.list_inbound()
        assert json.loads(inbound.metadata) == {"crm": 7, "hookflash.provider": "twilio"}
        assert (await ask("check", *words)).code == 0

        table = (await ask("show")).out
        row = next(line for line in table.splitlines() if sid in line)
        for cell in ("ours", DOMAIN, "enable-all", "from-transferor", SIP, OURS):
            assert cell in row
        assert len((await ask("show", "--json")).json) == 4

    judge(check)


def _trunk(metadata: str) -> Any:
    from livekit import api

    trunk = api.SIPInboundTrunkInfo(name="mine", numbers=[OURS], metadata=metadata)
    return api.CreateSIPInboundTrunkRequest(trunk=trunk)


def test_who_may_call_is_put_on_lists_once() -> None:
    async def check(ask: Command, twilio: FakeTwilio, lab: Lab) -> None:
        sid = twilio.trunk(friendly_name="hookflash", transfer_mode="enable-all")
        words = ("setup", "--allow-ip", "192.0.2.1", "--allow-ip", "192.0.2.2", "--user", "me")
        password = {"HOOKFLASH_TRUNK_PASSWORD": "Of-12-letters"}
        for _ in range(2):
            done = await ask(*words, "--yes", **password)
            assert (done.code, done.err) == (0, "")
        assert done.out.startswith(f"nothing to do: Twilio, trunk {sid} 'hookflash'\n")
        (access,) = twilio.lists["IpAccessControlLists"].values()
        (users,) = twilio.lists["CredentialLists"].values()
        assert [each["ip_address"] for each in access["things"]] == ["192.0.2.1", "192.0.2.2"]
        assert [each["username"] for each in users["things"]] == ["me"]
        assert (access["trunks"], users["trunks"]) == ([sid], [sid])
        assert {"Username": "me", "Password": "Of-12-letters"} in posted(twilio)
        (shown,) = (await ask("show", "--json")).json
        assert (shown["addresses"], shown["users"]) == (["192.0.2.1", "192.0.2.2"], ["me"])

    judge(check)


def test_what_cannot_be_done_is_said() -> None:
    async def check(ask: Command, twilio: FakeTwilio, lab: Lab) -> None:
        other = twilio.trunk(friendly_name="other")
        sid = twilio.trunk(friendly_name="hookflash", transfer_mode="enable-all")
        twilio.number(OURS, other)
        words = ("--trunk", sid, "--number", OURS, "--number", "+15105550199")
        checked = await ask("check", *words)
        assert checked.code == 1
        assert f"missing: {OURS} is on another trunk, {other}: left there" in checked.out
        assert "missing: +15105550199 is no number of this account" in checked.out
        unknown = await ask("check", "--trunk", "nobody")
        assert (unknown.code, unknown.err) == (1, "hookflash: there is no trunk 'nobody'\n")
        wrong = await ask("show", TWILIO_AUTH_TOKEN="guess")
        assert wrong.code == 1
        assert "Twilio answered 401: " in wrong.err
        assert "(error 20003)" in wrong.err
        assert "guess" not in wrong.err
        none = await ask("show", TWILIO_AUTH_TOKEN="")
        assert "no credentials: set TWILIO_ACCOUNT_SID, and TWILIO_AUTH_TOKEN" in none.err

    judge(check)


def test_what_fails_in_the_middle_says_how_far_it_came_and_can_be_run_again() -> None:
    async def check(ask: Command, twilio: FakeTwilio, lab: Lab) -> None:
        twilio.number(OURS)
        twilio.fail_at = "OriginationUrls"
        words = ("setup", "--number", OURS, "--origination", SIP, "--yes")
        failed = await ask(*words)
        assert failed.code == 1
        assert f"send calls that come in to {SIP}: Twilio answered 400: " in failed.err
        assert "1 steps before it are done, run it again" in failed.err
        assert list(lab.server.trunks.list_inbound()) == []
        twilio.fail_at = ""
        assert (await ask(*words)).code == 0
        assert len(twilio.trunks) == 1
        assert list(lab.server.trunks.list_outbound()) == []  # no domain is known

    judge(check)
