"""The command line in this process, against the server of a lab, and as a process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.support.lab import KEY, SECRET, Lab
from typer.testing import CliRunner

from hookflash.cli.app import app


class Ran:
    """What a command left behind."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def json(self) -> Any:
        """stdout as JSON."""
        return json.loads(self.out)


def invoke(url: str, *arguments: str, secret: str = SECRET) -> Ran:
    """Run a command that speaks to the server at `url`."""
    variables = {
        "LIVEKIT_URL": url,
        "LIVEKIT_API_KEY": KEY,
        "LIVEKIT_API_SECRET": secret,
        "COLUMNS": "250",
    }
    result = CliRunner().invoke(app, list(arguments), env=variables)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


Lines = Callable[[], Awaitable[str]]
"""The next line of what a command prints, to stderr too."""


@asynccontextmanager
async def running(*command: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, Lines]]:
    """A command as a process of its own, which is gone at the end."""
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output = child.stdout
    assert output is not None

    async def line() -> str:
        return (await output.readline()).decode().rstrip("\n")

    try:
        async with asyncio.timeout(30):
            yield child, line
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def hookflash(lab: Lab, *arguments: str, secret: str = SECRET) -> Ran:
    """The same while phones and server go on."""
    url = f"ws://127.0.0.1:{lab.server.http_port}"
    return await asyncio.to_thread(invoke, url, *arguments, secret=secret)
