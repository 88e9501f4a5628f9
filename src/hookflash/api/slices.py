"""Long lists, written a slice at a time: between two slices the loop gets its turn, so that ten
thousand trunks are no gap in anybody's sound.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from google.protobuf.message import Message

from ..base.protojson import JsonWriter
from ..twirp.codec import PROTOBUF
from .context import Listing

SLICE: Final = 0.002
"""Seconds of writing before the loop gets its turn; a batch more at most."""
BATCH: Final = 16
"""Items that are written between two looks at the clock."""


class SliceWriter:
    """Writes listings. `now` is seconds of any clock that never goes back."""

    def __init__(self, json: JsonWriter, now: Callable[[], float] = time.perf_counter) -> None:
        self._json = json
        self._now = now
        self._turn = asyncio.Lock()
        """One slice in a turn of the loop, of whichever list; they take turns. Only the first
        batch waits for nobody, and mostly it is all."""

    async def write(self, kind: str, listing: Listing) -> deque[bytes]:
        """The body in pieces, in order; protobuf or JSON by `kind`."""
        pieces: deque[bytes] = deque()
        items = iter(listing.items)
        encode = self._protobuf if kind == PROTOBUF else self._as_json
        more = self._slice(0.0, encode, listing, items, pieces)
        while more:
            async with self._turn:
                await asyncio.sleep(0)
                more = self._slice(SLICE, encode, listing, items, pieces)
        if kind != PROTOBUF:
            pieces.append(b"%s]}" % (pieces.pop() if pieces else _begin(listing)))
        return pieces

    def _slice(
        self,
        seconds: float,
        encode: Callable[[Listing, list[Message], bool], bytes],
        listing: Listing,
        items: Iterator[Message],
        pieces: deque[bytes],
    ) -> bool:
        """Write until the time is up, one batch at least; False when all is written."""
        until = self._now() + seconds
        parts: list[bytes] = []
        more = True
        while more:
            batch = list(islice(items, BATCH))
            if batch:
                parts.append(encode(listing, batch, not pieces and not parts))
            more = len(batch) == BATCH
            if self._now() >= until:
                break
        if parts:
            pieces.append(b"".join(parts))
        return more

    def _protobuf(self, listing: Listing, batch: list[Message], first: bool) -> bytes:
        # The encoding of a list is that of its parts, one after the other.
        return listing.reply_type(**{listing.field: batch}).SerializeToString()

    def _as_json(self, listing: Listing, batch: list[Message], first: bool) -> bytes:
        before = _begin(listing) if first else b","
        return before + b",".join(map(self._json.encode, batch))


def _begin(listing: Listing) -> bytes:
    return b'{"%s":[' % listing.field.encode()
