"""The examples run as they stand against `hookflash serve --dev`, a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from hookflash.carrier.network import Carrier
from hookflash.carrier.phone import Behaviour
from hookflash.config import DEV_KEY, DEV_SECRET

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TIMEOUT = 60.0
CALLER, NEW_PARTY = "+14155550100", "+15105550123"
NUMBER = "+15550100"
FLAGS = ("--port", "0", "--sip.sip-port", "0", "--metrics.bind=", "--log.format", "json")


@dataclass(frozen=True, slots=True)
class Dev:
    """A running `hookflash serve --dev` and a carrier beside it."""

    url: str
    sip: tuple[str, int]
    carrier: Carrier

    async def example(self, name: str, *arguments: str) -> tuple[int, str]:
        """Run an example as a user does; its exit code and what it printed."""
        environment = {
            **os.environ,
            "LIVEKIT_URL": self.url,
            "LIVEKIT_API_KEY": DEV_KEY,
            "LIVEKIT_API_SECRET": DEV_SECRET,
        }
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            str(EXAMPLES / name),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
        )
        output, _ = await child.communicate()
        return child.returncode or 0, output.decode()


@asynccontextmanager
async def dev_server() -> AsyncIterator[Dev]:
    """Starts it on free ports, and ends it with SIGTERM."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hookflash", "serve", "--dev", *FLAGS),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert child.stdout is not None
    try:
        ready = await _ready(child.stdout)
        ip, port = ready["sip"]["udp"]
        # What it logs from now on is read, so that it never waits for us.
        reader = asyncio.create_task(child.stdout.read())
        async with Carrier(seed=1) as carrier:
            yield Dev(str(ready["api"]), (ip, port), carrier)
        child.terminate()
        log = await reader
        assert await child.wait() == 0
        assert b"Traceback" not in log, log.decode()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def _ready(output: asyncio.StreamReader) -> dict[str, Any]:
    printed = b""
    async for line in output:
        printed += line
        if b'"ready"' in line:
            found: dict[str, Any] = json.loads(line)
            return found
    raise AssertionError(f"it did not start:\n{printed.decode()}")


def run(test: Callable[[Dev], Awaitable[None]]) -> None:
    """One test against a server of its own."""

    async def main() -> None:
        async with asyncio.timeout(TIMEOUT), dev_server() as dev:
            await test(dev)

    uvloop.run(main())


def test_first_call_and_cold_transfer() -> None:
    async def test(dev: Dev) -> None:
        code, output = await dev.example("first_call.py")
        assert code == 0, output
        assert f"dial sip:{NUMBER}@127.0.0.1" in output
        caller = await dev.carrier.phone(CALLER, tone=330)
        new_party = await dev.carrier.phone(NEW_PARTY, tone=1000)
        call = await caller.call(NUMBER, proxy=dev.sip)
        code, output = await dev.example("cold_transfer.py", "lobby", f"tel:{NEW_PARTY}")
        assert code == 0, output
        assert f"sip_{CALLER} now talks to tel:{NEW_PARTY}" in output
        other = await new_party.called()
        await other.hears(330)
        await call.ended()

    run(test)


def test_what_goes_wrong_is_said() -> None:
    async def test(dev: Dev) -> None:
        code, output = await dev.example("cold_transfer.py", "lobby", f"tel:{NEW_PARTY}")
        assert (code, "phones in lobby: none" in output) == (1, True), output
        await dev.example("first_call.py")
        code, output = await dev.example("first_call.py")
        assert (code, "Conflicting inbound SIP Trunks" in output) == (1, True), output
        busy = Behaviour(refer=603)
        caller = await dev.carrier.phone(CALLER, tone=330, behaviour=busy)
        call = await caller.call(NUMBER, proxy=dev.sip)
        arguments = ("cold_transfer.py", "lobby", f"tel:{NEW_PARTY}", f"sip_{CALLER}")
        code, output = await dev.example(*arguments)
        assert (code, "not transferred: 603 Decline" in output) == (1, True), output
        arguments = ("cold_transfer.py", "lobby", f"tel:{NEW_PARTY}", "sip_nobody")
        code, output = await dev.example(*arguments)
        assert (code, "participant does not exist" in output) == (1, True), output
        await call.hang_up()

    run(test)
