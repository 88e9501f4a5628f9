"""RTCP of all the audio streams of one peer connection (RFC 3550 §6.4)."""

from __future__ import annotations

import contextlib

from ..base.errors import RtpError
from ..base.ids import Ids
from ..rtp.rtcp import Bye, Report, parse_compound
from .receiver import Receiver
from .reports import Reporter
from .sender import Sender


class ClientReports:
    """One reporter for each stream, in or out; those with something to say make one packet."""

    def __init__(self, cname: str, ids: Ids) -> None:
        self._cname = cname
        self._out: dict[int, tuple[Sender, Reporter]] = {}
        """By SSRC."""
        self._in: dict[Receiver, Reporter] = {}
        self._ended = 0
        self._no_sender = Sender(lambda data, _: len(data), bytearray(64), ids)

    def add_sender(self, sender: Sender) -> None:
        """A stream that goes out; its SSRC stays."""
        self._out[sender.ssrc] = sender, Reporter(sender, None, self._cname)

    def add_receiver(self, receiver: Receiver) -> None:
        """A stream that comes in."""
        self._in[receiver] = Reporter(self._no_sender, receiver, self._cname)

    def remove_sender(self, sender: Sender) -> None:
        """It has ended."""
        if self._out.pop(sender.ssrc, None) is not None:
            self._ended += sender.packets

    @property
    def sent(self) -> int:
        """Packets of sound that went out so far."""
        return self._ended + sum(sender.packets for sender, _ in self._out.values())

    def remove_receiver(self, receiver: Receiver) -> None:
        """It has ended."""
        self._in.pop(receiver, None)

    def report(self, now: float) -> list[bytes]:
        """Compound packets: an SR of each stream out, an RR of each stream in that has begun."""
        packets = [
            reporter.report(now) for sender, reporter in self._out.values() if sender.packets
        ]
        packets += [
            reporter.report(now)
            for receiver, reporter in self._in.items()
            if receiver.ssrc is not None
        ]
        return packets

    def received(self, data: bytes, now: float) -> None:
        """Read a compound packet of the client's; what cannot be read is passed over."""
        found: list[Report | Bye] = []
        with contextlib.suppress(RtpError):
            found = parse_compound(data)
        for report in found:
            if not isinstance(report, Report):
                continue
            for block in report.blocks:
                if block.ssrc in self._out:
                    self._out[block.ssrc][1].seen(block, now)
            for receiver, reporter in self._in.items():
                if receiver.ssrc == report.ssrc:
                    reporter.read(report, now)

    def round_trip(self) -> float | None:
        """Seconds, by the last report on any stream; None before one."""
        trips = [reporter.round_trip for _, reporter in self._out.values()]
        return next((trip for trip in trips if trip is not None), None)

    def worst_loss(self) -> float:
        """The part of our packets that the client last said it missed, of the worst stream."""
        views = [reporter.peer_view for _, reporter in self._out.values()]
        return max((view.fraction_lost / 256 for view in views if view is not None), default=0.0)

    def missed(self) -> float:
        """The part of its packets that did not come between our last two reports, likewise."""
        return max((reporter.missed / 256 for reporter in self._in.values()), default=0.0)
