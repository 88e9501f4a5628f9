"""Randomness of the kernel, fetched some thousand octets at a time."""

from __future__ import annotations

import os

POOL = 4096
"""Octets of one fetch: `os.urandom` is a system call, and an INVITE needs a dozen identifiers."""


class Entropy:
    """What `base.ids.Ids` draws from (`RandomSource`). Every bit is the kernel's, and is used
    once: good for tags, branches and nonces. Not for use by several threads."""

    __slots__ = ("_at", "_pool")

    def __init__(self) -> None:
        self._pool = b""
        self._at = 0

    def getrandbits(self, k: int, /) -> int:
        """An integer of `k` random bits."""
        size = (k + 7) >> 3
        end = self._at + size
        if end > len(self._pool):
            self._pool = os.urandom(max(POOL, size))
            self._at, end = 0, size
        bits = int.from_bytes(self._pool[self._at : end], "big") >> (size * 8 - k)
        self._at = end
        return bits

    def random(self) -> float:
        """From 0 to below 1, in steps of 2**-53."""
        return self.getrandbits(53) * 2.0**-53
