"""Verification of access tokens (facts §1.6), remembered per token for as long as it holds.

A client signs once and sends the same token with every request, so the second request costs a
dictionary read. Tokens are kept by their SHA-256 only; they never go into a text or a log.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from jwt.utils import base64url_decode, base64url_encode

from ..access.grants import (
    BAD_CLAIM,
    EXPIRED,
    NO_EXP,
    NOT_YET,
    SIGNATURE,
    SIGNING_METHOD,
    UNKNOWN_KEY,
    UNREADABLE,
    Claims,
    claims_of,
    refused,
    refused_because,
)

LEEWAY = 60.0
"""Seconds that clocks may differ."""
REMEMBERED = 4096
"""Tokens that are remembered; the one unused for longest goes first."""
LONGEST = 16 * 1024
"""Characters of a token that are looked at."""
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class TokenVerifier:
    """`keys` is API key → secret; `clock` gives seconds since the epoch."""

    def __init__(self, keys: Mapping[str, str], clock: Callable[[], float]) -> None:
        self._keys = {key: secret.encode("utf-8", "surrogatepass") for key, secret in keys.items()}
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[Claims, float, float]] = OrderedDict()

    def verify(self, token: str) -> Claims:
        """The claims of a token that holds now.

        Raises:
            ApiError: `access.grants.refused`, to be answered as text/plain 401.
        """
        now = self._clock()
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(digest)
        if known is None:
            claims, begins, ends = self._read(token)
        else:
            claims, begins, ends = known
        if now >= ends + LEEWAY:
            self._known.pop(digest, None)
            raise refused_because(EXPIRED)
        if now < begins - LEEWAY:
            raise refused_because(NOT_YET)
        self._known[digest] = (claims, begins, ends)
        self._known.move_to_end(digest)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return claims

    def _read(self, token: str) -> tuple[Claims, float, float]:
        if len(token) > LONGEST:
            raise refused(UNREADABLE)
        signed, header, payload, signature = _parts(token)
        issuer = payload.get("iss")
        secret = self._keys.get(issuer) if isinstance(issuer, str) else None
        if secret is None:
            raise refused(UNKNOWN_KEY)
        if header.get("alg") != "HS256":
            raise refused_because(SIGNING_METHOD)
        # Compared as it is written, so that one token has one spelling.
        mac = base64url_encode(hmac.digest(secret, signed, "sha256"))
        if not hmac.compare_digest(mac, signature):
            raise refused_because(SIGNATURE)
        ends, begins = _time(payload, "exp"), _time(payload, "nbf")
        if ends is None:
            raise refused_because(NO_EXP)
        return claims_of(payload), begins if begins is not None else -math.inf, ends


def _parts(token: str) -> tuple[bytes, Mapping[str, Any], Mapping[str, Any], bytes]:
    """What is signed, the header, the claims and the signature as it is written (RFC 7515 §7.1).

    The claims choose the secret, and are to be believed once it was checked. PyJWT reads all this
    too, at twice the cost: it looks at each character by itself.
    """
    if _COMPACT.fullmatch(token) is None:
        raise refused(UNREADABLE)
    signed, _, signature = token.encode("ascii").rpartition(b".")
    try:
        header, payload = (json.loads(base64url_decode(part)) for part in signed.split(b"."))
    except (ValueError, RecursionError):
        raise refused(UNREADABLE) from None
    if not isinstance(header, dict) or not isinstance(payload, dict):
        raise refused(UNREADABLE)
    if "crit" in header or "b64" in header:  # extensions (§4.1.11, RFC 7797): we know none
        raise refused(UNREADABLE)
    return signed, header, payload, signature


def _time(payload: Mapping[str, Any], name: str) -> float | None:
    value = payload.get(name)
    if value is None:
        return None
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            seconds = float(value)
            if not math.isnan(seconds):
                return seconds
    except OverflowError:
        pass
    raise refused_because(f"{BAD_CLAIM}: {name} is invalid")
