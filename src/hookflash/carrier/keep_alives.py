"""Keep-alives of the carrier on its connections, again and again (RFC 5626 §3.5.1)."""

from __future__ import annotations

from asyncio import TimerHandle
from collections.abc import Callable


class KeepAlives:
    """From its making until `stop`."""

    def __init__(
        self,
        later: Callable[[float, Callable[[], object]], TimerHandle],
        every: float,
        ping: Callable[[], object],
    ) -> None:
        """`later` calls something after so many seconds; `ping` sends one on each connection."""
        self._later = later
        self._every = every
        self._ping = ping
        self._timer = later(every, self._go)

    def _go(self) -> None:
        self._timer = self._later(self._every, self._go)
        self._ping()

    def stop(self) -> None:
        """No more of them."""
        self._timer.cancel()
