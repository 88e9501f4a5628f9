"""One encoding of a client's video track: an RTP stream that comes in (RFC 3550 §A.1, §A.3, §A.8).

Simulcast has up to three at once, a camera without it has one.
"""

from __future__ import annotations

from typing import Final

from ..rtp.rtcp import ReportBlock, SenderInfo
from .gaps import Gaps
from .rate import Rate

CLOCK: Final = 90000
"""Of all video."""
SILENT: Final = 1.0
"""Seconds without a packet after which a layer counts as stopped."""
_MAX_LEAP: Final = 1000
"""Numbers that are passed over at most by loss; beyond that the stream has begun anew."""
_NEVER: Final = float("-inf")
_NONE: Final = range(0)
_NTP_SECOND: Final = 1 << 32


class VideoLayer:
    """`rank`: 0 the smallest pictures. `rid`: of RFC 8851, "" without."""

    __slots__ = (
        "_after_odd",
        "_first",
        "_jitter",
        "_last_expected",
        "_last_received",
        "_last_transit",
        "_report",
        "_report_at",
        "epoch",
        "gaps",
        "highest",
        "last_at",
        "opened",
        "rank",
        "rate",
        "received",
        "rid",
        "ssrc",
    )

    def __init__(self, rid: str, rank: int, ssrc: int = 0) -> None:
        self.rid = rid
        self.rank = rank
        self.ssrc = ssrc
        """0: not known yet."""
        self.epoch = 0
        """One more each time that its numbers begin anew."""
        self.highest = -1
        """The highest sequence number, counted beyond 16 bits; -1 before the first packet."""
        self.last_at = _NEVER
        self.gaps = Gaps()
        self.rate = Rate()
        self.opened = _NONE
        """What the last packet passed over: to be asked for at once."""
        self._begin()

    def _begin(self) -> None:
        self.received = 0
        self._first = 0
        self._after_odd = -1
        self._jitter = 0.0
        self._last_transit: float | None = None
        self._last_expected = self._last_received = 0
        self._report: SenderInfo | None = None
        self._report_at = 0.0

    def restart(self, ssrc: int) -> None:
        """Its packets have another SSRC from now on."""
        self.ssrc = ssrc
        self.highest = -1
        self.epoch += 1
        self.gaps.clear()
        self._begin()

    def is_alive(self, now: float) -> bool:
        """True where packets came in the last second."""
        return now - self.last_at <= SILENT

    def arrived(self, sequence: int, timestamp: int, now: float) -> int | None:
        """A packet came: its sequence number counted beyond 16 bits; None where it is of no use: a
        late one that nobody waits for. Those that it passes over are `opened`."""
        highest = self.highest
        self.opened = _NONE
        if highest < 0:
            extended = self._first = 0x10000 + sequence  # late ones have numbers below it
        else:
            step = (sequence - highest) & 0xFFFF
            if step >= 0x8000:
                step -= 0x10000
            extended = highest + step
            if not -_MAX_LEAP < step <= _MAX_LEAP:
                if sequence != self._after_odd:
                    self._after_odd = (sequence + 1) & 0xFFFF
                    return None
                self.restart(self.ssrc)  # two in a row: it is no stray packet
                extended = self._first = 0x10000 + sequence
            elif step > 1:
                self.opened = self.gaps.opened(highest + 1, extended, now)
            elif step <= 0 and not self.gaps.filled(extended):
                return None
        if extended > self.highest:
            self.highest = extended
            self._measure(timestamp, now)
        self.received += 1
        self.last_at = now
        return extended

    def _measure(self, timestamp: int, now: float) -> None:
        """Jitter in ticks (RFC 3550 §A.8)."""
        transit = (now * CLOCK - timestamp) % 0x100000000
        if self._last_transit is not None:
            change = abs(transit - self._last_transit)
            change = min(change, 0x100000000 - change)
            self._jitter += (change - self._jitter) / 16
        self._last_transit = transit

    # --- reports --------------------------------------------------------------------------------

    def reported(self, info: SenderInfo, now: float) -> None:
        """An SR of the publisher."""
        self._report, self._report_at = info, now

    def time_of(self, timestamp: int) -> float | None:
        """Seconds of the publisher's clock at that timestamp, by its last SR; None before one."""
        report = self._report
        if report is None:
            return None
        ticks = (timestamp - report.timestamp) & 0xFFFFFFFF
        if ticks >= 0x80000000:
            ticks -= 0x100000000
        return report.ntp / _NTP_SECOND + ticks / CLOCK

    def block(self, now: float) -> ReportBlock:
        """For our RR to the publisher; what it says of loss is of the time since the last."""
        expected = self.highest - self._first + 1
        new_expected = expected - self._last_expected
        new_lost = new_expected - (self.received - self._last_received)
        self._last_expected, self._last_received = expected, self.received
        fraction = min(255, new_lost * 256 // new_expected) if new_expected > 0 < new_lost else 0
        middle, delay = 0, 0
        if self._report is not None:
            middle = self._report.ntp >> 16 & 0xFFFFFFFF
            delay = int((now - self._report_at) * 65536)
        lost = expected - self.received
        return ReportBlock(
            self.ssrc, fraction, lost, self.highest - 0x10000, int(self._jitter), middle, delay
        )
