"""Keys for SRTP in the session description: SDES (RFC 4568, 7714 §14, 8643)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence

from ..base.ids import Ids
from .plan import CryptoKey
from .session import Media, whole_number

SUITES: dict[str, int] = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AEAD_AES_256_GCM": 44,
    "AEAD_AES_128_GCM": 28,
    "AES_CM_128_HMAC_SHA1_32": 30,
}
"""The suites in the order in which we offer them, and their bytes of master key and salt."""

_MAX_TAG = 999_999_999


def new_key(ids: Ids, suite: str, tag: int) -> CryptoKey:
    """A fresh master key and salt for `suite`, from the random source of the process."""
    size = SUITES[suite]
    return CryptoKey(suite, ids.random.getrandbits(8 * size).to_bytes(size, "big"), tag)


def read_key(value: str) -> CryptoKey | None:
    """The value of an a=crypto line; None where it is not one that we can carry out.

    That is so for another suite, a key of the wrong length, more than one key, an MKI (RFC 4568
    §6.1: each packet would carry it), and session parameters that change the packets (§6.3).
    """
    parts = value.split()
    if len(parts) < 3:
        return None
    tag = whole_number(parts[0], _MAX_TAG)
    suite = parts[1].upper()
    size = SUITES.get(suite)
    if tag is None or size is None or not all(map(_harmless, parts[3:])):
        return None
    method, _, info = parts[2].partition(":")
    fields = info.split("|")
    # A third field, or a second with a colon, is an MKI; the lifetime may be left out.
    if method.lower() != "inline" or len(fields) > 2 or any(":" in part for part in fields[1:]):
        return None
    text = fields[0].rstrip("=")
    try:
        key = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return None
    return CryptoKey(suite, key, tag) if len(key) == size else None


def write_key(key: CryptoKey) -> str:
    """The value of the a=crypto line for `key`."""
    return f"{key.tag} {key.suite} inline:{b64encode(key.key).decode('ascii')}"


def read_keys(media: Media) -> list[CryptoKey]:
    """The a=crypto lines of a media line that we can carry out, in its order."""
    found = []
    for value in media.attribute_values("crypto"):
        key = read_key(value)
        if key is not None:
            found.append(key)
    return found


def match_answer(offered: Sequence[CryptoKey], answered: Iterable[CryptoKey]) -> CryptoKey | None:
    """The first answered key whose tag and suite we offered (RFC 4568 §5.1.3)."""
    known = {(key.tag, key.suite) for key in offered}
    for key in answered:
        if (key.tag, key.suite) in known:
            return key
    return None


def _harmless(parameter: str) -> bool:
    """Session parameters that may be ignored: a hint of the window size, a rate of 0 (the
    default), and what the peer itself marks as optional by a hyphen."""
    name = parameter.upper()
    return name.startswith(("WSH=", "-")) or name == "KDR=0"
