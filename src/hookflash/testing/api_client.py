"""LiveKit's API client in a loop of its own, to be used from any."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from .loop_thread import LoopThread

_LIBRARY = "livekit.api"


class ClientThere:
    """Looks like a `LiveKitAPI`, or a service of one, that lives in the loop of `loop`: what is
    awaited happens there. It is closed by whoever made it."""

    def __init__(self, loop: LoopThread, client: object) -> None:
        self._loop = loop
        self._client = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if inspect.iscoroutinefunction(found):
            return self._there(found)
        if type(found).__module__.startswith(_LIBRARY):
            return ClientThere(self._loop, found)
        return found

    def _there(self, method: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any, **fields: Any) -> Any:
            return await self._loop.do(method(*arguments, **fields))

        return call
