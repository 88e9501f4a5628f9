"""`hookflash provider telnyx` against an exchange, and an account at Telnyx that is in memory. By
Telnyx's library, and over HTTP: tests/interop/test_telnyx.py."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace

import pytest
from tests.support.cli import hookflash, invoke
from tests.support.lab import Lab, run

from hookflash.adapters.telnyx_rest import TelnyxPlace
from hookflash.cli import telnyx
from hookflash.providers.telnyx_plan import (
    AddFqdn,
    ChangeConnection,
    MakeConnection,
    MakeProfile,
    PutNumber,
    SetUser,
    TelnyxConnection,
    TelnyxNumber,
    TelnyxProfile,
    TelnyxStep,
    UseProfile,
)

NOWHERE = "http://127.0.0.1:9"
OURS, SIP, FQDN = "+15105550100", "sip:sip.example.com;transport=tcp", "sip.example.com:5060"


class Account:
    """An account in memory, as `TelnyxAccount` shows one."""

    def __init__(self) -> None:
        self.held: dict[str, TelnyxConnection] = {}
        self.known: list[TelnyxProfile] = []
        self.number = TelnyxNumber("N1", OURS, "")

    def __call__(self, environment: Mapping[str, str], api: str) -> Account:
        return self

    def connections(self) -> list[TelnyxConnection]:
        return list(self.held.values())

    def profiles(self) -> list[TelnyxProfile]:
        return self.known

    def numbers(self, wanted: tuple[str, ...]) -> list[TelnyxNumber]:
        return [self.number] if self.number.number in wanted else []

    def carry_out(self, at: TelnyxPlace, step: TelnyxStep) -> TelnyxPlace:
        change: dict[str, object] = {}
        match step:
            case MakeConnection(name, transport):
                at = TelnyxPlace("C1", at.profile)
                self.held["C1"] = TelnyxConnection("C1", name, transport_protocol=transport)
            case MakeProfile(name):
                at = TelnyxPlace(at.connection, "P1")
                self.known = [TelnyxProfile("P1", name)]
            case ChangeConnection(changes):
                change = {name: to for name, _, to in changes}
            case UseProfile(sid, _):
                change = {"outbound_voice_profile_id": sid or at.profile}
            case SetUser(user):
                change = {"user_name": user}
            case AddFqdn(fqdn):
                change = {"fqdns": (fqdn,)}
            case PutNumber(number):
                self.number = replace(self.number, connection_id=at.connection)
                change = {"numbers": (number,)}
        self.held[at.connection] = replace(self.held[at.connection], **change)  # type: ignore[arg-type]
        return at


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    """In the place of Telnyx's."""
    made = Account()
    monkeypatch.setattr(telnyx, "TelnyxAccount", made)
    return made


TELNYX = ("provider", "telnyx")
SETUP = (*TELNYX, "setup", "--number", OURS, "--origination", SIP)


def test_a_plan_changes_nothing_and_its_steps_make_the_next_one_empty(account: Account) -> None:
    async def check(lab: Lab) -> None:
        plan = await hookflash(lab, *SETUP)
        assert (plan.code, plan.err) == (0, "")
        lines = plan.out.splitlines()
        assert [line.partition(": ")[0] for line in lines[:-1]] == ["to do"] * 8 + ["note"] * 4
        assert lines[-1] == (
            "nothing was changed; `hookflash provider telnyx setup … --yes` does it"
        )
        assert account.held == {}
        assert list(lab.server.trunks.list_inbound()) == []
        done = await hookflash(lab, *SETUP, "--yes", "--room", "sales")
        assert done.out.count("done: ") == 8
        (connection,) = account.held.values()
        assert (connection.fqdns, connection.transport_protocol) == ((FQDN,), "TCP")
        assert (connection.outbound_voice_profile_id, connection.numbers) == ("P1", (OURS,))
        (inbound,) = lab.server.trunks.list_inbound()
        assert inbound.metadata == '{"hookflash.provider": "telnyx"}'
        (out,) = lab.server.trunks.list_outbound()
        assert (out.address, list(out.numbers)) == ("sip.telnyx.com", [OURS])
        (rule,) = lab.server.trunks.list_rules()
        assert rule.rule.dispatch_rule_direct.room_name == "sales"
        again = await hookflash(lab, *SETUP, "--yes")
        assert again.out.startswith("nothing to do: Telnyx, connection C1 'hookflash'\n")
        shown = (await hookflash(lab, *SETUP, "--json")).json
        assert (shown["connection"], shown["steps"], shown["here"]) == ("C1", [], [])
        assert len(list(lab.server.trunks.list_outbound())) == 1

    run(check)


