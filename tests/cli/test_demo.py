"""`hookflash demo` as people run it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys

import pytest

from hookflash.cli.demo import LIMIT, Demo, _check
from hookflash.cli.demo_setup import DemoError


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
