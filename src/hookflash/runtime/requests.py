"""What an API request waits for, whether it asks for a transfer or for a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from ..base.errors import ApiError, forget_frames

Outcome = TypeVar("Outcome")


def outcome() -> asyncio.Future[Any]:
    """A future whose exception may stay unheard: what was asked for goes on when the request that
    waits for it dies."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future


async def heard(waiting: Awaitable[Outcome]) -> Outcome:
    """What an `outcome` brings. A failure is raised as another of the same words: the future keeps
    the first, whose traceback would keep whoever waits, and with a transfer's all of its call."""
    try:
        return await waiting
    except ApiError as error:
        forget_frames(error)
        raise ApiError(error.code, error.msg, error.meta) from None
