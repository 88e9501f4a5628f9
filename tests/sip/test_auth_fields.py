"""Challenges and credentials."""

from __future__ import annotations

import pytest

from hookflash.base.errors import SipError
from hookflash.sip.auth_fields import Challenge, Credentials


def test_a_digest_challenge() -> None:
    challenge = Challenge.parse(
        'Digest realm="atlanta, \\"x\\"", domain="sip:a@b",  NONCE="84a4c",'
        ' opaque="", stale=FALSE ,algorithm=MD5, qop="auth,auth-int"'
    )
    assert challenge.is_digest
    assert challenge.param("realm") == 'atlanta, "x"'
    assert challenge.param("nonce") == "84a4c"
    assert challenge.param("opaque") == ""
    assert challenge.param("qop") == "auth,auth-int"
    assert challenge.param("x") is None
    assert str(challenge) == (
        'Digest realm="atlanta, \\"x\\"", domain="sip:a@b", nonce="84a4c", opaque="", '
        'stale=FALSE, algorithm=MD5, qop="auth,auth-int"'
    )


def test_credentials_quote_what_rfc_7616_quotes() -> None:
    credentials = Credentials.digest(
        [
            ("username", "bob"),
            ("uri", "sip:a"),
            ("algorithm", "SHA-256"),
            ("qop", "auth"),
            ("nc", "00000001"),
            ("cnonce", "x"),
        ]
    )
    text = str(credentials)
    assert text == (
        'Digest username="bob", uri="sip:a", algorithm=SHA-256, qop=auth, nc=00000001, cnonce="x"'
    )
    assert Credentials.parse(text) == credentials
    assert str(Credentials.digest([("nc", 'a"b')])) == 'Digest nc="a\\"b"'
    assert Challenge.digest([("realm", "r")]).is_digest


def test_other_schemes() -> None:
    assert Credentials.parse("Bearer abc.def-1==") == Credentials("Bearer", (), "abc.def-1==")
    assert str(Credentials.parse("Basic dXNlcjpwYXNz")) == "Basic dXNlcjpwYXNz"
    assert Challenge.parse("Digest") == Challenge("Digest")
    assert Challenge.parse("Digest\t realm=r") == Challenge("Digest", (("realm", "r"),))
    assert not Challenge.parse("NTLM a=b").is_digest


@pytest.mark.parametrize(
    "text",
    ["", " ", 'Di"gest a=b', "Digest a b", 'Digest a="b', "Digest =b", "Digest a=b c=d", "D a=, b"],
)
def test_bad(text: str) -> None:
    with pytest.raises(SipError) as caught:
        Challenge.parse(text)
    assert caught.value.status == 400
    with pytest.raises(SipError):
        Credentials.parse(text)
