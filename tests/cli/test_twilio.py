"""`hookflash provider twilio` against an exchange, and an account at Twilio that is in memory. By
Twilio's library, and over HTTP: tests/interop/test_twilio.py."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace

import pytest
from livekit import api
from livekit.protocol.sip import SIPInboundTrunkInfo
from tests.support.cli import hookflash, invoke
from tests.support.lab import Lab, run

from hookflash.adapters.provider_api import ProviderApiError
from hookflash.cli import twilio
from hookflash.providers.twilio_plan import (
    AddOrigination,
    AllowAddress,
    AllowUser,
    AttachNumber,
    ChangeTrunk,
    MakeTrunk,
    TwilioNumber,
    TwilioStep,
    TwilioTrunk,
)

NOWHERE = "http://127.0.0.1:9"
OURS, SIP, DOMAIN = "+15105550100", "sip:sip.example.com:5060", "acme.pstn.twilio.com"


class Account:
    """An account in memory, as `TwilioAccount` shows one."""

    def __init__(self, *held: TwilioTrunk, number: TwilioNumber | None = None) -> None:
        self.held = {trunk.sid: trunk for trunk in held}
        self.number = number or TwilioNumber("PN1", OURS, "")
        self.failing: type[TwilioStep] | None = None

    def __call__(self, environment: Mapping[str, str], api: str) -> Account:
        return self

    def trunks(self) -> list[TwilioTrunk]:
        return list(self.held.values())

    def numbers(self, wanted: tuple[str, ...]) -> list[TwilioNumber]:
        return [self.number] if self.number.number in wanted else []

    def carry_out(self, sid: str, step: TwilioStep) -> str:
        if self.failing is not None and isinstance(step, self.failing):
            raise ProviderApiError("Twilio answered 400: not today")
        match step:
            case MakeTrunk(name, domain, mode, caller_id):
                sid = f"TK{len(self.held) + 1}"
                self.held[sid] = TwilioTrunk(sid, name, domain, mode, caller_id)
            case ChangeTrunk(changes):
                changed = {name: to for name, _, to in changes}
                self.held[sid] = replace(self.held[sid], **changed)  # type: ignore[arg-type]
            case AddOrigination(url):
                self.held[sid] = replace(self.held[sid], origination=(url,))
            case AttachNumber(number):
                self.number = replace(self.number, trunk_sid=sid)
                self.held[sid] = replace(self.held[sid], numbers=(number,))
            case AllowAddress(address):
                self.held[sid] = replace(self.held[sid], addresses=(address,))
            case AllowUser(user):
                self.held[sid] = replace(self.held[sid], users=(user,))
        return sid


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    """In the place of Twilio's."""
    made = Account()
    monkeypatch.setattr(twilio, "TwilioAccount", made)
    return made


TWILIO = ("provider", "twilio")
SETUP = (*TWILIO, "setup", "--number", OURS, "--origination", SIP, "--domain", DOMAIN)


def test_a_plan_changes_nothing_and_its_steps_make_the_next_one_empty(account: Account) -> None:
    async def check(lab: Lab) -> None:
        plan = await hookflash(lab, *SETUP)
        assert (plan.code, plan.err) == (0, "")
        lines = plan.out.splitlines()
        assert [line.partition(": ")[0] for line in lines[:-1]] == ["to do"] * 6 + ["note"] * 2
        assert lines[-1].startswith(
            "nothing was changed; `hookflash provider twilio setup … --yes`"
        )
        assert account.held == {}
        assert list(lab.server.trunks.list_inbound()) == []
        done = await hookflash(lab, *SETUP, "--yes", "--room", "sales")
        assert done.out.count("done: ") == 6
        assert "nothing was changed" not in done.out
        (trunk,) = account.held.values()
        assert (trunk.origination, trunk.numbers, trunk.domain_name) == ((SIP,), (OURS,), DOMAIN)
        (rule,) = lab.server.trunks.list_rules()
        assert rule.rule.dispatch_rule_direct.room_name == "sales"
        again = await hookflash(lab, *SETUP, "--yes")
        assert again.out.startswith(f"nothing to do: Twilio, trunk {trunk.sid} 'hookflash'\n")
        shown = (await hookflash(lab, *SETUP, "--json")).json
        assert (shown["trunk"], shown["steps"], shown["here"]) == (trunk.sid, [], [])
        assert shown["done"] is False
        assert len(list(lab.server.trunks.list_outbound())) == 1

    run(check)


