"""What all streams together may have of one turn of the loop, as datagrams have theirs.

The loop reads a stream until it is empty: one peer who writes fast enough would have it to himself
while media, datagrams and HTTP wait. So what streams have brought is worked on in portions, one
stream after another, and what is too much for this turn waits for the next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Protocol

MESSAGES = 64
SECONDS = 0.002
OCTETS = 128 * 1024
"""Of one turn, whichever is reached first."""
PORTION = 8
"""Messages of one stream before another has its turn."""


class Stream(Protocol):
    """Something that has been read and not worked on."""

    def step(self) -> bool:
        """Work on one message; whether there may be another one."""
        ...

    def rest(self, more: bool) -> None:
        """Its portion is over. `more`: it will get another one, and reads nothing until then."""
        ...


class StreamTurns:
    """`clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._waiting: deque[Stream] = deque()
        self._planned = False
        self._messages = MESSAGES
        self._seconds = SECONDS
        self._octets = OCTETS

    def offer(self, stream: Stream, octets: int) -> None:
        """`stream`, which does not wait here, has read so much: it works now if this turn has room
        for it, else in one of the next."""
        if self._over:
            self._wait(stream)
        else:
            self._octets -= octets
            self._give(stream)

    @property
    def _over(self) -> bool:
        return self._messages <= 0 or self._seconds <= 0 or self._octets <= 0

    def _give(self, stream: Stream) -> None:
        begun = self._clock()
        end = begun + self._seconds
        more = True
        for _ in range(PORTION):
            more = stream.step()
            self._messages -= 1
            if not more or self._clock() >= end:
                break
        self._seconds -= self._clock() - begun
        if more:
            self._wait(stream)
        else:
            stream.rest(False)

    def _wait(self, stream: Stream) -> None:
        self._waiting.append(stream)
        stream.rest(True)
        self._plan()

    def _plan(self) -> None:
        if not self._planned:
            self._planned = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """The next turn: whoever waits has a portion, again and again, as far as the turn goes."""
        self._planned = False
        self._messages, self._seconds, self._octets = MESSAGES, SECONDS, OCTETS
        while self._waiting and not self._over:
            self._give(self._waiting.popleft())
        if self._waiting:
            self._plan()
