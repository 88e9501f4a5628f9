"""Verification of access tokens (facts §1.6), remembered per token for as long as it holds.

A client signs once and sends the same token with every request, so the second request costs a
dictionary read. Tokens are kept by their SHA-256 only; they never go into a text or a log. PyJWT
checks the form, the algorithm and the signature. When a token begins and ends is asked here, of a
remembered one as of a new one, and by the clock that the process is given: PyJWT has its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import jwt
from jwt.types import Options

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
REMEMBERED = 1024
"""Tokens that are remembered, 1.5 kB each; the one unused for longest goes first. LiveKit's clients
sign one for each request, and those that keep theirs are few."""
LONGEST = 16 * 1024
"""Characters of a token that are looked at."""
ALGORITHM: Final = "HS256"
SHORTEST: Final = 32
"""Octets of a secret below which PyJWT warns."""
_ITS_PART: Final[Options] = {
    "require": ["exp"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
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
        issuer = _unverified(token).get("iss")
        secret = self._keys.get(issuer) if isinstance(issuer, str) else None
        if secret is None:
            raise refused(UNKNOWN_KEY)
        try:
            with _short_secrets_allowed(secret):
                payload = jwt.decode(token, secret, [ALGORITHM], _ITS_PART)
        except jwt.InvalidAlgorithmError:
            raise refused_because(SIGNING_METHOD) from None
        except jwt.MissingRequiredClaimError:
            raise refused_because(NO_EXP) from None
        except jwt.InvalidSignatureError:
            raise refused_because(SIGNATURE) from None
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise refused(UNREADABLE) from None
        ends, begins = _time(payload, "exp"), _time(payload, "nbf")
        return (
            claims_of(payload),
            begins if begins is not None else -math.inf,
            ends if ends is not None else -math.inf,
        )


def _unverified(token: str) -> Mapping[str, Any]:
    """The claims. They choose the secret, and are to be believed once checked with it."""
    if _COMPACT.fullmatch(token) is None:
        raise refused(UNREADABLE)
    try:
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    except (ValueError, RecursionError):
        raise refused(UNREADABLE) from None
    if not isinstance(claims, dict):
        raise refused(UNREADABLE)
    return claims


def _short_secrets_allowed(secret: bytes) -> AbstractContextManager[object]:
    """How long a secret must be (RFC 7518 §3.2), and that it need not with `--dev`, is said by
    `config.py`."""
    if len(secret) >= SHORTEST:
        return nullcontext()
    return warnings.catch_warnings(action="ignore", category=jwt.InsecureKeyLengthWarning)


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
