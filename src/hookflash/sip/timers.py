"""The timers of RFC 3261 §17 (table 4), as one value passed in."""

from __future__ import annotations

from ..base.light import light_dataclass


@light_dataclass(frozen=True, slots=True)
class Timers:
    """Base intervals in seconds; everything else is derived from them."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def transaction(self) -> float:
        """Timers B, F, H, J, L and M: 64*T1."""
        return 64 * self.t1

    @property
    def invite_linger(self) -> float:
        """Timer D on unreliable transports: at least 32 s."""
        return 64 * self.t1
