"""`hookflash provider telnyx …` and Telnyx's library against the simulated Telnyx: what they set is
what its next call and its next transfer obey."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from livekit import api
from tests.interop.support.process import run as run_command
from tests.interop.support.provider import CALLER, LINE, PHONES, refused
from tests.interop.support.telnyx import (
    FOLDER,
    SimulatedTelnyx,
    simulated_telnyx,
    telnyx_packages,
    telnyx_python,
)
from tests.support.cli import Ran
from tests.support.lab import Lab, run

from hookflash.carrier.config import NetworkConfig
from hookflash.carrier.telnyx.account import CONNECTION, FQDN, NUMBER, PROFILE

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

SIP = "sip:sip.example.com:5060;transport=tcp"
Command = Callable[..., Awaitable[Ran]]
Check = Callable[[Command, SimulatedTelnyx, Lab], Awaitable[None]]


def judge(check: Check, *, refer: bool = True) -> None:
    """With an exchange, and an account that has a number on no connection; `refer`: Telnyx's
    support has enabled REFER."""

    async def work(lab: Lab) -> None:
        packages = await telnyx_packages()

        async def ask(*words: str, **variables: str) -> Ran:
            url = f"http://127.0.0.1:{lab.server.http_port}"
            return await telnyx.command("telnyx", packages, *words, LIVEKIT_URL=url, **variables)

        network = NetworkConfig((), PHONES, numbers=(LINE,))
        async with simulated_telnyx(network, refer=refer) as telnyx:
            await check(ask, telnyx, lab)

    run(work, within=280, sip__answer="immediately")


def test_everything_is_made_where_nothing_is_and_twice_is_as_once() -> None:
    async def check(ask: Command, telnyx: SimulatedTelnyx, lab: Lab) -> None:
        password = {"HOOKFLASH_TRUNK_PASSWORD": "Of-12-letters"}
        words = ("setup", "--number", LINE, "--origination", SIP, "--user", "someone1")
        plan = await ask(*words, **password)
        assert plan.code == 0, plan.err
        assert plan.out.count("to do: ") == 9
        new = "to do: Telnyx, a new connection: "
        assert f"{new}make an FQDN connection 'hookflash': TCP, numbers as +E.164" in plan.out
        assert f"{new}put {LINE} on the connection" in plan.out
        assert "to do: here: make an outbound trunk to sip.telnyx.com" in plan.out
        assert "note: not to be seen or set from here: whether REFER is enabled" in plan.out
        assert telnyx.changes == []
        assert list(lab.server.trunks.list_inbound()) == []

        done = await ask(*words, "--yes", **password)
        assert done.code == 0, done.err
        assert done.out.count("done: ") == 9
        assert "Of-12-letters" not in done.out
        (connection,), (profile,) = telnyx.account.all(CONNECTION), telnyx.account.all(PROFILE)
        values = connection.values
        assert (values["connection_name"], values["transport_protocol"]) == ("hookflash", "TCP")
        assert values["inbound"]["dnis_number_format"] == "+e164"
        assert values["inbound"]["ani_number_format"] == "+E.164"
        assert values["outbound"]["outbound_voice_profile_id"] == profile.sid
        (served,) = telnyx.account.trunks()
        assert (served.numbers, str(served.origination)) == ((LINE,), SIP)
        assert (served.username, served.password) == ("someone1", "Of-12-letters")
        (inbound,), (outbound,) = (
            lab.server.trunks.list_inbound(),
            lab.server.trunks.list_outbound(),
        )
        assert json.loads(inbound.metadata) == {"hookflash.provider": "telnyx"}
        assert (outbound.address, list(outbound.numbers)) == ("sip.telnyx.com", [LINE])
        assert dict(outbound.headers) == {"X-Telnyx-Username": "someone1"}

        count = len(telnyx.changes)
        again = (await ask(*words, "--yes", "--json", **password)).json
        assert (again["steps"], again["here"], again["missing"]) == ([], [], [])
        assert len(telnyx.changes) == count
        assert (await ask("check", *words[1:])).code == 0

    judge(check)


def test_a_connection_that_is_there_is_changed_as_far_as_it_has_to_be() -> None:
    async def check(ask: Command, telnyx: SimulatedTelnyx, lab: Lab) -> None:
        telnyx.connection(connection_name="other")
        old = ("old.example", 5060)
        ours = telnyx.connection(LINE, old, connection_name="ours", active=False)
        profile = telnyx.account.make(0.0, PROFILE, {"name": "mine", "enabled": False}).sid
        words = ("--number", LINE, "--origination", SIP, "--profile", "mine")
        checked = await ask("check", *words)
        assert checked.code == 1
        at = f"to do: Telnyx, connection {ours} 'ours': "
        for line in (
            f"{at}change the connection: active from false to true, transport_protocol from UDP to "
            "TCP, ani_number_format from E.164-national to +E.164, dnis_number_format from e164 to",
            f"{at}enable the outbound voice profile 'mine'",
            f"{at}let calls out and transfers go by the outbound voice profile 'mine'",
            "note: the outbound voice profile 'mine' allows calls, and so transfers, to US, CA",
            "note: calls that come in go to old.example:5060 as well: left as it is",
        ):
            assert line in checked.out
        assert telnyx.changes == []

        trunk = api.SIPInboundTrunkInfo(name="mine", numbers=[LINE], metadata='{"crm": 7}')
        await lab.api.sip.create_inbound_trunk(api.CreateSIPInboundTrunkRequest(trunk=trunk))
        done = await ask("setup", *words, "--yes")
        assert done.code == 0, done.err
        values = telnyx.held(ours).values
        assert values["active"] is True
        assert values["outbound"]["outbound_voice_profile_id"] == profile
        assert telnyx.account.trunks()[1].transfer_mode is None
        assert len(telnyx.account.all(CONNECTION)) == 2
        (inbound,) = lab.server.trunks.list_inbound()
        assert json.loads(inbound.metadata) == {"crm": 7, "hookflash.provider": "telnyx"}
        assert (await ask("check", *words)).code == 0

        table = (await ask("show")).out
        row = next(line for line in table.splitlines() if ours in line)
        for cell in ("ours", "sip.example.com:5060, old.example:5060", "TCP", profile, LINE):
            assert cell in row

    judge(check)


def test_what_cannot_be_done_is_said() -> None:
    async def check(ask: Command, telnyx: SimulatedTelnyx, lab: Lab) -> None:
        other = telnyx.connection(LINE, connection_name="other", user_name="taken123")
        telnyx.connection(connection_name="hookflash")
        words = ("--connection", "hookflash", "--number", LINE, "--number", "+15105550199")
        checked = await ask("check", *words)
        assert checked.code == 1
        assert f"missing: {LINE} is on another connection, {other}: left there" in checked.out
        assert "missing: +15105550199 is no number of this account" in checked.out
        unknown = await ask("check", "--connection", "nobody")
        assert (unknown.code, unknown.err) == (1, "hookflash: there is no connection 'nobody'\n")
        setup = ("setup", "--connection", "hookflash", "--yes", "--user")
        taken = await ask(*setup, "taken123", HOOKFLASH_TRUNK_PASSWORD="12345678")
        assert taken.code == 1
        assert "another connection has the user_name (error 10012); 1 steps before it" in taken.err
        weak = await ask(*setup, "someone1", HOOKFLASH_TRUNK_PASSWORD="weak")
        assert "Telnyx answered 422: password: what was given is not allowed" in weak.err
        assert "weak" not in weak.err
        wrong = await ask("show", TELNYX_API_KEY="guess")
        assert wrong.code == 1
        assert "Telnyx answered 401: " in wrong.err
        assert "(error 10009)" in wrong.err
        assert "guess" not in wrong.err
        none = await ask("show", TELNYX_API_KEY="")
        assert none.err == "hookflash: no credentials: set TELNYX_API_KEY\n"

    judge(check)


def test_what_fails_in_the_middle_says_how_far_it_came_and_can_be_run_again() -> None:
    async def check(ask: Command, telnyx: SimulatedTelnyx, lab: Lab) -> None:
        telnyx.fail_at = "fqdns"
        words = ("setup", "--number", LINE, "--origination", SIP, "--yes")
        failed = await ask(*words)
        assert failed.code == 1
        what = "send calls that come in to sip.example.com:5060"
        assert f"{what}: Telnyx answered 400: not today (error 10015)" in failed.err
        assert "3 steps before it are done, run it again" in failed.err
        assert list(lab.server.trunks.list_inbound()) == []
        telnyx.fail_at = ""
        assert (await ask(*words)).code == 0
        for kind in (CONNECTION, FQDN, PROFILE, NUMBER):
            assert len(telnyx.account.all(kind)) == 1

    judge(check)


# --- the same REFER, before and after -------------------------------------------------------------


async def called(telnyx: SimulatedTelnyx, lab: Lab) -> str:
    """The id of a connection that leads to the exchange, and a caller who came by it."""
    await lab.ready()
    sid = telnyx.connection(LINE, ("localhost", lab.sip[1]), connection_name="line")
    telnyx.carrier.call(CALLER, LINE)
    await telnyx.carrier.happened("call_answered")
    return sid


def test_the_same_refer_works_once_the_connection_is_set_up() -> None:
    async def check(ask: Command, telnyx: SimulatedTelnyx, lab: Lab) -> None:
        await called(telnyx, lab)
        await refused(lab)
        done = await ask("setup", "--number", LINE, "--yes")
        assert done.code == 0, done.err
        await telnyx.transferred(lab, CALLER)

    judge(check)


def test_from_nothing_to_a_call_that_is_transferred() -> None:
    async def check(ask: Command, telnyx: SimulatedTelnyx, lab: Lab) -> None:
        here = f"sip:localhost:{lab.sip[1]}"
        done = await ask("setup", "--number", LINE, "--origination", here, "--yes")
        assert done.code == 0, done.err
        telnyx.carrier.call(CALLER, LINE)
        await telnyx.carrier.happened("call_answered")
        await telnyx.transferred(lab, CALLER)

    judge(check)


def test_where_telnyxs_support_has_not_enabled_it_the_refer_is_refused_and_that_was_said() -> None:
    async def check(ask: Command, telnyx: SimulatedTelnyx, lab: Lab) -> None:
        await called(telnyx, lab)
        done = await ask("setup", "--number", LINE, "--yes")
        assert done.code == 0, done.err
        assert "ask its support (support@telnyx.com) to enable it" in done.out
        await refused(lab)

    judge(check, refer=False)


def test_telnyxs_own_library() -> None:
    """Each resource of it, by `telnyx/user.py`; then what it set is obeyed."""

    async def check(_: Command, telnyx: SimulatedTelnyx, lab: Lab) -> None:
        await lab.ready()
        python = await telnyx_python()
        arguments: tuple[Any, ...] = (telnyx.url, telnyx.account.key, LINE)
        where = ("localhost", str(lab.sip[1]))
        out = await run_command(
            python, "-W", "ignore", FOLDER / "user.py", *arguments, *where, within=60
        )
        assert out.splitlines()[-1] == "done"
        (mine,) = lab.server.trunks.list_inbound()
        provider = '{"hookflash.provider": "telnyx"}'
        await lab.api.sip.update_inbound_trunk_fields(mine.sip_trunk_id, metadata=provider)
        telnyx.carrier.call(CALLER, LINE)
        await telnyx.carrier.happened("call_answered")
        await telnyx.transferred(lab, CALLER)

    judge(check)
