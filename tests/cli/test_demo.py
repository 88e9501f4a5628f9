"""`hookflash demo` as people run it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys

import pytest

from hookflash.cli.demo import LIMIT, Demo, DemoError, _check


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
    assert re.search(r"request → REFER +\d+\.\d ms", out)
    ladder = re.findall(r"[◀─] ([A-Z0-9][A-Za-z0-9 ]+?) [─▶]", out)
    expected = ["INVITE", "REFER", "202 Accepted", "NOTIFY 100 Trying", "NOTIFY 200 OK", "BYE"]
    assert [label for label in dict.fromkeys(ladder) if label in expected] == expected
    seconds = [float(found) for found in re.findall(r"^ +(\d+\.\d{3}) s ", out, re.MULTILINE)]
    assert seconds == sorted(seconds)
    assert seconds[-1] < LIMIT
    assert max(map(len, out.splitlines())) <= 120
    assert "\x1b" not in out


def test_what_goes_wrong_is_said_and_makes_the_exit_code() -> None:
    done = run(
        "-c",
        "from hookflash.cli import demo\n"
        "demo.TARGET = 'tel:+15105550199'\n"  # a number that nobody has
        "raise SystemExit(demo.run(1))",
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAILED:" in done.stdout
    assert "404" in done.stdout
    assert "NOTIFY 404 Not Found" in done.stdout
    assert done.stderr == ""


def test_what_the_demo_does_not_find_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(self: Demo) -> list[object]:
        return []

    monkeypatch.setattr(Demo, "_participants", nobody)
    with pytest.raises(DemoError, match="is not in the room"):
        asyncio.run(Demo.__new__(Demo)._identity("+14150000001"))
    with pytest.raises(DemoError, match="as it should not be"):
        _check(False, "as it should not be")
