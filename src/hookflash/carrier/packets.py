"""RTP packets of the carrier, counted. Pure."""

from __future__ import annotations

_HALF = 0x8000


class Packets:
    """Of one sound, or of several (`add`)."""

    __slots__ = ("_expected", "_ssrc", "lost", "received", "sent")

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0
        self.lost = 0
        """Those that should have come before one that did (RFC 3550 §6.4.1)."""
        self._ssrc = 0
        self._expected = -1

    def came(self, ssrc: int, sequence: int) -> None:
        """One came in; with another SSRC the sender has begun anew."""
        self.received += 1
        if ssrc != self._ssrc or self._expected < 0:
            self._ssrc, self._expected = ssrc, (sequence + 1) & 0xFFFF
            return
        ahead = (sequence - self._expected) & 0xFFFF
        if ahead >= _HALF:  # late, or twice
            self.lost = max(0, self.lost - 1)
            return
        self.lost += ahead
        self._expected = (sequence + 1) & 0xFFFF

    def add(self, other: Packets) -> None:
        """These too."""
        self.sent += other.sent
        self.received += other.received
        self.lost += other.lost
