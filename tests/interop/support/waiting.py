"""Bounded waiting: the one place of these tests where time is allowed to pass."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")

POLL = 0.05
"""Seconds between two looks."""


@overload
async def wait_until(
    look: Callable[[], Awaitable[T | None]], what: str, within: float = 10, *, poll: float = POLL
) -> T: ...


@overload
async def wait_until(
    look: Callable[[], T | None], what: str, within: float = 10, *, poll: float = POLL
) -> T: ...


async def wait_until(
    look: Callable[[], object], what: str, within: float = 10, *, poll: float = POLL
) -> object:
    """Call `look` until it returns something true, and return that; else fail, naming `what`."""
    deadline = time.monotonic() + within
    while True:
        seen = look()
        if inspect.isawaitable(seen):
            seen = await seen
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what} (last seen: {seen!r})")
        await asyncio.sleep(poll)
