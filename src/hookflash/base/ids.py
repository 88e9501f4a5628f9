"""Identifiers. The random source is passed in, so that a simulation can replay itself."""

from __future__ import annotations

from typing import Protocol

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
"""LiveKit's alphabet: no 0 1 I O l (facts §0)."""

_TOKEN = "0123456789abcdefghijklmnopqrstuvwxyz"

# Two characters at a time: half the divisions of a large number.
_PAIRS = {
    alphabet: tuple(first + second for second in alphabet for first in alphabet)
    for alphabet in (ALPHABET, _TOKEN)
}


class RandomSource(Protocol):
    """The part of `random.Random` that the cores use."""

    def getrandbits(self, k: int, /) -> int: ...

    def random(self) -> float: ...


class Ids:
    """Makes every identifier of the process from one random source."""

    def __init__(self, random: RandomSource) -> None:
        self.random = random

    def new(self, prefix: str) -> str:
        """LiveKit's form: `prefix` (with its underscore) and 12 characters of `ALPHABET`."""
        return prefix + self._draw(ALPHABET, 12)

    def token(self, length: int = 10) -> str:
        """Lower-case letters and digits, for SIP tags and branches."""
        return self._draw(_TOKEN, length)

    def branch(self) -> str:
        """A Via branch with RFC 3261's magic cookie (§8.1.1.7)."""
        return "z9hG4bK" + self._draw(_TOKEN, 14)

    def number(self, bits: int = 31) -> int:
        """A random integer of at most `bits` bits (SSRC, session id, first CSeq)."""
        return self.random.getrandbits(bits)

    def _draw(self, alphabet: str, length: int) -> str:
        pairs = _PAIRS[alphabet]
        size = len(pairs)
        bits = self.random.getrandbits(length * 8)
        out = ""
        for _ in range(0, length, 2):
            bits, index = divmod(bits, size)
            out += pairs[index]
        return out[:length]
