"""Verification of access tokens (facts §1.6), remembered per token for as long as it holds.

A client signs once and sends the same token with every request, so the second request costs a
dictionary read. Tokens are kept by their SHA-256 only; they never go into a text or a log. PyJWT
checks the form, the algorithm and the signature, and of each secret once whether it is one. When a
token begins and ends is asked here, of a remembered one as of a new one, and by the clock that the
process is given: PyJWT has its own.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

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
from ..base.text import clean
from .light_jwt import algorithms, jwt

LEEWAY = 60.0
"""Seconds that clocks may differ."""
REMEMBERED = 1024
"""Tokens that are remembered, 1.5 kB each; the one unused for longest goes first. LiveKit's clients
sign one for each request, and those that keep theirs are few."""
LONGEST = 48 * 1024
"""Characters of a token that are looked at: as many as a head has room for."""
ALGORITHM: Final = "HS256"
_HEADERS: Final = 16
"""First parts of tokens that are remembered."""
_LONGEST_HEADER: Final = 256
"""Characters of one."""
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class _Hs256(algorithms.HMACAlgorithm):
    """HMAC with SHA-256 (RFC 7518 §3.2) that asks of a secret once whether it is one. PyJWT does so
    for each token: a public key or a certificate, which everybody knows, signs nothing."""

    def __init__(self) -> None:
        super().__init__(algorithms.HMACAlgorithm.SHA256)
        self._secrets: dict[str | bytes, bytes] = {}

    def prepare_key(self, key: str | bytes) -> bytes:
        secret = self._secrets.get(key)
        if secret is None:
            secret = self._secrets[key] = super().prepare_key(key)
        return secret

    def check_key_length(self, key: bytes) -> None:
        """How long a secret must be, and that it need not with `--dev`, is said by `config.py`."""


class TokenVerifier:
    """`keys` is API key → secret; `clock` gives seconds since the epoch."""

    def __init__(self, keys: Mapping[str, str], clock: Callable[[], float]) -> None:
        self._keys = {key: secret.encode("utf-8", "surrogatepass") for key, secret in keys.items()}
        self._clock = clock
        self._algorithm = _Hs256()
        self._jws = _signer(self._algorithm)
        self._headers: set[str] = set()
        """First parts of tokens as PyJWT has taken them, which takes ten times as long as the
        signature: those of one client are all the same."""
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
        payload = _unverified(token)
        issuer = payload.get("iss")
        secret = self._keys.get(issuer) if isinstance(issuer, str) else None
        if secret is None:
            raise refused(UNKNOWN_KEY)
        self._check(token, secret)
        ends, begins = _time(payload, "exp"), _time(payload, "nbf")
        if ends is None:
            raise refused_because(NO_EXP)
        return claims_of(payload), begins if begins is not None else -math.inf, ends

    def _check(self, token: str, secret: bytes) -> None:
        """Form, algorithm and signature."""
        signed, _, signature = token.rpartition(".")
        header = signed.partition(".")[0]
        try:
            if header in self._headers:
                key = self._algorithm.prepare_key(secret)
                if hmac.compare_digest(
                    _text_of(self._algorithm.sign(signed.encode(), key)), signature
                ):
                    return
            self._jws.decode(token, secret, [ALGORITHM])
        except jwt.InvalidAlgorithmError:
            raise refused_because(SIGNING_METHOD) from None
        except jwt.InvalidSignatureError:
            raise refused_because(SIGNATURE) from None
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise refused(UNREADABLE) from None
        if len(self._headers) < _HEADERS and len(header) <= _LONGEST_HEADER:
            self._headers.add(header)


def sign(key: str, secret: str, claims: Mapping[str, object], now: float, ttl: float) -> str:
    """A token of ours that holds from `now` (the world's time) for `ttl` seconds."""
    payload = {"iss": key, "nbf": int(now), "exp": int(now + ttl), **claims}
    octets = json.dumps(payload, separators=(",", ":")).encode()
    return _SIGNER.encode(octets, secret.encode("utf-8", "surrogatepass"), ALGORITHM)


def _signer(algorithm: _Hs256) -> jwt.PyJWS:
    signer = jwt.PyJWS([])
    signer.register_algorithm(ALGORITHM, algorithm)
    return signer


_SIGNER: Final = _signer(_Hs256())


def _unverified(token: str) -> Mapping[str, Any]:
    """The claims. They choose the secret, and are to be believed once checked with it."""
    if _COMPACT.fullmatch(token) is None:
        raise refused(UNREADABLE)
    try:
        part = token.split(".")[1]
        octets = base64.urlsafe_b64decode(part + "==")
        if _text_of(octets) != part:  # another spelling of the same
            raise refused(UNREADABLE)
        claims = json.loads(octets)
        if b"\\ud" in octets.lower():  # half of a surrogate pair is no text, and is U+FFFD in Go
            claims = json.loads(clean(json.dumps(claims, ensure_ascii=False)))
    except (ValueError, RecursionError):
        raise refused(UNREADABLE) from None
    if not isinstance(claims, dict):
        raise refused(UNREADABLE)
    return claims


def _text_of(octets: bytes) -> str:
    """In base64url, as a token has it (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


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
