"""`hookflash carrier` as people run it."""

from __future__ import annotations

import asyncio
import io
import json
import re
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import ClientSession
from rich.console import Console
from tests.support.cli import Lines, invoke, running

from hookflash.carrier.agent import Traced
from hookflash.carrier.config import example_config
from hookflash.carrier.conversation import Happened
from hookflash.carrier.profile_files import load_profile
from hookflash.cli.carrier_run import WORDS, Screen, introduction
from hookflash.cli.options import EXIT_CONFIG
from hookflash.testing.sip_messages import request_of

SOURCE = Path(__file__).parents[2] / "src" / "hookflash" / "carrier"
TARGET = "+15105550123"


def run(test: Callable[[Lines, asyncio.subprocess.Process], Awaitable[None]], *more: str) -> None:
    """With the carrier as a process of its own, ended by Ctrl-C."""

    async def main() -> None:
        command = (sys.executable, "-W", "error", "-m", "hookflash", "carrier")
        ports = ("--sip", "127.0.0.1:0", "--http", "127.0.0.1:0")
        async with running(*command, *ports, *more) as (child, line):
            await test(line, child)
            child.send_signal(signal.SIGINT)
            assert await child.wait() == 0

    uvloop.run(main())


def test_lines_of_json_and_the_calls_over_http() -> None:
    async def test(line: Lines, _: object) -> None:
        ready = json.loads(await line())
        assert ready["event"] == "ready"
        assert ready["profile"] == "twilio"
        assert re.fullmatch(r"127\.0\.0\.1:\d+", ready["sip"])
        events: list[dict[str, Any]] = []
        while not events or events[-1]["event"] != "call_answered":
            events.append(json.loads(await line()))
        assert [one["event"] for one in events] == [
            *("call_began", "phone_rings", "ringing", "phone_answers", "call_answered"),
        ]
        url = f"http://127.0.0.1:{ready['http']}"
        async with ClientSession() as session:
            while True:
                async with session.get(f"{url}/calls") as answer:
                    assert answer.status == 200
                    (call,) = (await answer.json())["calls"]
                if call["hears"] == {TARGET: [330.0], "+14155550100": [1000.0]}:
                    break
            assert (call["called"], call["state"]) == (TARGET, "up")
            async with session.get(f"{url}/") as answer:
                assert answer.status == 404

    run(test, "--json", "--profile", "twilio", "--call", TARGET)


def test_what_people_see() -> None:
    async def test(line: Lines, _: object) -> None:
        lines: list[str] = []
        while not lines or "they are connected" not in lines[-1]:
            lines.append(await line())
        text = "\n".join(lines)
        for words in (
            "A carrier by the book, simulated; SIP at 127.0.0.1:",
            "calls as JSON: GET http://127.0.0.1:",
            "trunk example: +15550000001 → sip:127.0.0.1:5060; it carries out transfers",
            f"telephone {TARGET} (sales): answers after 1 s",
            "telephone +15105550124 (busy line): busy",
            f"+14155550100 calls {TARGET}",
            f"the telephone {TARGET} rings and shows +14155550100",
        ):
            assert words in text

    run(test, "--call", TARGET)


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = invoke("", "carrier", "--sip", f"127.0.0.1:{port}", "--http", "")
    assert ran.code == EXIT_CONFIG
    assert ran.err.startswith("hookflash: cannot listen: ")
    assert ran.err.count("\n") == 1


def test_there_are_words_for_everything_that_happens() -> None:
    """And their fields are there."""
    told = {}
    for path in SOURCE.glob("*.py"):
        for name, arguments in re.findall(r"\.tell\(\s*\"(\w+)\"([^;]*?)\)\n", path.read_text()):
            told[name] = set(re.findall(r"(\w+)=", arguments))
    assert set(told) == set(WORDS)
    for name, (words, _) in WORDS.items():
        assert set(re.findall(r"\{(\w+)\}", words)) <= told[name], name


def test_what_comes_from_outside_cannot_write_to_the_terminal() -> None:
    out = io.StringIO()
    screen = Screen(Console(file=out, highlight=False), 100.0)
    fields = (("caller", "+1\x1b[31m[bold]"), ("called", "+2"))
    screen.happened(101.0, Happened("call_began", fields))
    message = request_of("INVITE")
    traced = Traced(101.0, ("192.0.2.1", 5060), ("127.0.0.1", 5080), message, sent=False)
    screen.traced(traced)
    text = out.getvalue()
    assert "\x1b" not in text
    assert "[bold] calls +2" in text
    assert re.search(r"─ INVITE ─+▶", text)


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ("twilio", "transfers: disable-all"),
        ("exotel", "it carries out no transfer"),
        ("plivo", "it carries out transfers"),
    ],
)
def test_what_a_trunk_does(profile: str, words: str) -> None:
    lines = introduction(load_profile(profile), example_config(), ("::1", 5080), 0)
    assert "SIP at [::1]:5080" in lines[0]
    assert any(line.startswith("trunk example") and line.endswith(words) for line in lines)
