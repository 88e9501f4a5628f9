"""Identifiers. The random source is passed in, so that a simulation can replay itself."""

from __future__ import annotations

from typing import Protocol

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
"""LiveKit's alphabet: no 0 1 I O l (facts §0)."""

_TOKEN = "0123456789abcdefghijklmnopqrstuvwxyz"

_STOCK = 512
"""Octets drawn at a time: an INVITE needs a dozen identifiers."""


class RandomSource(Protocol):
    """The part of `random.Random` that the cores use."""

    def getrandbits(self, k: int, /) -> int: ...

    def random(self) -> float: ...


class Ids:
    """Makes every identifier of the process from one random source. Not for several threads."""

    def __init__(self, random: RandomSource) -> None:
        self.random = random
        self._ids = _Characters(ALPHABET, random)
        self._tokens = _Characters(_TOKEN, random)

    def new(self, prefix: str) -> str:
        """LiveKit's form: `prefix` (with its underscore) and 12 characters of `ALPHABET`."""
        return prefix + self._ids.take(12)

    def token(self, length: int = 10) -> str:
        """Lower-case letters and digits, for SIP tags and branches."""
        return self._tokens.take(length)

    def branch(self) -> str:
        """A Via branch with RFC 3261's magic cookie (§8.1.1.7)."""
        return "z9hG4bK" + self._tokens.take(14)

    def number(self, bits: int = 31) -> int:
        """A random integer of at most `bits` bits (SSRC, session id, first CSeq)."""
        return self.random.getrandbits(bits)


class _Characters:
    """Random characters of one alphabet, each used once."""

    __slots__ = ("_at", "_left_out", "_random", "_stock", "_table")

    def __init__(self, alphabet: str, random: RandomSource) -> None:
        self._random = random
        self._table = bytes(ord(alphabet[octet % len(alphabet)]) for octet in range(256))
        # The last octets would make some characters more frequent.
        self._left_out = bytes(range(256 - 256 % len(alphabet), 256))
        self._stock = ""
        self._at = 0

    def take(self, length: int) -> str:
        """That many."""
        at, end = self._at, self._at + length
        while end > len(self._stock):
            octets = self._random.getrandbits(_STOCK * 8).to_bytes(_STOCK, "big")
            drawn = octets.translate(self._table, self._left_out)
            self._stock = self._stock[at:] + drawn.decode("ascii")
            at, end = 0, length
        self._at = end
        return self._stock[at:end]
