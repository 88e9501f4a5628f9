"""A user's own agent worker as a process against a running exchange, for tests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ..base.errors import HookflashError
from .exchange import RunningExchange

DEV: Final = ("dev", "--no-reload")
REGISTERS: Final = 60.0
"""Seconds for a worker to be there, on a busy machine."""
GOES: Final = 5.0
"""Seconds between SIGTERM and SIGKILL."""
LOOK: Final = 0.05
"""Seconds between two looks at whether it is registered."""


class AgentError(HookflashError):
    """A worker did not come up; the text has what it printed."""


class AgentProcess:
    """`with AgentProcess(exchange, "agent.py") as worker`: it runs `agent.py dev --no-reload` with
    LiveKit's variables, and is registered; at the end it is stopped."""

    def __init__(
        self,
        exchange: RunningExchange,
        script: str | Path,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        python: str | Path = sys.executable,
        cwd: str | Path | None = None,
        within: float = REGISTERS,
    ) -> None:
        """`arguments`: of the script, where `dev --no-reload` is not wanted (with `start` a worker
        of livekit-agents takes no calls while the machine is busy). `env`: variables beside those
        that the test has. `python`: its interpreter. `cwd`: where it runs, beside the script unless
        named. `within`: seconds for it to be registered."""
        path = Path(script).resolve()
        self.command = (str(python), str(path), *(arguments or DEV))
        self.env = dict(env or {})
        self.cwd = str(cwd or path.parent)
        self._exchange = exchange
        self._within = within
        self._printed = bytearray()
        self._child: asyncio.subprocess.Process
        self._reader: asyncio.Task[None]

    def __enter__(self) -> Self:
        """Raises AgentError where it ends, or is not registered in time."""
        before = self._exchange.workers()
        self._exchange.loop.run(self._start())
        try:
            self._exchange.loop.run(self._registered(before))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def output(self) -> str:
        """What it and its jobs have printed so far."""
        return self._printed.decode("utf-8", "replace")

    @property
    def runs(self) -> bool:
        """False once it has ended."""
        return self._child.returncode is None

    def stop(self) -> None:
        """End it, by SIGTERM, then by SIGKILL, with whatever it started. Once is enough."""
        self._exchange.loop.run(self._stop())

    # --- in the exchange's loop -----------------------------------------------------------------

    async def _start(self) -> None:
        self._child = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self.cwd,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self._exchange.env, **self.env},
            start_new_session=True,
        )
        self._reader = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        assert self._child.stdout is not None
        while part := await self._child.stdout.read(65536):
            self._printed += part

    async def _registered(self, before: int) -> None:
        try:
            async with asyncio.timeout(self._within):
                while self._registrations() <= before:
                    if not self.runs:
                        await self._reader
                        code = self._child.returncode
                        raise AgentError(f"{self._name} ended with {code}:\n{self.output}")
                    await asyncio.sleep(LOOK)
        except TimeoutError:
            text = f"{self._name} is not registered after {self._within:g} s:\n{self.output}"
            raise AgentError(text) from None

    @property
    def _name(self) -> str:
        return Path(self.command[1]).name

    def _registrations(self) -> int:
        return len(self._exchange.server.agents.report()["workers"])

    async def _stop(self) -> None:
        if self.runs:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GOES):
                    await self._child.wait()
        self._signal(signal.SIGKILL)
        await self._child.wait()
        await self._reader

    def _signal(self, number: int) -> None:
        """To it alone where it is asked: its children are its own to end. To all at last."""
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGTERM:
                os.kill(self._child.pid, number)
            else:
                os.killpg(self._child.pid, number)


class AgentPool:
    """The workers of a test session. A worker lives on for the next test that wants the same."""

    def __init__(self, exchange: RunningExchange) -> None:
        self._exchange = exchange
        self._running: dict[object, AgentProcess] = {}
        self._asked: dict[object, int] = {}
        """What the present test has asked for, and how much that had printed before."""

    def begin(self) -> None:
        """A test begins."""
        self._asked.clear()

    def get(self, worker: AgentProcess) -> AgentProcess:
        """A running one like this. Those that the test has not asked for are stopped, so that they
        take none of its calls."""
        key = (worker.command, worker.cwd, *sorted(worker.env.items()))
        for other in [one for one in self._running if one not in self._asked and one != key]:
            self._running.pop(other).stop()
        found = self._running.get(key)
        if found is None or not found.runs:
            found = self._running[key] = worker.__enter__()
            self._asked[key] = 0
        self._asked.setdefault(key, len(found.output))
        return found

    def told(self) -> str:
        """What those that the test has asked for have printed since."""
        asked = [(self._running[key], size) for key, size in self._asked.items()]
        return "\n".join(f"$ {' '.join(one.command)}\n{one.output[n:]}" for one, n in asked)

    def stop(self) -> None:
        """End them all."""
        self._asked.clear()
        while self._running:
            self._running.popitem()[1].stop()
