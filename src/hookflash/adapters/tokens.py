"""Verification of access tokens (facts §1.6), remembered per token for as long as it holds.

A client signs once and sends the same token with every request, so the second request costs a
dictionary read. Tokens are kept by their SHA-256 only; they never go into a text or a log.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import jwt
from jwt.algorithms import HMACAlgorithm
from jwt.utils import base64url_decode

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


class TokenVerifier:
    """`keys` is API key → secret; `clock` gives seconds since the epoch."""

    def __init__(self, keys: Mapping[str, str], clock: Callable[[], float]) -> None:
        self._keys = dict(keys)
        self._jws = _hs256_only()
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
        payload = _claimed(token)
        issuer = payload.get("iss")
        secret = self._keys.get(issuer) if isinstance(issuer, str) else None
        if secret is None:
            raise refused(UNKNOWN_KEY)
        try:
            self._jws.decode(token, secret, algorithms=["HS256"])
        except jwt.InvalidAlgorithmError:
            raise refused_because(SIGNING_METHOD) from None
        except jwt.InvalidSignatureError:
            raise refused_because(SIGNATURE) from None
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise refused(UNREADABLE) from None
        ends, begins = _time(payload, "exp"), _time(payload, "nbf")
        if ends is None:
            raise refused_because(NO_EXP)
        return claims_of(payload), begins if begins is not None else -math.inf, ends


class _Hs256(HMACAlgorithm):
    """HS256 without the library's warning about short secrets: the settings refuse them, and
    --dev has one on purpose. Nor is each secret searched for signs of a public key for every token:
    there are no others than those of the settings, and no other algorithm."""

    def prepare_key(self, key: str | bytes) -> bytes:
        return key.encode("utf-8") if isinstance(key, str) else key

    def check_key_length(self, key: bytes) -> str | None:
        return None


def _hs256_only() -> jwt.PyJWS:
    jws = jwt.PyJWS(algorithms=["HS256"])
    jws.unregister_algorithm("HS256")
    jws.register_algorithm("HS256", _Hs256(HMACAlgorithm.SHA256))
    return jws


def _claimed(token: str) -> Mapping[str, Any]:
    """What a token says, which is to be believed once its signature was checked; before that it
    chooses the secret."""
    parts = token.split(".")
    try:
        if len(parts) != 3:
            raise ValueError("a token has three parts")
        payload = json.loads(base64url_decode(parts[1]))
        if not isinstance(payload, dict):
            raise ValueError("the claims are no object")
    except (ValueError, RecursionError):
        raise refused(UNREADABLE) from None
    return payload


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
