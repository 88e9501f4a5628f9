"""What one SCTP association has received: TSNs, fragments, and messages whose turn has not come
(RFC 9260 §6.2, §6.9, RFC 3758 §3.6).

aiortc searches lists for each chunk, so that a peer with many small ones has all of our time. Here
a chunk costs the same however many are held: what stands beside it is looked up, and places in
sorted lists are found by halving.

TSNs are unwrapped: numbers that go on where the 32 bits begin anew, so that no old one is ever
taken for a new one.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterator
from typing import Final

from aiortc.rtcsctptransport import DataChunk

UNORDERED: Final = 4
_LAST, _FIRST = 1, 2
"""Flags of a DATA chunk (RFC 9260 §3.3.1)."""

_TSNS, _SEQUENCE_NUMBERS = 2**32, 2**16

Message = tuple[int, int, bytes]
"""Stream, payload protocol, octets."""
Fragments = deque[DataChunk]
"""With consecutive TSNs, of one message."""


def is_whole(chunk: DataChunk) -> bool:
    """Whether the chunk is a message, and no fragment of one."""
    return chunk.flags & (_FIRST | _LAST) == _FIRST | _LAST


class ReceivedTsns:
    """All up to `cumulative`, and the gap blocks ahead of it (RFC 9260 §3.3.4)."""

    __slots__ = ("_firsts", "_lasts", "cumulative")

    def __init__(self, cumulative: int) -> None:
        self.cumulative = cumulative
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    @property
    def last_tsn(self) -> int:
        """The cumulative TSN as it is sent."""
        return self.cumulative % _TSNS

    def unwrapped(self, tsn: int) -> int:
        """The number that is nearest to `cumulative`, of those that are sent like this."""
        half = _TSNS // 2
        return self.cumulative + (tsn - self.cumulative + half) % _TSNS - half

    def __contains__(self, number: int) -> bool:
        if number <= self.cumulative:
            return True
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number <= self._lasts[at]

    def add(self, number: int) -> None:
        """It is not contained yet."""
        firsts, lasts = self._firsts, self._lasts
        at = bisect_right(firsts, number)
        follows = at > 0 and lasts[at - 1] == number - 1
        precedes = at < len(firsts) and firsts[at] == number + 1
        if follows and precedes:
            lasts[at - 1] = lasts.pop(at)
            del firsts[at]
        elif follows:
            lasts[at - 1] = number
        elif precedes:
            firsts[at] = number
        else:
            firsts.insert(at, number)
            lasts.insert(at, number)
        self.advance(self.cumulative)

    def advance(self, to: int) -> None:
        """Up to `to` all is received or given up, and with it what follows without a gap."""
        at = bisect_right(self._firsts, to + 1)
        self.cumulative = max(to, self._lasts[at - 1]) if at else to
        del self._firsts[:at], self._lasts[:at]

    def gaps(self, most: int) -> list[tuple[int, int]]:
        """The first gap blocks, as a SACK has them."""
        blocks = zip(self._firsts[:most], self._lasts[:most], strict=True)
        return [(first - self.cumulative, last - self.cumulative) for first, last in blocks]


class Reassembly:
    """The fragments of unfinished messages, of all streams: a message's TSNs are consecutive, and
    no other stream's are among them (RFC 9260 §6.9).

    Those that stand together are a run. What begins a message does not join what is before it, and
    what ends one not what is behind it: a message that was given up in its middle is followed at
    once by another."""

    __slots__ = ("_by_last", "_firsts", "_runs", "held")

    def __init__(self) -> None:
        self.held = 0
        """Fragments."""
        self._runs: dict[int, Fragments] = {}
        """By their first TSN; `_by_last`: the first TSN by the last."""
        self._by_last: dict[int, int] = {}
        self._firsts: list[int] = []

    def __len__(self) -> int:
        """Runs."""
        return len(self._runs)

    def joins(self, number: int, chunk: DataChunk) -> bool:
        """Whether it would be no run of its own."""
        before, after = self._neighbours(number, chunk)
        return before is not None or after is not None

    def _neighbours(self, number: int, chunk: DataChunk) -> tuple[int | None, int | None]:
        """The first TSNs of the runs before and behind it, where it is of the same message."""
        before = self._by_last.get(number - 1)
        if before is not None:
            last = self._runs[before][-1]
            if chunk.flags & _FIRST or last.flags & _LAST or last.stream_id != chunk.stream_id:
                before = None
        behind = self._runs.get(number + 1)
        joins_behind = (
            behind is not None
            and not (chunk.flags & _LAST or behind[0].flags & _FIRST)
            and behind[0].stream_id == chunk.stream_id
        )
        return before, number + 1 if joins_behind else None

    def add(self, number: int, chunk: DataChunk) -> Fragments:
        """All of its message when nothing of that is missing any more, else nothing."""
        before, behind = self._neighbours(number, chunk)
        first, run = number, deque([chunk])
        if before is not None:
            first, run = before, self._take(before)
            run.append(chunk)
        if behind is not None:
            rest = self._take(behind)
            # The shorter goes to the longer one, or small runs at a long one would cost its length.
            if len(run) < len(rest):
                rest.extendleft(reversed(run))
                run = rest
            else:
                run.extend(rest)
        if run[0].flags & _FIRST and run[-1].flags & _LAST:
            return run
        self._runs[first] = run
        self._by_last[first + len(run) - 1] = first
        insort(self._firsts, first)
        self.held += len(run)
        return deque()

    def give_up(self, cumulative: int) -> int:
        """The peer goes on behind this TSN: the octets that are held no longer. What began, has
        all of it up to there and may go on is kept (RFC 3758 §3.6)."""
        octets = 0
        for first in self._firsts[: bisect_right(self._firsts, cumulative)]:
            run = self._runs[first]
            if not (run[0].flags & _FIRST and first + len(run) > cumulative):
                octets += _octets(self._take(first))
        return octets

    def reset(self, streams: set[int]) -> int:
        """Nothing more will come by these: the octets that are held no longer."""
        gone = [first for first, run in self._runs.items() if run[0].stream_id in streams]
        return sum(_octets(self._take(first)) for first in gone)

    def _take(self, first: int) -> Fragments:
        run = self._runs.pop(first)
        del self._by_last[first + len(run) - 1]
        del self._firsts[bisect_left(self._firsts, first)]
        self.held -= len(run)
        return run


class OrderedMessages:
    """Of one stream: each waits for those before it."""

    __slots__ = ("_next", "_waiting")

    def __init__(self) -> None:
        self._next = 0
        """The stream sequence number whose turn it is, unwrapped as TSNs are."""
        self._waiting: list[tuple[int, int, Message]] = []
        """A heap; by sequence number, then by TSN."""

    def __len__(self) -> int:
        """Messages that wait."""
        return len(self._waiting)

    def _unwrapped(self, stream_seq: int) -> int:
        half = _SEQUENCE_NUMBERS // 2
        return self._next + (stream_seq - self._next + half) % _SEQUENCE_NUMBERS - half

    def add(self, stream_seq: int, number: int, message: Message) -> None:
        """`number`: the TSN of its last fragment."""
        heapq.heappush(self._waiting, (self._unwrapped(stream_seq), number, message))

    def skip(self, stream_seq: int) -> None:
        """Up to this one there is nothing to wait for. It never goes back."""
        self._next = max(self._next, self._unwrapped(stream_seq) + 1)

    def take(self) -> Iterator[Message]:
        """Those whose turn it is, or is over."""
        while self._waiting and self._waiting[0][0] <= self._next:
            number, _, message = heapq.heappop(self._waiting)
            self._next = max(self._next, number + 1)
            yield message

    def octets(self) -> int:
        """Of all that wait."""
        return sum(len(data) for _, _, (_, _, data) in self._waiting)


def _octets(fragments: Fragments) -> int:
    return sum(len(chunk.user_data) for chunk in fragments)
