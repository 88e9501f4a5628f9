"""Is the call alive after a REFER that got no answer, or 408? (transfer.md §3)

It is if RTP came within the last 2 s, or if the peer answers an OPTIONS in the dialog within 4 s
by anything but 481 and 408.
"""

from __future__ import annotations

from ..effects import CheckMedia, LegEffect
from .transferor_effects import SendProbe, TransferorEffect

FRESH_MEDIA = 2.0
PROBE_TIMEOUT = 4.0
_DEAD = frozenset({408, 481})


class LivenessCheck:
    """One check at a time. `dead` is set when it failed: hang up."""

    __slots__ = ("dead", "deadline", "media_asked", "probing")

    def __init__(self) -> None:
        self.deadline: float | None = None
        self.dead = False
        self.media_asked = False
        self.probing = False

    def start(self, now: float) -> list[LegEffect | TransferorEffect]:
        """Ask for the time of the last RTP packet."""
        self.media_asked = True
        self.deadline = now + PROBE_TIMEOUT
        return [CheckMedia()]

    def stop(self) -> None:
        """The call is over, nothing needs to be known any more."""
        self.deadline = None
        self.media_asked = self.probing = False

    def media_checked(
        self, now: float, last_packet_at: float | None
    ) -> list[LegEffect | TransferorEffect]:
        """The answer to `CheckMedia`; None where no packet ever came."""
        if not self.media_asked:
            return []
        self.media_asked = False
        if last_packet_at is not None and now - last_packet_at <= FRESH_MEDIA:
            self.stop()
            return []
        self.probing = True
        self.deadline = now + PROBE_TIMEOUT
        return [SendProbe()]

    def probe_answered(self, status: int | None) -> None:
        """The final answer to the OPTIONS; None where none came."""
        if self.probing:
            self.stop()
            self.dead = status is None or status in _DEAD

    def handle_deadline(self, now: float) -> None:
        """No answer in time means a dead call."""
        if self.deadline is not None and now >= self.deadline:
            self.stop()
            self.dead = True
