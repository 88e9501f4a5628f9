"""What a carrier tells: what happened, each SIP message, and who waits for one of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from .agent import CarrierError, Traced
from .conversation import Happened

KEPT: Final = 1000
"""Messages and happenings that are remembered."""


class News:
    """The last of all, and those who are called for each."""

    def __init__(self) -> None:
        self.happenings: deque[tuple[float, Happened]] = deque(maxlen=KEPT)
        """(when, what), oldest first."""
        self.trace: deque[Traced] = deque(maxlen=KEPT)
        """SIP messages, oldest first."""
        self._watchers: list[Callable[[float, Happened], None]] = []
        self._listeners: list[Callable[[Traced], None]] = []

    def watch(
        self, happened: Callable[[float, Happened], None], traced: Callable[[Traced], None]
    ) -> None:
        """Call these for everything that happens, and for each SIP message."""
        self._watchers.append(happened)
        self._listeners.append(traced)

    def tell(self, now: float, what: Happened) -> None:
        """This happened."""
        self.happenings.append((now, what))
        for watcher in list(self._watchers):
            watcher(now, what)

    def traced(self, traced: Traced) -> None:
        """A SIP message came, or goes."""
        self.trace.append(traced)
        for listener in list(self._listeners):
            listener(traced)

    async def happened(self, name: str, count: int, within: float) -> dict[str, object]:
        """Wait until this has happened `count` times; its fields. Raises CarrierError."""

        def found() -> list[Happened]:
            return [one for _, one in self.happenings if one.name == name]

        try:
            async with asyncio.timeout(within):
                await self.until(lambda: len(found()) >= count)
        except TimeoutError:
            told = ", ".join(one.name for _, one in self.happenings)
            raise CarrierError(f"no {name} number {count} in {within:g} s, but {told}") from None
        return dict(found()[count - 1].fields)

    async def until(self, ready: Callable[[], bool]) -> None:
        """Wait for something that is so after a happening or a message."""
        changed = asyncio.Event()

        def woken(*_: object) -> None:
            changed.set()

        self.watch(woken, woken)
        try:
            while not ready():
                changed.clear()
                await changed.wait()
        finally:
            self._watchers.remove(woken)
            self._listeners.remove(woken)
