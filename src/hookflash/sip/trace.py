"""The messages of each call as they went by: references to their bytes, and no more than a call may
have kept.

Nothing is read or copied here while the call lives; who wants to see the messages asks for a
`Trace`, and takes the credentials out of it (`redaction`). A SIP call is known by its Call-ID.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..base.light import light_dataclass
from .flow import Flow
from .message import Request, Response

MOST_MESSAGES: Final = 200
MOST_BYTES: Final = 256 * 1024
"""Of one call; the first half of either is its beginning, the second its end."""
_HALF: Final = MOST_MESSAGES // 2
_HALF_BYTES: Final = MOST_BYTES // 2
_CALL_ID: Final = b"\r\nCall-ID: "
"""As `Message.encode` writes it."""

WireEntry = tuple[float, Flow, bool, bytes]
"""Seconds since the epoch, the way, whether it came in, and its bytes. A tuple: one is made for
each message of each call."""


@light_dataclass(frozen=True, slots=True)
class Trace:
    """What is known of one call's messages at some moment, credentials included."""

    entries: tuple[WireEntry, ...]
    dropped: int = 0
    """Messages between the beginning and the end that were too many."""
    here: str = ""
    """Our address as the peer is told, for ways whose local one is `0.0.0.0` or `::`."""


class CallTrace:
    """The messages of one Call-ID while a call of it lives."""

    __slots__ = ("_bytes", "_first", "_first_bytes", "_here", "_last", "calls", "count")

    def __init__(self, here: Callable[[str], str]) -> None:
        self._here = here
        self._first: list[WireEntry] = []
        self._first_bytes = 0
        self._last: list[WireEntry] = []  # mostly empty, where a deque takes 760 octets
        self._bytes = 0
        self.count = 0
        """All that came and went, those that were dropped too."""
        self.calls = 0
        """Calls with this Call-ID: two where one of ours comes back to us."""

    def add(self, entry: WireEntry) -> None:
        """One more; one in the middle may have to go for it."""
        self.count += 1
        size = len(entry[3])
        first, last = self._first, self._last
        if not last and len(first) < _HALF and self._first_bytes + size <= _HALF_BYTES:
            first.append(entry)
            self._first_bytes += size
            return
        last.append(entry)
        self._bytes += size
        while len(last) > _HALF or self._bytes > _HALF_BYTES:
            self._bytes -= len(last.pop(0)[3])

    def taken(self) -> Trace:
        """As it is now."""
        entries = (*self._first, *self._last)
        here = self._here(entries[0][1].remote[0]) if entries else ""
        return Trace(entries, self.count - len(entries), here)


class SipTraces:
    """Those of all calls that live. `here` gives our address as a peer is told (by its own);
    `keeps` False: nothing is kept of anybody.

    The first messages of a call come before it is known that there is one: what the last message
    of an unknown Call-ID caused is held until the next comes, so strangers have one at most.
    """

    def __init__(self, here: Callable[[str], str], *, keeps: bool = True) -> None:
        self._here = here
        self._keeps = keeps
        self._traces: dict[str, CallTrace] = {}
        self._stranger: str | None = None
        self._held: list[WireEntry] = []

    def __len__(self) -> int:
        return len(self._traces)

    def received(self, now: float, message: Request | Response, flow: Flow) -> None:
        """A message came in, before anything is done about it."""
        if not self._keeps:
            return
        call_id = message.headers.first().get("call-id")
        if call_id is None:
            return
        trace = self._traces.get(call_id)
        if trace is not None:
            trace.add((now, flow, True, message.wire))
        else:
            self._stranger = call_id
            self._held = [(now, flow, True, message.wire)]

    def sent(self, now: float, data: bytes, flow: Flow) -> None:
        """A message of ours goes out."""
        if not self._keeps:
            return
        start = data.find(_CALL_ID) + len(_CALL_ID)
        call_id = data[start : data.find(b"\r\n", start)].decode("utf-8", "surrogateescape")
        trace = self._traces.get(call_id)
        if trace is not None:
            trace.add((now, flow, False, data))
        elif call_id == self._stranger and len(self._held) < _HALF:
            self._held.append((now, flow, False, data))

    def begin(self, call_id: str) -> CallTrace | None:
        """There is a call with this Call-ID; None where nothing is kept."""
        if not self._keeps:
            return None
        trace = self._traces.get(call_id)
        if trace is None:
            trace = self._traces[call_id] = CallTrace(self._here)
            if call_id == self._stranger:
                for entry in self._held:
                    trace.add(entry)
                self._stranger, self._held = None, []
        trace.calls += 1
        return trace

    def end(self, call_id: str) -> None:
        """That call, or one of those with this Call-ID, is finished."""
        trace = self._traces.get(call_id)
        if trace is not None:
            trace.calls -= 1
            if not trace.calls:
                del self._traces[call_id]
