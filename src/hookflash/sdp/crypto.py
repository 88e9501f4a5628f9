"""Keys for SRTP in the session description: SDES (RFC 4568, 7714 §14, 8643)."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Sequence

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
_LIFETIME = re.compile(r"2\^(?:[1-9]|[1-3][0-9]|4[0-8])|[1-9][0-9]{0,14}")
"""Packets, at most 2^48 (RFC 3711 §9.2)."""
_MKI = re.compile(r"([0-9]{1,39}):([1-9][0-9]{0,2})")
_LONGEST_MKI = 128


def new_key(ids: Ids, suite: str, tag: int) -> CryptoKey:
    """A fresh master key and salt for `suite`, from the random source of the process."""
    size = SUITES[suite]
    return CryptoKey(suite, ids.random.getrandbits(8 * size).to_bytes(size, "big"), tag)


def read_key(value: str) -> CryptoKey | None:
    """The value of an a=crypto line; None where it is not one that we can carry out.

    That is so for another suite, a key of the wrong length, more than one key, a lifetime or MKI
    that is none (RFC 4568 §6.1), and session parameters that change the packets (§6.3).
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
    mki = _mki(fields[1:])
    if method.lower() != "inline" or mki is None:
        return None
    text = fields[0].rstrip("=")
    try:
        key = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return None
    return CryptoKey(suite, key, tag, mki) if len(key) == size else None


def _mki(fields: list[str]) -> bytes | None:
    """The MKI of what follows the key: `[lifetime][|value:length]`. b"" without one, None for what
    is neither. Our own keys are new at each call, so a lifetime asks nothing of us."""
    if fields and ":" not in fields[0] and _LIFETIME.fullmatch(fields[0]):
        fields = fields[1:]
    if not fields:
        return b""
    found = _MKI.fullmatch(fields[0])
    if found is None or len(fields) > 1:
        return None
    value, length = int(found[1]), int(found[2])
    if length > _LONGEST_MKI or value.bit_length() > 8 * length:
        return None
    return value.to_bytes(length, "big")


def write_key(key: CryptoKey) -> str:
    """The value of the a=crypto line for `key`; one with an MKI names its lifetime too, as peers
    that want the first expect."""
    text = f"{key.tag} {key.suite} inline:{b64encode(key.key).decode('ascii')}"
    if not key.mki:
        return text
    return f"{text}|2^31|{int.from_bytes(key.mki, 'big')}:{len(key.mki)}"


def read_keys(media: Media) -> list[CryptoKey]:
    """The a=crypto lines of a media line that we can carry out, in its order."""
    found = []
    for value in media.attribute_values("crypto"):
        key = read_key(value)
        if key is not None:
            found.append(key)
    return found


def match_answer(
    offered: Sequence[CryptoKey], answered: Sequence[CryptoKey]
) -> tuple[CryptoKey, CryptoKey] | None:
    """Our key and the peer's: the first answered one whose tag and suite we offered (RFC 4568
    §5.1.3). Where there is none, one with a tag of its own, if the suite says which is meant."""
    known = {(key.tag, key.suite): key for key in offered}
    for key in answered:
        own = known.get((key.tag, key.suite))
        if own is not None:
            return own, key
    tags = {key.tag for key in offered}
    for key in answered:
        meant = [own for own in offered if own.suite == key.suite]
        if key.tag not in tags and len(meant) == 1:
            return meant[0], key
    return None


def _harmless(parameter: str) -> bool:
    """Session parameters that may be ignored: a hint of the window size, a rate of 0 (the
    default), and what the peer itself marks as optional by a hyphen."""
    name = parameter.upper()
    return name.startswith(("WSH=", "-")) or name == "KDR=0"
