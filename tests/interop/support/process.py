"""Child processes: their output is kept, their waiting is bounded, and they never stay behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from .waiting import wait_until

TAIL = 60
"""Lines of a log that a failure shows."""


def need(program: str) -> str:
    """The path of `program`; a missing one fails the test, for nothing else would notice."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin")
    assert path is not None, f"{program} is not installed; run scripts/peers.sh"
    return path


class Process:
    """One child in its own process group, with the lines that it printed."""

    def __init__(self, name: str, child: asyncio.subprocess.Process) -> None:
        self.name = name
        self.lines: list[str] = []
        self.files: list[Path] = []
        self.shown = TAIL
        self._child = child
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
    ) -> Process:
        """Start `command` with its output and errors in one stream, nothing on its input."""
        child = await asyncio.create_subprocess_exec(
            *(str(part) for part in command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=cwd,
            env=None if env is None else {**os.environ, **env},
            start_new_session=True,
            limit=1 << 20,
        )
        return cls(name, child)

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._child.pid

    @property
    def code(self) -> int | None:
        """The exit code, None while it runs."""
        return self._child.returncode

    def find(self, pattern: str) -> str | None:
        """The first printed line that has `pattern`."""
        seen = re.compile(pattern)
        return next((line for line in self.lines if seen.search(line)), None)

    def count(self, pattern: str) -> int:
        """How many printed lines have `pattern`."""
        seen = re.compile(pattern)
        return sum(1 for line in self.lines if seen.search(line))

    async def line(self, pattern: str, within: float = 10) -> str:
        """Wait for a line that has `pattern`; a process that ends first fails at once."""

        def look() -> str | None:
            found = self.find(pattern)
            if found is None and self.code is not None and self._reader.done():
                raise AssertionError(f"{self.name} ended with {self.code} before {pattern!r}")
            return found

        return await wait_until(look, f"{pattern!r} in the output of {self.name}", within)

    async def listening(self, port: int, host: str = "127.0.0.1", within: float = 10) -> None:
        """Wait until it accepts TCP connections; a process that ends first fails at once."""

        async def accepts() -> bool:
            assert self.code is None, f"{self.name} ended with {self.code}"
            try:
                _, writer = await asyncio.open_connection(host, port)
            except OSError:
                return False
            writer.close()
            await writer.wait_closed()
            return True

        await wait_until(accepts, f"{self.name} listens on {host}:{port}", within)

    async def wait(self, within: float) -> int:
        """Wait for the end; the exit code."""
        try:
            async with asyncio.timeout(within):
                code = await self._child.wait()
                await self._reader
        except TimeoutError:
            raise AssertionError(f"{self.name} still runs after {within:g} s") from None
        return code

    def signal(self, number: int) -> None:
        """Send a signal to the process and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    async def stop(self, within: float = 5) -> None:
        """End it: politely, then not."""
        if self.code is None:
            self._child.terminate()  # its children are its own to end
            try:
                async with asyncio.timeout(within):
                    await self._child.wait()
            except TimeoutError:
                pass
        await self.kill()

    async def kill(self) -> None:
        """SIGKILL for it and for whatever it started."""
        self.signal(signal.SIGKILL)
        await self._child.wait()
        await self._reader

    def tail(self) -> str:
        """The last lines of its output and of its log files."""
        parts = [f"--- {self.name} (exit code {self.code}) ---", *self.lines[-self.shown :]]
        for file in self.files:
            if file.exists():
                lines = file.read_text("utf-8", "replace").splitlines()
                parts += [f"--- {self.name}: {file.name} ---", *lines[-TAIL:]]
        return "\n".join(parts)

    async def _read(self) -> None:
        stream = self._child.stdout
        assert stream is not None
        async for line in stream:
            self.lines.append(line.decode("utf-8", "replace").rstrip())


async def run(
    *command: str | Path,
    within: float = 30,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> str:
    """Run a command to its end and return what it printed; any failure shows that."""
    process = await Process.start(str(command[0]), command, cwd=cwd, env=env)
    try:
        code = await process.wait(within)
    finally:
        await process.kill()
    output = "\n".join(process.lines)
    assert code == 0, f"{' '.join(map(str, command))} ended with {code}:\n{output[-4000:]}"
    return output
