"""Workers of the real livekit-agents, in a virtual environment of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hookflash.config import DEV_KEY, DEV_SECRET

from .process import Process
from .sdks import CACHE, ROOT, installed
from .waiting import wait_until

VERSION = "1.8.9"
FOLDER = ROOT / "tests" / "interop" / "agents"
START = 40.0
"""Seconds for a worker to be there, on a busy machine."""


async def agents_python() -> Path:
    """The Python that has livekit-agents; installed where it is missing."""
    pins = FOLDER / f"requirements-{VERSION}.txt"
    return await installed(pins, CACHE / f"agents-{VERSION}")


class RealWorker:
    """A running `agents/worker.py`, or another one of that folder."""

    def __init__(self, process: Process) -> None:
        self.process = process

    @classmethod
    async def start(
        cls, url: str, name: str, *, script: str = "worker.py", **variables: str
    ) -> RealWorker:
        """Registered at the server at `url`."""
        process = await Process.start(
            f"worker {name}",
            [await agents_python(), "-W", "ignore", FOLDER / script, "start"],
            env={
                "LIVEKIT_URL": url,
                "LIVEKIT_API_KEY": DEV_KEY,
                "LIVEKIT_API_SECRET": DEV_SECRET,
                "AGENT_NAME": name,
                **variables,
            },
        )
        worker = cls(process)
        try:
            await process.line("registered worker", START)
        except BaseException:
            await process.kill()
            raise
        return worker

    def happened(self, what: str) -> list[dict[str, Any]]:
        """The lines of that kind so far."""
        begins = '{"happened"'  # of a line of ours; the end of another's may stand before it
        lines = [line[line.index(begins) :] for line in self.process.lines if begins in line]
        said = [json.JSONDecoder().raw_decode(line)[0] for line in lines]
        return [found for found in said if found["happened"] == what]

    async def wait_for(self, what: str, count: int = 1, within: float = START) -> dict[str, Any]:
        """The `count`th line of that kind."""

        def look() -> dict[str, Any] | None:
            found = self.happened(what)
            return found[count - 1] if len(found) >= count else None

        return await wait_until(look, f"{what} at {self.process.name}", within)

    async def stop(self) -> None:
        """As Ctrl-C or an orchestrator ends it."""
        await self.process.stop(within=15)
