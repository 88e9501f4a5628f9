"""`hookflash demo` as people run it."""

from __future__ import annotations

import asyncio
import io
import os
import re
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from livekit import api
from rich.console import Console

from hookflash.cli import demo
from hookflash.cli.demo import AGENT, CALLER, LIMIT, SERVICE, Demo, _check
from hookflash.cli.demo_setup import DemoError
from hookflash.doctor.diagnosis import Finding
from hookflash.providers.twilio_plan import ChangeTrunk, TwilioPlan


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **variables},
        check=False,
    )


def test_the_whole_demo() -> None:
    """Settings in the environment that belong to a server do not disturb it."""
    done = run("-m", "hookflash", "demo", "--seed", "7", HOOKFLASH_SIP__LISTEN_IP="203.0.113.1")
    out = done.stdout
    assert done.returncode == 0, out + done.stderr
    assert done.stderr == ""
    for fact in (
        "the caller hears the agent (550 Hz",
        "the agent hears the caller (330 Hz",
        "the caller presses 1, and the agent gets it",
        "Act I: Transfers are off at the carrier",
        "the carrier: transfer_mode of the trunk is disable-all",
        "the API answers 603, and nobody is transferred",
        "603 from Twilio to REFER: call transfer is switched off on the trunk",
        "to do: Twilio console, Elastic SIP Trunking",
        "Act II: Transfers are switched on by the carrier's REST",
        "What this does: hookflash provider twilio setup --number +15550000001",
        "transfer_mode from disable-all to enable-all",
        "the carrier's trunk: transfers enable-all, caller ID from-transferor",
        "Act III: The same call, the same request again",
        "the new party saw +15550000001: the caller ID that was chosen",
        "transfer_sip_participant('demo', 'sip_+14150000001', 'tel:+15105550123')",
        "the API answers STS_TRANSFER_SUCCESSFUL",
        "Hookflash has hung up on the caller",
        "the caller hears the new party (1000 Hz",
        "the new party hears the caller (330 Hz",
        "the agent does not hear the caller any more",
        "ListParticipants: the caller is gone, the agent is still there",
        "requested → sent → accepted",
        "→ succeeded",
        "OK: everything was as it should be.",
    ):
        assert fact in out
    assert re.search(r"GET /hookflash/transfers/STR_\w{12}: succeeded", out)
    assert "or `hookflash provider twilio setup`, or" in " ".join(out.split())
    assert re.search(r"request → REFER +\d+\.\d ms", out)
    ladder = re.findall(r"[◀─] ([A-Z0-9][A-Za-z0-9 ]+?) [─▶]", out)
    expected = ["REFER", "603 Decline", "REFER", "202 Accepted", "NOTIFY 100 Trying"]
    expected += ["NOTIFY 180 Ringing", "NOTIFY 200 OK", "BYE", "BYE"]
    assert [label for label in ladder if label in expected] == expected
    seconds = [float(found) for found in re.findall(r"^ +(\d+\.\d{3}) s ", out, re.MULTILINE)]
    assert seconds == sorted(seconds)
    assert seconds[-1] < LIMIT
    assert max(map(len, out.splitlines())) <= 120
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("change", "shown", "failure"),
    [
        ("demo.TARGET = 'tel:+15105550199'", "NOTIFY 404 Not Found", "404"),  # nobody has it
        (
            "demo.WISH = replace(demo.WISH, transfer_caller_id='from-transferee')",
            "the API answers STS_TRANSFER_SUCCESSFUL",
            "the new party saw +14150000001, and not +15550000001 as chosen",
        ),
        (
            "demo.WISH = replace(demo.WISH, transfer_mode='sip-only')",
            "transfer_mode from disable-all to sip-only",
            "603",
        ),
        (
            "demo.TrunkConfig = partial(demo.TrunkConfig, transfer_mode='enable-all')",
            "202 Accepted",
            "the carrier transferred, and was not to",
        ),
    ],
    ids=["nobody", "caller-id", "sip-only", "not-off"],
)
def test_what_goes_wrong_is_said_and_makes_the_exit_code(
    change: str, shown: str, failure: str
) -> None:
    lines = ("from dataclasses import replace", "from functools import partial")
    program = (*lines, "from hookflash.cli import demo", change, "raise SystemExit(demo.run(1))")
    done = run("-c", "\n".join(program))
    assert done.returncode == 1, done.stdout + done.stderr
    said = done.stdout.partition("FAILED:")[2]
    assert failure in said
    assert shown in done.stdout
    assert done.stderr == ""


