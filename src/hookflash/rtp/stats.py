"""What is counted of one leg's RTP."""

from __future__ import annotations

from ..base.light import light_dataclass


@light_dataclass(frozen=True, slots=True)
class MediaStats:
    """Counters of one leg's RTP at its end."""

    packets_sent: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    jitter_ms: float = 0.0
    codec: str = ""
