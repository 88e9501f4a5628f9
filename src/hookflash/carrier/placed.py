"""A call that a telephone is to make: awaited for the call, or entered for a call that is hung up
on at the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, TypeVar

Call = TypeVar("Call")


class Placed(Coroutine[Any, Any, Call]):
    """`call = await phone.call(…)`, or `async with phone.call(…) as call`; a task may be made of
    it. Nothing is sent before that."""

    def __init__(
        self,
        place: Callable[[], Coroutine[Any, Any, Call]],
        hang_up: Callable[[Call], Awaitable[None]],
    ) -> None:
        """`place`: makes the call and waits for the answer. `hang_up`: ends it, if nobody has."""
        self._place = place
        self._hang_up = hang_up
        self._placing: Coroutine[Any, Any, Call] | None = None
        self._entered: Call

    def __await__(self) -> Generator[Any, None, Call]:
        return self._begun().__await__()

    def send(self, value: Any, /) -> Any:
        """As a coroutine's."""
        return self._begun().send(value)

    def throw(self, kind: Any, value: Any = None, trace: TracebackType | None = None, /) -> Any:
        """As a coroutine's."""
        error = value if value is not None else kind
        return self._begun().throw(error)

    def close(self) -> None:
        """As a coroutine's."""
        if self._placing is not None:
            self._placing.close()

    def _begun(self) -> Coroutine[Any, Any, Call]:
        if self._placing is None:
            self._placing = self._place()
        return self._placing

    async def __aenter__(self) -> Call:
        self._entered = await self
        return self._entered

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._hang_up(self._entered)