def test_who_may_call_out_at_twilio_is_the_user_of_the_outbound_trunk_here(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(lab: Lab) -> None:
        words = (*SETUP, "--allow-ip", "192.0.2.1", "--user", "me")
        bare = await hookflash(lab, *words)
        assert "missing: user me may not call, and there is no password to make it with" in bare.out
        monkeypatch.setenv("HOOKFLASH_TRUNK_PASSWORD", "hidden")
        done = await hookflash(lab, *words, "--yes")
        assert (done.code, done.err) == (0, "")
        assert "let calls in from 192.0.2.1" in done.out
        assert "let calls in of user me" in done.out
        assert "hidden" not in done.out
        (trunk,) = account.held.values()
        assert (trunk.addresses, trunk.users) == (("192.0.2.1",), ("me",))
        (out,) = lab.server.trunks.list_outbound()
        assert (out.auth_username, out.auth_password) == ("me", "hidden")
        check = (*TWILIO, "check", "--number", OURS, "--user", "me", "--allow-ip", "192.0.2.1")
        assert (await hookflash(lab, *check)).code == 0

    run(check)


def test_what_is_here_already_is_named_and_not_made_twice(account: Account) -> None:
    async def check(lab: Lab) -> None:
        theirs = '{"hookflash": {"provider": "telnyx"}}'
        for numbers, metadata in (
            ([OURS, "+15105550101"], ""),
            (["+15105550102"], "a note"),
            (["+15105550103"], theirs),
        ):
            mine = api.SIPInboundTrunkInfo(name="mine", numbers=numbers, metadata=metadata)
            await lab.api.sip.create_inbound_trunk(api.CreateSIPInboundTrunkRequest(trunk=mine))
        words = ("--number", OURS, "--number", "+15105550102", "--number", "+15105550103")
        plan = (await hookflash(lab, *TWILIO, "setup", *words, "--json")).json
        named, rule = plan["here"]
        assert named.startswith("name the provider of trunk ST_")
        assert rule == "make a rule: all callers to the room lobby"
        assert plan["missing"] == [
            "+15105550102 is no number of this account",
            "+15105550103 is no number of this account",
        ]
        assert (await hookflash(lab, *TWILIO, "setup", *words, "--yes")).code == 0
        texts = {trunk.metadata for trunk in lab.server.trunks.list_inbound()}
        assert texts == {'{"hookflash.provider": "twilio"}', "a note", theirs}
        again = (await hookflash(lab, *TWILIO, "setup", *words, "--json")).json
        assert (again["here"], again["steps"]) == ([], [])
        other = (await hookflash(lab, *TWILIO, "setup", "--json")).json
        assert (other["here"], other["steps"]) == ([], [])

    run(check)


def test_a_rule_of_other_trunks_is_none_for_these(account: Account) -> None:
    async def check(lab: Lab) -> None:
        await hookflash(lab, "rule", "add", "--room", "other", "--trunk", "ST_other")
        plan = (await hookflash(lab, *TWILIO, "setup", "--number", OURS, "--json")).json
        assert plan["here"][-1] == "make a rule: all callers to the room lobby"
        await hookflash(lab, "rule", "add", "--room", "any")
        plan = (await hookflash(lab, *TWILIO, "setup", "--number", OURS, "--json")).json
        assert plan["here"] == [f"make an inbound trunk for {OURS}"]

    run(check)


def test_a_step_that_fails_says_how_far_it_came(account: Account) -> None:
    async def check(lab: Lab) -> None:
        account.failing = AddOrigination
        failed = await hookflash(lab, *SETUP, "--yes")
        assert failed.code == 1
        assert failed.err == (
            f"hookflash: send calls that come in to {SIP}: Twilio answered 400: not today; "
            "1 steps before it are done, run it again\n"
        )
        account.failing = None
        assert (await hookflash(lab, *SETUP, "--yes")).code == 0
        assert len(account.held) == 1

    run(check)


def test_a_step_here_that_fails_is_named_too(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else was faster: the number is another trunk's by now."""

    async def check(lab: Lab) -> None:
        sid = account.carry_out("", MakeTrunk("hookflash", "", "enable-all", "from-transferee"))
        carry_out = account.carry_out

        def meanwhile(sid: str, step: TwilioStep) -> str:
            taken = SIPInboundTrunkInfo(sip_trunk_id="ST_other", numbers=[OURS])
            lab.server.trunks.put_inbound(taken)
            return carry_out(sid, step)

        monkeypatch.setattr(account, "carry_out", meanwhile)
        failed = await hookflash(lab, *TWILIO, "setup", "--number", OURS, "--yes")
        assert failed.code == 1
        assert failed.err.startswith(f"hookflash: make an inbound trunk for {OURS}: ")
        assert "Conflicting inbound SIP Trunks" in failed.err
        assert failed.err.endswith("; 1 steps before it are done, run it again\n")
        assert account.number.trunk_sid == sid

    run(check)


def test_check_and_show(account: Account) -> None:
    words = (*TWILIO, "check", "--number", OURS, "--origination", SIP)
    assert invoke(NOWHERE, *words).code == 1
    sid = account.carry_out("", MakeTrunk("hookflash", DOMAIN, "sip-only", "from-transferee"))
    account.carry_out(sid, AddOrigination(SIP))
    account.carry_out(sid, AttachNumber(OURS, "PN1"))
    checked = invoke(NOWHERE, *words)
    assert checked.code == 1
    assert "change the trunk: transfer_mode from sip-only to enable-all" in checked.out
    assert invoke(NOWHERE, *words, "--transfer", "sip-only").code == 0
    unknown = invoke(NOWHERE, *TWILIO, "check", "--trunk", "nobody")
    assert (unknown.code, unknown.err) == (1, "hookflash: there is no trunk 'nobody'\n")
    row = invoke(NOWHERE, *TWILIO, "show").out.splitlines()[1].split()
    assert row == [sid, "hookflash", DOMAIN, "sip-only", "from-transferee", SIP, OURS]
    (shown,) = invoke(NOWHERE, *TWILIO, "show", "--json").json
    assert shown["origination"] == [SIP]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--number", "5105550100"), "is not + and digits"),
        (("--origination", "sip.example.com"), "is not such as sip:sip.example.com:5060"),
        (("--origination", "sip:a@b"), "is not such as"),
        (("--allow-ip", "sip.example.com"), "is no IP address"),
    ],
)
@pytest.mark.parametrize("command", ["check", "setup"])
def test_wrong_options(command: str, words: tuple[str, ...], said: str) -> None:
    ran = invoke(NOWHERE, "provider", "twilio", command, *words)
    assert ran.code == 2
    assert said in " ".join(ran.err.split())


def test_a_domain_that_is_none_of_twilios() -> None:
    ran = invoke(NOWHERE, "provider", "twilio", "setup", "--domain", "sip.example.com")
    assert ran.code == 2
    assert "acme.pstn.twilio.com" in ran.err


@pytest.mark.parametrize("command", ["show", "check", "setup"])
def test_without_the_library(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "twilio.rest", None)
    ran = invoke(NOWHERE, "provider", "twilio", command)
    assert ran.code == 1
    assert ran.err == (
        "hookflash: Twilio's library is not installed: pip install 'hookflash[twilio]'\n"
    )