def test_what_it_cannot_do_is_said_each_time(account: Account) -> None:
    async def check(lab: Lab) -> None:
        await hookflash(lab, *SETUP, "--yes")
        for command in (SETUP, (*TELNYX, "check", *SETUP[3:])):
            said = (await hookflash(lab, *command)).out
            assert "note: not to be seen or set from here: whether REFER is enabled" in said
            assert "support@telnyx.com" in said

    run(check)


def test_who_may_call_out_at_telnyx_is_the_user_of_the_outbound_trunk_here(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(lab: Lab) -> None:
        bare = await hookflash(lab, *SETUP, "--user", "me")
        assert "missing: user me may not call, and there is no password to make it with" in bare.out
        monkeypatch.setenv("HOOKFLASH_TRUNK_PASSWORD", "hidden")
        done = await hookflash(lab, *SETUP, "--user", "me", "--yes")
        assert (done.code, done.err) == (0, "")
        assert "let calls in of user me" in done.out
        assert "hidden" not in done.out
        assert account.held["C1"].user_name == "me"
        (out,) = lab.server.trunks.list_outbound()
        assert (out.auth_username, out.auth_password) == ("me", "hidden")
        assert dict(out.headers) == {"X-Telnyx-Username": "me"}
        checked = await hookflash(lab, *TELNYX, "check", "--number", OURS, "--user", "me")
        assert checked.code == 0

    run(check)


def test_check_and_show(account: Account) -> None:
    words = (*TELNYX, "check", "--number", OURS, "--origination", SIP)
    assert invoke(NOWHERE, *words).code == 1
    account.held["C1"] = TelnyxConnection(
        "C1", "ours", "false", "TCP", "E.164", "+e164", "P1", "me", (FQDN,), (OURS,)
    )
    account.known = [TelnyxProfile("P1", "mine")]
    account.number = replace(account.number, connection_id="C1")
    checked = invoke(NOWHERE, *words)
    assert checked.code == 1
    change = "change the connection: active from false to true, ani_number_format from E.164"
    assert change in checked.out
    unknown = invoke(NOWHERE, *TELNYX, "check", "--connection", "nobody")
    assert (unknown.code, unknown.err) == (1, "hookflash: there is no connection 'nobody'\n")
    row = invoke(NOWHERE, *TELNYX, "show").out.splitlines()[1].split()
    assert row == ["C1", "ours", "false", FQDN, "TCP", "P1", "me", OURS]
    (shown,) = invoke(NOWHERE, *TELNYX, "show", "--json").json
    assert shown["fqdns"] == [FQDN]


@pytest.mark.parametrize(
    ("origination", "fqdn", "transport"),
    [
        ("sip:a.test", "a.test:5060", "UDP"),
        ("sip:a.test:5070;transport=udp", "a.test:5070", "UDP"),
        ("sips:a.test", "a.test:5061", "TLS"),
        ("sip:a.test;transport=tls", "a.test:5061", "TLS"),
    ],
)
def test_where_calls_go_is_an_fqdn_with_a_port(
    account: Account, origination: str, fqdn: str, transport: str
) -> None:
    out = invoke(NOWHERE, *TELNYX, "check", "--origination", origination).out
    assert f"send calls that come in to {fqdn}" in out
    assert f"make an FQDN connection 'hookflash': {transport}, numbers as +E.164" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--number", "5105550100"), "is not + and digits"),
        (("--origination", "sip.example.com"), "is not such as sip:sip.example.com:5060"),
        (("--origination", "sip:192.0.2.1:5060"), "a name, and no IP address"),
        (("--origination", "sip:[::1]:5060"), "a name, and no IP address"),
        (("--origination", "sip:a.test;transport=sctp"), "Telnyx speaks UDP, TCP and TLS"),
        (("--origination", "sip:a.test:x"), "is not such as sip:sip.example.com:5060"),
    ],
)
@pytest.mark.parametrize("command", ["check", "setup"])
def test_wrong_options(command: str, words: tuple[str, ...], said: str) -> None:
    ran = invoke(NOWHERE, "provider", "telnyx", command, *words)
    assert ran.code == 2
    assert said in " ".join(ran.err.split())


@pytest.mark.parametrize("command", ["show", "check", "setup"])
def test_without_the_library(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "telnyx", None)
    ran = invoke(NOWHERE, "provider", "telnyx", command)
    assert ran.code == 1
    assert ran.err == (
        "hookflash: Telnyx's library is not installed: pip install 'hookflash[telnyx]'\n"
    )
