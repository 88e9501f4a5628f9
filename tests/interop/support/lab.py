"""One test's bench: what it starts ends with it, and a failure shows all last words."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.ports import PORTS

from .process import Process


class Lab:
    """`async with Lab(tmp_path) as lab:` — processes, ports and clean-up of one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = PORTS
        self._processes: list[Process] = []
        self._tails: list[Callable[[], str]] = []
        self._stack = contextlib.AsyncExitStack()

    async def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        logs: Sequence[Path] = (),
    ) -> Process:
        """Start a process that ends with the test; `logs` are files that it writes."""
        process = await Process.start(name, command, cwd=cwd, env=env)
        process.files.extend(logs)
        self._processes.append(process)
        self._stack.push_async_callback(process.stop)
        return process

    async def enter(self, context: contextlib.AbstractAsyncContextManager[Any]) -> Any:
        """Enter a context that is left with the test."""
        return await self._stack.enter_async_context(context)

    def finally_do(self, action: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        """Await `action(*arguments)` when the test ends."""
        self._stack.push_async_callback(action, *arguments)

    def show_on_failure(self, tail: Callable[[], str]) -> None:
        """Add what `tail` returns to the message of a failure."""
        self._tails.append(tail)

    def path(self, name: str) -> Path:
        """A file of the test's folder, its parents made."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def last_words(self) -> str:
        """Log tails of every process of the test."""
        texts = [process.tail() for process in self._processes]
        texts += [tail() for tail in self._tails]
        return "\n".join(texts)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            error.add_note(self.last_words())
        await self._stack.aclose()
