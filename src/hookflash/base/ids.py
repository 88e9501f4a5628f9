"""Identifiers. The random source is passed in, so that a simulation can replay itself."""

from __future__ import annotations

from typing import Protocol

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
"""LiveKit's alphabet: no 0 1 I O l (facts §0)."""

_TOKEN = "0123456789abcdefghijklmnopqrstuvwxyz"

# Octet → character, and the last octets, which would make some characters more frequent.
_TABLES = {
    alphabet: (
        bytes(ord(alphabet[octet % len(alphabet)]) for octet in range(256)),
        bytes(range(256 - 256 % len(alphabet), 256)),
    )
    for alphabet in (ALPHABET, _TOKEN)
}
_SPARE = 8
"""Octets drawn beyond those needed, since some are left out."""


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
        table, left_out = _TABLES[alphabet]
        size = length + _SPARE
        drawn = b""
        while len(drawn) < length:
            octets = self.random.getrandbits(size * 8).to_bytes(size, "big")
            drawn += octets.translate(table, left_out)
        return drawn[:length].decode("ascii")
