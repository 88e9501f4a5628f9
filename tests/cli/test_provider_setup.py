"""What setting up at a provider is, whoever it is. With one: tests/cli/test_twilio.py and
tests/cli/test_telnyx.py."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

import pytest
import typer
from livekit import api
from tests.support.lab import KEY, SECRET, Lab, run

from hookflash.base.errors import HookflashError
from hookflash.cli.options import ApiSession
from hookflash.cli.provider_setup import (
    Planned,
    StepHere,
    Wanted,
    asked,
    carry_out,
    checked,
    remarks_here,
    steps_here,
    tell,
)

OURS, OTHER = "+15105550100", "+15105550101"


class Plan(NamedTuple):
    steps: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class Account:
    """Counts where it is."""

    def __init__(self, failing: str = "") -> None:
        self.done: list[tuple[int, str]] = []
        self.failing = failing

    def carry_out(self, at: int, step: str) -> int:
        if step == self.failing:
            raise HookflashError("not today")
        self.done.append((at, step))
        return at + 1


def planned(plan: Plan, here: tuple[StepHere, ...] = (), sid: str = "T1") -> Planned:
    return Planned("acme", "Acme", "trunk", sid, "ours", plan, here)


def test_the_provider_comes_first_and_each_step_says_where_the_next_one_is() -> None:
    account = Account()
    done = account.done
    here = (StepHere("a rule", lambda: done.append((-1, "a rule"))),)
    carry_out(account, 0, planned(Plan(("one", "two")), here))
    assert done == [(0, "one"), (1, "two"), (-1, "a rule")]


@pytest.mark.parametrize(("failing", "count"), [("one", 0), ("two", 1), ("", 2)])
def test_where_a_step_fails_it_is_said_which_and_how_many_are_done(
    failing: str, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise HookflashError("not today")

    with pytest.raises(typer.Exit) as caught:
        plan = planned(Plan(("one", "two")), (StepHere("a rule", fails),))
        carry_out(Account(failing), 0, plan)
    assert caught.value.exit_code == 1
    assert capsys.readouterr().err == (
        f"hookflash: {failing or 'a rule'}: not today; {count} steps before it are done, "
        "run it again\n"
    )


def test_what_the_provider_refuses_ends_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    def ask() -> None:
        raise HookflashError("no credentials")

    with pytest.raises(typer.Exit):
        asked(ask)
    assert capsys.readouterr().err == "hookflash: no credentials\n"
    assert asked(lambda: 7) == 7


def test_what_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    here = (StepHere("a rule", lambda: None),)
    tell(planned(Plan(("one",), ("a number",), ("a note",)), here), False, done=False)
    assert capsys.readouterr().out.splitlines() == [
        "to do: Acme, trunk T1 'ours': one",
        "to do: here: a rule",
        "missing: a number",
        "note: a note",
        "nothing was changed; `hookflash provider acme setup … --yes` does it",
    ]
    tell(planned(Plan(("one",)), sid=""), False, done=True)
    assert capsys.readouterr().out == "done: Acme, a new trunk: one\n"
    tell(planned(Plan()), False, done=False)
    assert capsys.readouterr().out == "nothing to do: Acme, trunk T1 'ours'\n"


@pytest.mark.parametrize("origination", ["sip.example.com", "sip:a@b", "tel:+1"])
def test_wrong_options(origination: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"sip:sip\.example\.com:5060"):
        checked([], origination)
    with pytest.raises(typer.BadParameter, match=r"is not \+ and digits"):
        checked([OURS, "5105550101"], "")
    checked([OURS], "sips:sip.example.com")


def test_an_outbound_trunk_is_known_by_its_address_or_where_all_share_it_by_its_numbers() -> None:
    async def check(lab: Lab) -> None:
        trunk = api.SIPOutboundTrunkInfo(name="mine", address="sip.acme.test", numbers=[OTHER])
        await lab.api.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
        wanted: dict[str, Any] = {
            "provider": "telnyx",
            "numbers": (OURS,),
            "room": "lobby",
            "address": "sip.acme.test",
            "user": "me",
            "user_header": "X-User",
        }
        session = ApiSession(f"ws://127.0.0.1:{lab.server.http_port}", KEY, SECRET, as_json=False)

        async def steps(**more: Any) -> list[StepHere]:
            return await asyncio.to_thread(steps_here, session, Wanted(**wanted, **more))

        words = [step.what for step in await steps()]
        assert words == [
            f"make an inbound trunk for {OURS}",
            "make a rule: all callers to the room lobby",
        ]
        _, out, _ = await steps(shared=True, password="hidden")
        assert out.what == "make an outbound trunk to sip.acme.test"
        await asyncio.to_thread(out.carry_out)
        (made,) = [t for t in lab.server.trunks.list_outbound() if OURS in t.numbers]
        assert (made.auth_username, made.auth_password) == ("me", "hidden")
        assert dict(made.headers) == {"X-User": "me"}
        assert len(await steps(shared=True)) == 2  # as before, without an outbound trunk

    run(check)


def test_a_trunk_here_that_names_another_provider_is_left_and_told() -> None:
    async def check(lab: Lab) -> None:
        metadata = '{"hookflash.provider": "twilio"}'
        trunk = api.SIPInboundTrunkInfo(name="mine", numbers=[OURS], metadata=metadata)
        request = api.CreateSIPInboundTrunkRequest(trunk=trunk)
        ident = (await lab.api.sip.create_inbound_trunk(request)).sip_trunk_id
        session = ApiSession(f"ws://127.0.0.1:{lab.server.http_port}", KEY, SECRET, as_json=False)

        async def remarks(provider: str, *numbers: str) -> list[str]:
            wanted = Wanted(provider, numbers, "lobby", "")
            return await asyncio.to_thread(remarks_here, session, wanted)

        (told,) = await remarks("telnyx", OURS, OTHER)
        assert told.startswith(f"trunk {ident} here names twilio, ")
        assert f"`hookflash trunk inbound edit {ident} --provider telnyx`" in told
        assert await remarks("twilio", OURS) == await remarks("telnyx", OTHER) == []
        assert await remarks("telnyx") == []

    run(check)


def test_remarks_of_the_trunks_here_come_after_those_of_the_provider(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = Planned("acme", "Acme", "trunk", "T1", "ours", Plan(remarks=("a",)), (), ("b",))
    tell(plan, False, done=True)
    assert capsys.readouterr().out.splitlines()[-2:] == ["note: a", "note: b"]
    tell(plan, True, done=True)
    assert json.loads(capsys.readouterr().out)["remarks"] == ["a", "b"]
