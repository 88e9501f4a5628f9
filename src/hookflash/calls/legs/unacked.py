"""Answers to INVITE that are repeated until the peer confirms them.

The 2xx until its ACK (RFC 3261 §13.3.1.4) and the reliable 180 until its PRACK (RFC 3262 §3);
both for 64*T1, on every transport.
"""

from __future__ import annotations

from ...sip.message import Request, Response
from ...sip.timers import Timers
from ..effects import Respond


class Unacked:
    """One response that goes out again and again until it is confirmed."""

    __slots__ = ("_interval", "_limit", "cseq", "ends_at", "key", "next_at", "offer", "response")

    def __init__(
        self, now: float, key: str, response: Response, timers: Timers, *, offer: bool, cap: bool
    ) -> None:
        """`offer`: our offer stands in it, so the confirmation must bring the answer.
        `cap`: the interval stops doubling at T2 (the 2xx); else it doubles on (the 180)."""
        self.key = key
        self.response = response
        self.cseq = response.cseq.number
        self.offer = offer
        self._limit = timers.t2 if cap else timers.transaction
        self._interval = timers.t1
        self.next_at = now + timers.t1
        self.ends_at = now + timers.transaction

    def next_deadline(self) -> float:
        """The next repetition, or the end."""
        return min(self.next_at, self.ends_at)

    def over(self, now: float) -> bool:
        """Nobody confirmed it."""
        return now >= self.ends_at

    def due(self, now: float) -> list[Respond]:
        """The response once more, if it is time."""
        if now < self.next_at:
            return []
        self._interval = min(2 * self._interval, self._limit)
        self.next_at = now + self._interval
        return [Respond(self.key, self.response)]


def acknowledges(ack: Request, unacked: Unacked | None) -> bool:
    """True if `ack` is the ACK of that 2xx (RFC 3261 §13.2.2.4: by CSeq number)."""
    return unacked is not None and ack.cseq.number == unacked.cseq
