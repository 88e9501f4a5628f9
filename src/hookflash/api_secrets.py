"""API secrets that anybody would try."""

from __future__ import annotations

import re
from typing import Final

MIN_SECRET: Final = 32
"""Characters of an API secret: HS256 wants a key of at least 256 bits (RFC 7518 §3.2)."""
MIN_DIFFERENT: Final = 8
"""Characters of it that differ: of 32 random hex digits, fewer come once in ten million."""
MIN_OWN: Final = 8
"""Letters and digits that are left without the words of examples."""

_WORDS: Final = re.compile(
    "secret|password|passwd|passphrase|devkey|hookflash|livekit|changeme|change|replace|example"
    "|default|insert|please|generate|random|number|string|value|token|your|this|with|that|here"
    "|test|dev|key|api|my|me|a|the|of|at|least|than|more|long|characters|chars|thirty|two|32"
)


def weakness(secret: str) -> str:
    """What makes `secret` one that can be guessed, "" where nothing does."""
    if len(secret) < MIN_SECRET:
        return f"{len(secret)} characters"
    if any(_repeats(secret, period) for period in range(1, min(MIN_SECRET, len(secret) // 2 + 1))):
        return "one text repeated"
    if len(set(secret)) < MIN_DIFFERENT:
        return f"{len(set(secret))} different characters"
    if len(re.sub(r"[\W_]", "", _WORDS.sub("", secret.lower()))) < MIN_OWN:
        return "words of examples"
    return ""


def _repeats(secret: str, period: int) -> bool:
    """Whether it is its first `period` characters again and again; the last time may be cut off."""
    return secret[period:] == secret[:-period]
