"""The token, read by PyJWT."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode

import jwt

from hookflash.webhooks.signing import TOKEN_LIFE, claims, signing_input, token

SECRET = "s" * 32


def test_claims() -> None:
    found = claims("key", b"{}", 1000.9)
    assert found["iss"] == "key"
    assert (found["nbf"], found["exp"]) == (1000, 1000 + TOKEN_LIFE)
    assert b64decode(str(found["sha256"])) == hashlib.sha256(b"{}").digest()
    assert set(found) == {"iss", "nbf", "exp", "sha256"}


def test_pyjwt_reads_the_token() -> None:
    signed = signing_input("key", b"body", 1000)
    text = token(signed, hmac.digest(SECRET.encode(), signed, "sha256"))
    options = {"verify_exp": False, "verify_nbf": False}
    assert jwt.decode(text, SECRET, ["HS256"], options) == claims("key", b"body", 1000)  # type: ignore[arg-type]
    assert jwt.get_unverified_header(text) == {"alg": "HS256", "typ": "JWT"}
