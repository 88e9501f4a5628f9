"""What ends a call by itself: no media (calls.md §3) and the longest duration of a call.

Both stand still during a transfer (transfer.md §5), the first one on hold as well.
"""

from __future__ import annotations

from collections.abc import Callable


class MediaWatch:
    """30 s to the first packet, then `media_timeout` from packet to packet.

    It does not see packets. When its time comes it asks when the last one came, which either moves
    the deadline or means that the call is dead; so a packet costs nothing.
    """

    __slots__ = (
        "_deadline",
        "_first",
        "_heard",
        "_running",
        "_since",
        "_then",
        "held",
        "transfer",
    )

    def __init__(self, first: float, then: float) -> None:
        self._first = first
        self._then = then
        self._running = False
        self._since = 0.0
        self._deadline: float | None = None
        self._heard = False
        self.held = False
        self.transfer = False

    def start(self, now: float) -> None:
        """Media may flow from now on."""
        self._running = True
        self._restart(now)

    def stop(self) -> None:
        """The call is over."""
        self._running = False
        self._deadline = None

    def suspend(
        self, now: float, *, held: bool | None = None, transfer: bool | None = None
    ) -> None:
        """Hold or transfer begins or ends; when neither is left the time runs afresh."""
        before = self.held or self.transfer
        if held is not None:
            self.held = held
        if transfer is not None:
            self.transfer = transfer
        if before != (self.held or self.transfer):
            self._restart(now)

    def heard(self, now: float) -> None:
        """The first packet came."""
        if not self._heard:
            self._heard = True
            if self._deadline is not None:
                self._restart(now)

    def next_deadline(self) -> float | None:
        """When `dead` is to be asked; None while suspended."""
        return self._deadline

    def dead(self, now: float, last_packet_at: Callable[[], float | None]) -> bool:
        """Whether no packet came for too long. `last_packet_at`, when RTP came last or None for
        never, is asked only where the deadline is over."""
        if self._deadline is None or now < self._deadline:
            return False
        last = last_packet_at()
        if last is not None:
            self._heard = True
            self._since = max(self._since, last)
        self._deadline = self._since + self._limit()
        return now >= self._deadline

    def _limit(self) -> float:
        return self._then if self._heard else self._first

    def _restart(self, now: float) -> None:
        self._since = now
        running = self._running and not self.held and not self.transfer
        self._deadline = now + self._limit() if running else None


class DurationLimit:
    """max_call_duration: a clock that stops while a transfer is pending."""

    __slots__ = ("_deadline", "_left")

    def __init__(self, limit: float) -> None:
        self._left = limit
        self._deadline: float | None = None

    def run(self, now: float) -> None:
        """Start, or go on after `pause`."""
        if self._deadline is None:
            self._deadline = now + self._left

    def pause(self, now: float) -> None:
        """A transfer is pending."""
        if self._deadline is not None:
            self._left = self._deadline - now
            self._deadline = None

    def stop(self) -> None:
        """The call is over."""
        self._deadline = None

    def next_deadline(self) -> float | None:
        """When the call has lasted long enough."""
        return self._deadline

    def due(self, now: float) -> bool:
        """True when the call is to end."""
        return self._deadline is not None and now >= self._deadline