def test_what_the_demo_does_not_find_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(self: Demo) -> list[object]:
        return []

    monkeypatch.setattr(Demo, "_participants", nobody)
    with pytest.raises(DemoError, match="is not in the room"):
        asyncio.run(Demo.__new__(Demo)._identity("+14150000001"))
    with pytest.raises(DemoError, match="as it should not be"):
        _check(False, "as it should not be")


class Sees:
    """What the acts find out, without a server: all as it should be, but for `changes`."""

    def __init__(self, **changes: Any) -> None:
        self.status = "603"
        self.rule = "off"
        self.failed: object = "a transfer"
        self.steps = (ChangeTrunk((("transfer_mode", "disable-all", "enable-all"),)),)
        self.answer = "STS_TRANSFER_SUCCESSFUL"
        self.trace = [SimpleNamespace(label="REFER", at=1.0)] * 2
        self.shown = SERVICE
        self.by = "peer"
        self.there = {AGENT}
        self.verdict = "succeeded"
        self.refuses = False
        for name, value in changes.items():
            setattr(self, name, value)

    def act(self, monkeypatch: pytest.MonkeyPatch) -> Demo:
        """A demo that sees this."""
        for name in ("_ask", "_hears", "_heard", "_identities"):
            monkeypatch.setattr(Demo, name, getattr(self, name))
        finding = Finding("error", "transfer", "it is off", rule=self.rule)
        monkeypatch.setattr(demo, "last_failure", lambda _: self.failed)
        monkeypatch.setattr(demo, "examine", lambda *_: SimpleNamespace(finding=finding))
        monkeypatch.setattr(demo, "set_up", self._set_up)
        see: Any = self
        return Demo(Console(file=io.StringIO()), see, see, see, "")

    async def _ask(self) -> api.TransferSIPParticipantResponse:
        if self.refuses:
            raise api.TwirpError("x", "x", status=500, metadata={"sip_status_code": self.status})
        return api.TransferSIPParticipantResponse(transfer_id="STR_1", status=self.answer)

    async def _hears(self, who: str, whom: str) -> None:
        """Everybody does."""

    def _heard(self, *names: str) -> dict[str, str]:
        return {}

    async def _identities(self) -> set[str]:
        return self.there

    async def _set_up(self, *_: object) -> TwilioPlan:
        return TwilioPlan(None, self.steps, (), ())

    # --- the carrier, and the client of the exchange's API

    def now(self) -> float:
        return 1.0

    async def happened(self, name: str, **_: object) -> dict[str, object]:
        return {"caller": self.shown, "number": SERVICE, "by": self.by}

    def sound(self, _: str) -> Sees:
        return self

    async def misses(self, *_: float) -> None:
        """The agent does not hear the caller."""

    def get(self, path: str, **_: str) -> dict[str, str]:
        return {"verdict": self.verdict}


@pytest.mark.parametrize(
    ("act", "changes", "failure"),
    [
        ("_fail", {"status": "486"}, "the transfer failed with 486, not 603"),
        ("_fail", {"failed": None}, "the doctor finds no failed transfer"),
        ("_fail", {"rule": ""}, "the doctor does not know what it was: it is off"),
        ("_switch_on", {"steps": ()}, "there was nothing to switch on"),
        ("_transfer", {"answer": "STS_TRANSFER_FAILED"}, "the API answered STS_TRANSFER_FAILED"),
        ("_transfer", {"trace": []}, "0 REFERs were sent, and not one for each request"),
        ("_transfer", {"by": "carrier"}, "it was not Hookflash that hung up on the caller"),
        ("_talk_on", {"there": {AGENT, CALLER}}, "the caller is still in the room"),
        ("_talk_on", {"verdict": "aborted"}, "GET /hookflash/transfers/ says aborted"),
    ],
    ids=[
        *("another-status", "no-failure", "no-rule", "no-change", "not-succeeded"),
        *("one-refer", "carrier-hangs-up", "still-there", "aborted"),
    ],
)
def test_each_act_is_checked(
    act: str, changes: dict[str, Any], failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuses = {"refuses": act == "_fail"}
    asyncio.run(getattr(Sees(**refuses).act(monkeypatch), act)())
    with pytest.raises(DemoError) as caught:
        asyncio.run(getattr(Sees(**refuses, **changes).act(monkeypatch), act)())
    assert str(caught.value) == failure
