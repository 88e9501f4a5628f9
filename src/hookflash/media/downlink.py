"""How much video the way to a client carries, and which of it is sent: a machine without I/O.

A way is full when the client loses too much of what it is sent (RFC 3550 §6.4.1), or says itself
that it can receive less than that (REMB). Then its tracks get layers that fit together, the
smallest of each first. One is paused when not even its smallest layer fits. How much more there
would be room for nobody knows: a better layer is tried after a while, and after a longer one each
time that it was too much. Sound is no part of this; it always goes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from ..base.light import light_dataclass

BEST: Final = 2
"""The rank of the best layer (VideoQuality HIGH)."""
PAUSED: Final = -1
"""No layer."""
INTERVAL: Final = 1.0
"""Seconds over which loss is measured."""
FEW: Final = 10
"""Packets of which less is not measured."""
TOO_MUCH: Final = 0.1
"""The part of packets whose loss, in two intervals on end, means that the way is full."""
HOPELESS: Final = 0.3
"""The part whose loss means so at once. Below it, what is lost of the smallest layer may be made
good."""
LITTLE: Final = 0.02
"""Nothing better is tried while more is lost."""
LESS: Final = 0.8
"""An estimate of the client that falls below this part of what it is sent means so, too: it takes
its estimate down to 0.85 of what comes where packets are delayed. One that is lower all the time
comes of a time in which less was sent."""
FAR_LESS: Final = 0.5
"""Below this part by its estimate, not even the smallest layer fits: a keyframe of it may do as
much as `LESS` for a moment."""
FRESH: Final = 3.0
"""Seconds for which an estimate holds."""
SETTLING: Final = 2.0
"""Seconds after less is sent in which nothing is concluded: what is under way is of the time
before."""
FIRST_HOLD: Final = 10.0
LONGEST_HOLD: Final = 120.0
"""Seconds until something better is tried: doubled each time that it fails within
`FIRST_HOLD`, up to the longest."""


class Limited(Protocol):
    """A track that the client takes (`VideoSubscription`)."""

    cap: int
    """No better layer than of that rank is sent."""

    def stop(self) -> None:
        """Send nothing before the next keyframe."""
        ...

    def lost(self) -> tuple[int, int]:
        """Packets expected by the client, and packets lost, since this was asked last."""
        ...


@light_dataclass(frozen=True, slots=True)
class LayerChoice:
    """What there is of one track, up to what the client wants."""

    taken: Limited
    ranks: tuple[int, ...]
    """The smallest first; at least one."""
    rates: tuple[float, ...]
    """Bits per second of each."""
    sent: float
    """Of what goes out now."""

    @property
    def step(self) -> int:
        """The best that may be sent, as an index; -1 for none."""
        if self.taken.cap < 0:
            return -1
        return max(0, sum(rank <= self.taken.cap for rank in self.ranks) - 1)

    def take(self, step: int) -> None:
        """That one from now on, or none."""
        if step < 0:
            self.taken.cap = PAUSED
        else:
            self.taken.cap = BEST if step == len(self.ranks) - 1 else self.ranks[step]


class Downlink:
    """Of one client."""

    def __init__(self) -> None:
        self._estimate: tuple[float, int] | None = None
        self._fell_from = 0
        self._measured_at = 0.0
        self._loss = 0.0
        self._bad = 0
        self._settled_at = 0.0
        self._hold = FIRST_HOLD
        self._raise_at = 0.0
        self._raised_at = float("-inf")

    def estimated(self, bitrate: int, now: float) -> None:
        """The client says how much it can receive, in bits per second."""
        before = self._estimate
        if before is not None and bitrate < before[1]:
            self._fell_from = max(self._fell_from, before[1])
        self._estimate = (now, bitrate)

    def due(self, now: float) -> bool:
        """Whether `look` has anything to do."""
        return self._fell_from > 0 or now - self._measured_at >= INTERVAL

    def look(self, choices: Sequence[LayerChoice], now: float) -> None:
        """Now and then: who gets which layer."""
        fell_from, self._fell_from = self._fell_from, 0
        settled = now >= self._settled_at
        sent = sum(choice.sent for choice in choices)
        if now - self._measured_at >= INTERVAL:
            self._measured_at = now
            self._measure(choices, settled=settled)
        if not settled:
            return
        estimate = self._fresh(now)
        rates = [choice.rates for choice in choices]
        above = any(choice.step > 0 for choice in choices)
        if estimate is not None and estimate < LESS * sent <= fell_from:
            keep = above or estimate >= FAR_LESS * sent
            self._lower(choices, allocate(estimate, rates, keep=keep), now)
        elif self._loss > HOPELESS or self._bad >= 2:
            carried = sent * (1 - self._loss)
            if estimate is not None and estimate < sent:
                carried = max(carried, estimate)  # what is lost and sent again is in it
            keep = above or self._loss <= HOPELESS
            self._lower(choices, allocate(carried, rates, keep=keep), now)
        elif self._loss <= LITTLE and now >= self._raise_at:
            self._raise(choices, now)

    def _fresh(self, now: float) -> int | None:
        if self._estimate is None or now - self._estimate[0] > FRESH:
            return None
        return self._estimate[1]

    def _measure(self, choices: Sequence[LayerChoice], *, settled: bool) -> None:
        counts = [choice.taken.lost() for choice in choices]
        expected = sum(count for count, _ in counts)
        lost = sum(count for _, count in counts)
        self._loss = lost / expected if settled and expected >= FEW else 0.0
        self._bad = self._bad + 1 if self._loss > TOO_MUCH else 0

    def _lower(self, choices: Sequence[LayerChoice], steps: Sequence[int], now: float) -> None:
        """Take these steps where they lead down. If none does, one less of what is the most."""
        lower = [(one, step) for one, step in zip(choices, steps, strict=True) if step < one.step]
        if not lower:
            above = [one for one in choices if one.step > 0]
            if above:
                most = max(above, key=lambda one: one.rates[one.step])
                lower = [(most, most.step - 1)]
        self._bad, self._loss = 0, 0.0
        if not lower:
            return
        for choice, step in lower:
            choice.take(step)
            choice.taken.stop()
        again = now - self._raised_at <= FIRST_HOLD
        self._hold = min(LONGEST_HOLD, 2 * self._hold) if again else FIRST_HOLD
        self._raise_at = now + self._hold
        self._settled_at = now + SETTLING

    def _raise(self, choices: Sequence[LayerChoice], now: float) -> None:
        """One step for one of them: the worst off, of those the first."""
        below = [one for one in choices if one.step < len(one.ranks) - 1]
        if below:
            worst = min(below, key=lambda one: one.step)
            worst.take(worst.step + 1)
            self._raised_at = now
            self._raise_at = now + FIRST_HOLD


def allocate(
    capacity: float, tracks: Sequence[Sequence[float]], *, keep: bool = False
) -> list[int]:
    """The step of each track (bits per second by step) that fits into the capacity together; -1
    for one that has no place. First the lowest of each, in order, then one more of each in turn.
    `keep`: the lowest of each in any case."""
    steps = [-1] * len(tracks)
    left = capacity
    for number, rates in enumerate(tracks):
        if keep or rates[0] <= left:
            steps[number] = 0
            left -= rates[0]
    climbs = True
    while climbs:
        climbs = False
        for number, rates in enumerate(tracks):
            step = steps[number]
            if 0 <= step < len(rates) - 1 and rates[step + 1] - rates[step] <= left:
                steps[number] = step + 1
                left -= rates[step + 1] - rates[step]
                climbs = True
    return steps
