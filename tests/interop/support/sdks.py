"""Releases of livekit-api and livekit-agents, each in a virtual environment of its own, made once
per checkout."""

from __future__ import annotations

import asyncio
import fcntl
import json
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .process import run

ROOT = Path(__file__).resolve().parents[3]
SDK = ROOT / "tests" / "interop" / "sdk"
CACHE = ROOT / ".venv-sdk"


@dataclass(frozen=True, slots=True)
class Sdk:
    """One installed release."""

    version: str
    python: Path

    @classmethod
    async def install(cls, version: str) -> Sdk:
        """Install the pinned packages, unless they are installed already."""
        return cls(version, await installed(SDK / f"requirements-{version}.txt", CACHE / version))

    async def user(self, *arguments: str | Path, within: float = 40) -> dict[str, Any]:
        """Run sdk/user.py; what it printed."""
        output = await run(self.python, "-W", "ignore", SDK / "user.py", *arguments, within=within)
        result: dict[str, Any] = json.loads(output.splitlines()[-1])
        return result


async def installed(pins: Path, folder: Path) -> Path:
    """The Python of a virtual environment in `folder` with exactly the packages of `pins`."""
    python, done = folder / "bin" / "python", folder / "installed.txt"
    async with alone(folder.name):
        if not is_same(done, pins):
            remove(folder)
            await run(sys.executable, "-m", "venv", folder, within=120)
            options = ("--quiet", "--disable-pip-version-check", "--no-deps")
            await run(python, "-m", "pip", "install", *options, "-r", pins, within=240)
            shutil.copy(pins, done)
    return python


@asynccontextmanager
async def alone(name: str) -> AsyncIterator[None]:
    """Keeps other tests of this checkout out while something is made."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as file:
        await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
        yield


def is_same(done: Path, pins: Path) -> bool:
    """Whether what is installed is what is wanted."""
    return done.exists() and done.read_text("utf-8") == pins.read_text("utf-8")


def remove(folder: Path) -> None:
    """Remove an installation that is half done or out of date."""
    shutil.rmtree(folder, ignore_errors=True)
