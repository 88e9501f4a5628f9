"""What an API request waits for, whether it asks for a transfer or for a call."""

from __future__ import annotations

import asyncio
from typing import Any


def outcome() -> asyncio.Future[Any]:
    """A future whose exception may stay unheard: what was asked for goes on when the request that
    waits for it dies."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future
