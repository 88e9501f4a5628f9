"""What a webhook's token says (facts §7). The HMAC itself is the adapter's."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256

TOKEN_LIFE = 300
"""Seconds for which a token is good."""


def _segment(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


_dumps = json.JSONEncoder(separators=(",", ":")).encode
_HEADER = _segment(b'{"alg":"HS256","typ":"JWT"}')


def claims(api_key: str, body: bytes, now: float) -> dict[str, str | int]:
    """iss, nbf, exp, and the hash by which the receiver knows the body; no grants."""
    issued = int(now)
    return {
        "exp": issued + TOKEN_LIFE,
        "iss": api_key,
        "nbf": issued,
        "sha256": b64encode(sha256(body).digest()).decode("ascii"),
    }


def signing_input(api_key: str, body: bytes, now: float) -> bytes:
    """Header and claims as the JWS signing input (RFC 7515 §5.1), HS256."""
    text = _dumps(claims(api_key, body, now))
    return _HEADER + b"." + _segment(text.encode("utf-8"))


def token(signed: bytes, signature: bytes) -> str:
    """The finished token: a signing input and its signature."""
    return (signed + b"." + _segment(signature)).decode("ascii")
