"""RTCP of two streams, in and out (RFC 3550 §6.4): what we say every 5 s, what the peer says."""

from __future__ import annotations

import contextlib

from ..base.errors import RtpError
from ..rtp.rtcp import Report, ReportBlock, SenderInfo, encode_report, ntp_time, parse_compound
from .receiver import Receiver
from .sender import Sender


class Reporter:
    """Makes and reads the reports of one stream out and one in."""

    __slots__ = (
        "_cname",
        "_last_expected",
        "_last_lost",
        "_last_ntp",
        "_last_packets",
        "_peer_at",
        "_receiver",
        "_sender",
        "missed",
        "peer_view",
        "round_trip",
    )

    def __init__(self, sender: Sender, receiver: Receiver | None, cname: str) -> None:
        """None: nothing comes in."""
        self._sender = sender
        self._receiver = receiver
        self._cname = cname
        self._last_expected = self._last_lost = 0
        self._last_ntp = 0
        self._last_packets = 0
        self._peer_at = 0.0
        self.missed = 0
        """Of 256 packets of the peer's, how many were lost between our last two reports."""
        self.peer_view: ReportBlock | None = None
        """How the peer last said to receive us."""
        self.round_trip: float | None = None
        """Seconds, from the peer's last report."""

    def report(self, now: float) -> bytes:
        """SR when something was sent since the last report, else RR."""
        sender = self._sender
        info = None
        if sender.packets != self._last_packets:
            self._last_packets = sender.packets
            passed = round((now - sender.sent_at) * sender.clock)
            info = SenderInfo(
                ntp_time(now), sender.timestamp + passed, sender.packets, sender.octets
            )
        receiver = self._receiver
        blocks: tuple[ReportBlock, ...] = ()
        if receiver is not None and receiver.ssrc is not None:
            blocks = (self._block(receiver, receiver.ssrc, now),)
        return encode_report(Report(sender.ssrc, blocks, info), self._cname)

    def _block(self, receiver: Receiver, ssrc: int, now: float) -> ReportBlock:
        expected, lost = receiver.expected_packets, receiver.lost_of_ssrc
        new_expected = expected - self._last_expected
        new_lost = lost - self._last_lost
        self._last_expected, self._last_lost = expected, lost
        fraction = 0
        if new_expected > 0 and new_lost > 0:
            fraction = min(255, new_lost * 256 // new_expected)
        self.missed = fraction
        delay = int((now - self._peer_at) * 65536) if self._last_ntp else 0
        middle = self._last_ntp >> 16 & 0xFFFFFFFF
        jitter = int(receiver.jitter_ticks)
        return ReportBlock(ssrc, fraction, lost, receiver.highest, jitter, middle, delay)

    def received(self, data: bytes, now: float) -> None:
        """Read a compound packet; what cannot be read is passed over."""
        with contextlib.suppress(RtpError):
            for item in parse_compound(data):
                if isinstance(item, Report):
                    self.read(item, now)

    def read(self, report: Report, now: float) -> None:
        """One report of the peer's."""
        if report.sender is not None:
            self._last_ntp = report.sender.ntp
            self._peer_at = now
        for block in report.blocks:
            if block.ssrc == self._sender.ssrc:
                self.seen(block, now)

    def seen(self, block: ReportBlock, now: float) -> None:
        """How the peer receives us, by one of its reports."""
        self.peer_view = block
        if block.last_sr:
            middle = ntp_time(now) >> 16 & 0xFFFFFFFF
            trip = (middle - block.last_sr - block.delay) & 0xFFFFFFFF
            if trip < 0x80000000:
                self.round_trip = trip / 65536
