"""`hookflash serve --dev` and a carrier beside it, and user programs that run against both."""

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
from hookflash.config import DEV_KEY, DEV_SECRET

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TIMEOUT = 60.0
FLAGS = (
    *("--port", "0", "--sip.sip-port", "0", "--rtc.udp-port", "0", "--rtc.tcp-port", "0"),
    *("--metrics.bind=", "--log.format", "json"),
)


@dataclass(frozen=True, slots=True)
class Dev:
    """A running `hookflash serve --dev` and a carrier beside it."""

    url: str
    sip: tuple[str, int]
    carrier: Carrier

    async def example(self, name: str, *arguments: str, **variables: str) -> tuple[int, str]:
        """Run an example in Python as a user does; its exit code and what it printed."""
        return await self.program(sys.executable, EXAMPLES / name, *arguments, **variables)

    async def program(self, *command: str | Path, **variables: str) -> tuple[int, str]:
        """Run any program with LiveKit's variables, or these; its exit code and output."""
        environment = {
            **os.environ,
            "LIVEKIT_URL": self.url,
            "LIVEKIT_API_KEY": DEV_KEY,
            "LIVEKIT_API_SECRET": DEV_SECRET,
            **variables,
        }
        child = await asyncio.create_subprocess_exec(
            *map(str, command),
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


def run(test: Callable[[Dev], Awaitable[None]], *, within: float = TIMEOUT) -> None:
    """One test against a server of its own."""

    async def main() -> None:
        async with asyncio.timeout(within), dev_server() as dev:
            await test(dev)

    uvloop.run(main())
