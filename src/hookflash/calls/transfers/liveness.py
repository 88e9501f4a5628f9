"""Is the call alive after a REFER that got no answer, or 408? (transfer.md §3)

It is if RTP came within the last 2 s, or if the peer answers an OPTIONS in the dialog within 4 s
by anything but 481 and 408.
"""

from __future__ import annotations

from collections.abc import Callable

from ..effects import LegEffect
from .transferor_effects import SendProbe, TransferorEffect

FRESH_MEDIA = 2.0
PROBE_TIMEOUT = 4.0
_DEAD = frozenset({408, 481})


class LivenessCheck:
    """One check at a time. `dead` is set when it failed: hang up."""

    __slots__ = ("_last_packet_at", "dead", "deadline")

    def __init__(self, last_packet_at: Callable[[], float | None]) -> None:
        """`last_packet_at`: when RTP came last, None where none ever came."""
        self._last_packet_at = last_packet_at
        self.deadline: float | None = None
        """When the OPTIONS must have its answer; None where none is out."""
        self.dead = False

    def start(self, now: float) -> list[LegEffect | TransferorEffect]:
        """Look whether RTP came; where it did not, ask the peer."""
        last = self._last_packet_at()
        if last is not None and now - last <= FRESH_MEDIA:
            return []
        self.deadline = now + PROBE_TIMEOUT
        return [SendProbe()]

    def stop(self) -> None:
        """The call is over, nothing needs to be known any more."""
        self.deadline = None

    def probe_answered(self, status: int | None) -> None:
        """The final answer to the OPTIONS; None where none came."""
        if self.deadline is not None:
            self.stop()
            self.dead = status is None or status in _DEAD

    def handle_deadline(self, now: float) -> None:
        """No answer in time means a dead call."""
        if self.deadline is not None and now >= self.deadline:
            self.stop()
            self.dead = True
