"""`hookflash provider twilio …`, Twilio's library and Twilio's own command, against the simulated
Twilio: what they set is what its next transfer obeys."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from livekit import api
from tests.interop.support.certificates import Authority
from tests.interop.support.lab import Lab as Bench
from tests.interop.support.network import Host, Network
from tests.interop.support.process import run as run_command
from tests.interop.support.provider import CALLER, LINE, PHONES, refused
from tests.interop.support.twilio import (
    FOLDER,
    SimulatedTwilio,
    simulated_twilio,
    twilio_packages,
    twilio_python,
)
from tests.sdk.support.toolchains import Node
from tests.support.cli import Ran
from tests.support.lab import Lab, run

from hookflash.carrier.config import NetworkConfig, TrunkConfig
from hookflash.carrier.twilio.account import (
    ACCESS_LIST,
    ADDRESS,
    CREDENTIAL,
    CREDENTIAL_LIST,
    ORIGINATION,
    TRUNK,
)
from hookflash.sip.uri import Uri

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

OURS, SIP = "+15105550100", "sip:sip.example.com:5060"
DOMAIN = "acme.pstn.twilio.com"
HOSTS = ("trunking.twilio.com", "api.twilio.com")
Command = Callable[..., Awaitable[Ran]]
Check = Callable[[Command, SimulatedTwilio, Lab], Awaitable[None]]


def judge(check: Check, *, trunk: bool = False) -> None:
    """With an exchange, and an account that has a number on no trunk; `trunk`: and a trunk
    that leads to the exchange."""

    async def work(lab: Lab) -> None:
        packages = await twilio_packages()

        async def ask(*words: str, **variables: str) -> Ran:
            url = f"http://127.0.0.1:{lab.server.http_port}"
            return await twilio.command("twilio", packages, *words, LIVEKIT_URL=url, **variables)

        line = TrunkConfig("line", (LINE,), Uri.sip(None, *lab.sip))
        network = NetworkConfig((line,) if trunk else (), PHONES, numbers=(OURS,))
        async with simulated_twilio(network) as twilio:
            await check(ask, twilio, lab)

    run(work, within=280, sip__answer="immediately")


def test_everything_is_made_where_nothing_is_and_twice_is_as_once() -> None:
    async def check(ask: Command, twilio: SimulatedTwilio, lab: Lab) -> None:
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
        (trunk,) = twilio.account.below(TRUNK, "")
        at = f"/v1/Trunks/{trunk.sid}"
        assert twilio.changes == ["/v1/Trunks", f"{at}/OriginationUrls", f"{at}/PhoneNumbers"]
        assert trunk.values["friendly_name"] == "hookflash"
        assert trunk.values["domain_name"] == DOMAIN
        assert trunk.values["transfer_mode"] == "enable-all"
        assert trunk.values["transfer_caller_id"] == "from-transferee"
        (url,) = twilio.account.below(ORIGINATION, trunk.sid)
        assert url.values == {
            "weight": 10,
            "priority": 10,
            "enabled": True,
            "friendly_name": "hookflash",
            "sip_url": SIP,
        }
        (served,) = twilio.account.trunks()
        assert (served.numbers, str(served.origination)) == ((OURS,), SIP)
        (inbound,), (outbound,) = (
            lab.server.trunks.list_inbound(),
            lab.server.trunks.list_outbound(),
        )
        assert list(inbound.numbers) == [OURS]
        assert (outbound.address, list(outbound.numbers)) == (DOMAIN, [OURS])
        for made in (inbound, outbound):
            found = lab.server.trunks.provider(made.sip_trunk_id)
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
    async def check(ask: Command, twilio: SimulatedTwilio, lab: Lab) -> None:
        twilio.trunk(FriendlyName="other")
        ours = twilio.trunk(OURS, FriendlyName="ours", DomainName=DOMAIN)
        sid = ours.sid
        old = {"SipUrl": "sip:old.example", "FriendlyName": "old", "Weight": "1", "Priority": "1"}
        twilio.account.make(0.0, ORIGINATION, sid, {**old, "Enabled": "true"})
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
        assert ours.values["transfer_mode"] == "enable-all"
        assert ours.values["transfer_caller_id"] == "from-transferor"
        assert twilio.urls(ours) == ["sip:old.example", SIP]
        assert [one["transfer_mode"] for one in twilio.trunks()] == ["disable-all", "enable-all"]
        (inbound,) = lab.server.trunks.list_inbound()
        assert json.loads(inbound.metadata) == {"crm": 7, "hookflash.provider": "twilio"}
        assert (await ask("check", *words)).code == 0

        table = (await ask("show")).out
        row = next(line for line in table.splitlines() if sid in line)
        for cell in ("ours", DOMAIN, "enable-all", "from-transferor", SIP, OURS):
            assert cell in row

    judge(check)


def _trunk(metadata: str) -> Any:
    trunk = api.SIPInboundTrunkInfo(name="mine", numbers=[OURS], metadata=metadata)
    return api.CreateSIPInboundTrunkRequest(trunk=trunk)


def test_who_may_call_is_put_on_lists_once() -> None:
    async def check(ask: Command, twilio: SimulatedTwilio, lab: Lab) -> None:
        trunk = twilio.trunk(FriendlyName="hookflash", TransferMode="enable-all")
        words = ("setup", "--allow-ip", "192.0.2.1", "--allow-ip", "192.0.2.2", "--user", "me")
        password = {"HOOKFLASH_TRUNK_PASSWORD": "Of-12-letters"}
        for _ in range(2):
            done = await ask(*words, "--yes", **password)
            assert (done.code, done.err) == (0, "")
        assert done.out.startswith(f"nothing to do: Twilio, trunk {trunk.sid} 'hookflash'\n")
        assert twilio.listed(ACCESS_LIST, ADDRESS, "ip_address") == ["192.0.2.1", "192.0.2.2"]
        assert twilio.listed(CREDENTIAL_LIST, CREDENTIAL, "username") == ["me"]
        assert twilio.lists_on(trunk) == 2
        (shown,) = (await ask("show", "--json")).json
        assert (shown["addresses"], shown["users"]) == (["192.0.2.1", "192.0.2.2"], ["me"])

    judge(check)


def test_what_cannot_be_done_is_said() -> None:
    async def check(ask: Command, twilio: SimulatedTwilio, lab: Lab) -> None:
        other = twilio.trunk(OURS, FriendlyName="other").sid
        sid = twilio.trunk(FriendlyName="hookflash", TransferMode="enable-all").sid
        words = ("--trunk", sid, "--number", OURS, "--number", "+15105550199")
        checked = await ask("check", *words)
        assert checked.code == 1
        assert f"missing: {OURS} is on another trunk, {other}: left there" in checked.out
        assert "missing: +15105550199 is no number of this account" in checked.out
        unknown = await ask("check", "--trunk", "nobody")
        assert (unknown.code, unknown.err) == (1, "hookflash: there is no trunk 'nobody'\n")
        taken = await ask("setup", "--trunk", sid, "--user", "me", "--yes", **_weak)
        assert taken.code == 1
        assert "Twilio answered 400: " in taken.err
        assert "Invalid Password: hidden is not allowed; allowed: 12 characters" in taken.err
        assert "weak" not in taken.err
        wrong = await ask("show", TWILIO_AUTH_TOKEN="guess")
        assert wrong.code == 1
        assert "Twilio answered 401: " in wrong.err
        assert "(error 20003)" in wrong.err
        assert "guess" not in wrong.err
        none = await ask("show", TWILIO_AUTH_TOKEN="")
        assert "no credentials: set TWILIO_ACCOUNT_SID, and TWILIO_AUTH_TOKEN" in none.err

    judge(check)


_weak = {"HOOKFLASH_TRUNK_PASSWORD": "weak"}


def test_what_fails_in_the_middle_says_how_far_it_came_and_can_be_run_again() -> None:
    async def check(ask: Command, twilio: SimulatedTwilio, lab: Lab) -> None:
        twilio.fail_at = "OriginationUrls"
        words = ("setup", "--number", OURS, "--origination", SIP, "--yes")
        failed = await ask(*words)
        assert failed.code == 1
        assert f"send calls that come in to {SIP}: Twilio answered 400: " in failed.err
        assert "1 steps before it are done, run it again" in failed.err
        assert list(lab.server.trunks.list_inbound()) == []
        twilio.fail_at = ""
        assert (await ask(*words)).code == 0
        assert len(twilio.trunks()) == 1
        assert list(lab.server.trunks.list_outbound()) == []  # no domain is known

    judge(check)


# --- the same REFER, before and after -------------------------------------------------------------


@pytest.mark.parametrize(("caller_id", "seen"), [("transferee", CALLER), ("transferor", LINE)])
def test_the_same_refer_works_once_the_trunk_is_set_up(caller_id: str, seen: str) -> None:
    async def check(ask: Command, twilio: SimulatedTwilio, lab: Lab) -> None:
        await lab.ready()
        twilio.carrier.call(CALLER, LINE)
        await twilio.carrier.happened("call_answered")
        await refused(lab)
        words = ("setup", "--number", LINE, "--caller-id", caller_id, "--yes")
        done = await ask(*words)
        assert done.code == 0, done.err
        await twilio.transferred(lab, seen)

    judge(check, trunk=True)


def test_twilios_own_library() -> None:
    """Each resource of it, by `twilio/user.py`; then what it set is obeyed."""

    async def check(_: Command, twilio: SimulatedTwilio, lab: Lab) -> None:
        await lab.ready()
        twilio.carrier.call(CALLER, LINE)
        await twilio.carrier.happened("call_answered")
        await refused(lab)
        python = await twilio_python()
        arguments = (twilio.url, twilio.account.sid, twilio.account.token, LINE)
        out = await run_command(python, "-W", "ignore", FOLDER / "user.py", *arguments, within=60)
        assert out.splitlines()[-1] == "done"
        await twilio.transferred(lab, LINE)

    judge(check, trunk=True)


# --- Twilio's command -----------------------------------------------------------------------------


@asynccontextmanager
async def twilios_hosts(
    bench: Bench, network: Network, host: Host, port: int
) -> AsyncIterator[dict[str, str]]:
    """In this namespace Twilio's names lead to the HTTP server at `port` of loopback, by TLS; the
    variables that make Node.js trust it."""
    authority = await Authority.create(bench.path("ca"))
    certificate = await authority.issue("twilio", names=HOSTS)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.cert, certificate.key)

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pipe(reader, outer), pipe(inner, writer), return_exceptions=True)

    names = Path("/etc/netns") / host.name / "hosts"  # `ip netns exec` puts it over /etc/hosts
    names.parent.mkdir(parents=True)
    names.write_text("".join(f"{network.address} {name}\n" for name in HOSTS), "ascii")
    server = await asyncio.start_server(accepted, network.address, 443, ssl=context)
    try:
        yield {"NODE_EXTRA_CA_CERTS": str(authority.cert)}
    finally:
        server.close()
        names.unlink()
        names.parent.rmdir()


def test_twilios_own_command_as_livekits_page_has_it(tmp_path: Path) -> None:
    async def check(_: Command, twilio: SimulatedTwilio, lab: Lab) -> None:
        await lab.ready()
        twilio.carrier.call(CALLER, LINE)
        await twilio.carrier.happened("call_answered")
        await refused(lab)
        node = await Node.find()
        programs = await node.project("twilio", FOLDER) / "node_modules" / ".bin"
        async with Bench(tmp_path) as bench:
            network = await Network.create(bench)
            host = await network.host("cli")
            async with twilios_hosts(bench, network, host, twilio.port) as trust:

                async def cli(line: str) -> str:
                    variables = {
                        "PATH": f"{programs}:{Path(node.node).parent}:{os.environ['PATH']}",
                        "HOME": str(tmp_path),
                        **twilio.environment,
                        **trust,
                    }
                    env = [f"{name}={value}" for name, value in variables.items()]
                    words = host.command("env", *env, *line.split())
                    return await run_command(*words, within=60)

                (trunk,) = twilio.account.below(TRUNK, "")
                listed = await cli("twilio api trunking v1 trunks list")
                assert trunk.sid in listed
                update = (
                    f"twilio api trunking v1 trunks update --sid {trunk.sid} "
                    "--transfer-mode enable-all --transfer-caller-id from-transferee"
                )
                assert trunk.sid in await cli(update)
        assert twilio.changes == [f"/v1/Trunks/{trunk.sid}"]
        await twilio.transferred(lab, CALLER)

    judge(check, trunk=True)
