from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import HMACAlgorithm

from hookflash.adapters import tokens
from hookflash.adapters.tokens import LONGEST, TokenVerifier
from hookflash.base.errors import ApiError

SECRET = "secret"
NOW = 1_000_000.0


def sign(payload: object, secret: str = SECRET, header: object = None) -> str:
    def part(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    head = part(json.dumps(header or {"alg": "HS256", "typ": "JWT"}).encode())
    body = part(json.dumps(payload).encode())
    digest = hmac.new(secret.encode(), head + b"." + body, hashlib.sha256).digest()
    return (head + b"." + body + b"." + part(digest)).decode()


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def verifier(clock: Clock | None = None) -> TokenVerifier:
    return TokenVerifier({"key": SECRET, "other": "x" * 32}, clock or Clock())


def payload(**claims: Any) -> dict[str, Any]:
    return {"iss": "key", "exp": NOW + 600, "sip": {"admin": True}, **claims}


def refusal(token: str, clock: Clock | None = None, checker: TokenVerifier | None = None) -> str:
    with pytest.raises(ApiError) as caught:
        (checker or verifier(clock)).verify(token)
    assert caught.value.code == "unauthenticated"
    assert token not in caught.value.msg or not token
    return caught.value.msg


def test_a_good_token() -> None:
    checker = verifier()
    claims = checker.verify(sign(payload()))
    assert claims.sip_admin
    assert claims.api_key == "key"
    assert checker.verify(sign(payload())) is claims


def test_half_a_surrogate_pair_is_a_replacement_character() -> None:
    """A backend that cuts a name within an emoji signs it so."""
    half, whole = "\ud83d", "\U0001f600"
    claims = verifier().verify(
        sign(payload(sub="a" + half, name=whole, attributes={half: "v"}, video={"room": half}))
    )
    assert (claims.identity, claims.name) == ("a\ufffd", whole)
    assert claims.attributes == {"\ufffd": "v"}
    assert claims.video.room == "\ufffd"


@pytest.mark.parametrize(
    ("token", "text"),
    [
        ("abc", "invalid authorization token"),
        ("a.b.c", "invalid authorization token"),
        ("", "invalid authorization token"),
        ("x" * (LONGEST + 1), "invalid authorization token"),
        (sign([1]), "invalid authorization token"),
        (sign("x"), "invalid authorization token"),
        (sign(payload(), header=[1]), "invalid authorization token"),
        (sign(payload(), header={"alg": "HS256", "crit": ["exp"]}), "invalid authorization token"),
        (sign(payload(), header={"alg": "HS256", "b64": False}), "invalid authorization token"),
        (
            # The last character of 32 octets has two bits that say nothing.
            sign(payload())[:-1] + chr(ord(sign(payload())[-1]) + 1),
            "invalid authorization token",
        ),
        (sign(payload()) + "=", "invalid authorization token"),
        (sign(payload()) + "\n", "invalid authorization token"),
        (sign(payload()) + ".x", "invalid authorization token"),
        (sign(payload()).rpartition(".")[0] + ".", "invalid authorization token"),
        (
            sign(payload()).rpartition(".")[0] + ".c2hvcnQ",
            "invalid authorization token: token signature is invalid: signature is invalid",
        ),
        (sign(payload(iss="nobody")), "invalid API key"),
        (sign(payload(iss=["key"])), "invalid API key"),
        (
            sign(payload(), secret="wrong"),
            "invalid authorization token: token signature is invalid: signature is invalid",
        ),
        (
            sign(payload(iss="other")),
            "invalid authorization token: token signature is invalid: signature is invalid",
        ),
        (
            sign(payload(), header={"alg": "none"}),
            "invalid authorization token: token signature is invalid: signing method is not HS256",
        ),
        (
            sign(payload(), header={"typ": "JWT"}),
            "invalid authorization token: token signature is invalid: signing method is not HS256",
        ),
        (
            sign(payload(), header={"alg": ["HS256"]}),
            "invalid authorization token: token signature is invalid: signing method is not HS256",
        ),
        (
            sign(payload(), header={"alg": "HS512"}),
            "invalid authorization token: token signature is invalid: signing method is not HS256",
        ),
        (
            sign({"iss": "key"}),
            "invalid authorization token: token has invalid claims: token is missing required "
            "claim: exp claim is required",
        ),
        (
            sign(payload(exp="soon")),
            "invalid authorization token: token has invalid claims: exp is invalid",
        ),
        (
            sign(payload(exp=True)),
            "invalid authorization token: token has invalid claims: exp is invalid",
        ),
        (
            sign(payload(exp=10**400)),
            "invalid authorization token: token has invalid claims: exp is invalid",
        ),
        (
            sign(payload(exp=float("nan"))),
            "invalid authorization token: token has invalid claims: exp is invalid",
        ),
        (
            sign(payload(nbf=[])),
            "invalid authorization token: token has invalid claims: nbf is invalid",
        ),
        (
            sign(payload(exp=NOW - 61)),
            "invalid authorization token: token has invalid claims: token is expired",
        ),
        (
            sign(payload(nbf=NOW + 61)),
            "invalid authorization token: token has invalid claims: token is not valid yet",
        ),
    ],
)
def test_tokens_that_do_not_hold(token: str, text: str) -> None:
    """Whether or not a token of the same header held before."""
    assert refusal(token) == text
    checker = verifier()
    checker.verify(sign(payload(jti="before")))
    assert refusal(token, checker=checker) == text


def test_a_header_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a token that did not hold, or that is long, is not remembered, nor are many."""
    checker, seen = verifier(), []
    decode = checker._jws.decode

    def read(token: str, *rest: Any) -> Any:
        seen.append(token)
        return decode(token, *rest)

    monkeypatch.setattr(checker._jws, "decode", read)
    refusal(sign(payload(jti="first"), secret="wrong"), checker=checker)
    for jti in ("second", "third", "fourth"):
        checker.verify(sign(payload(jti=jti)))
    assert len(seen) == 2
    for number in [*range(20), *range(20)]:
        checker.verify(
            sign(payload(jti=f"a{len(seen)}"), header={"alg": "HS256", "kid": str(number)})
        )
    assert len(seen) == 2 + 20 + 20 - 15
    for jti in ("fifth", "sixth"):
        checker.verify(sign(payload(jti=jti), header={"alg": "HS256", "kid": "x" * 300}))
    assert len(seen) == 2 + 20 + 20 - 15 + 2


@given(st.integers(0, 10**6), st.sampled_from("Ab_-=.é"))
def test_a_token_that_was_changed_is_refused_alike(place: int, letter: str) -> None:
    warm = verifier()
    token = sign(payload(jti="one"))
    warm.verify(sign(payload(jti="before")))
    place %= len(token)
    changed = token[:place] + letter + token[place + 1 :]
    said = []
    for checker in (verifier(), warm):
        try:
            said.append(str(checker.verify(changed)))
        except ApiError as error:
            said.append(error.msg)
    assert said[0] == said[1]


def test_a_token_whose_header_is_too_deep() -> None:
    """Nothing of a token may raise anything but a refusal."""
    _, claims, signature = sign(payload()).split(".")
    header = base64.b64encode(b"[" * 12_000).decode().rstrip("=")
    assert refusal(f"{header}.{claims}.{signature}").startswith("invalid authorization token")


def test_a_minute_of_leeway() -> None:
    verifier().verify(sign(payload(exp=NOW - 59)))
    verifier().verify(sign(payload(nbf=NOW + 59)))
    verifier().verify(sign(payload(iat=NOW + 10_000)))


def test_a_remembered_token_expires_too() -> None:
    clock = Clock()
    checker = verifier(clock)
    token = sign(payload(exp=NOW + 10, nbf=NOW))
    checker.verify(token)
    clock.now = NOW + 71
    with pytest.raises(ApiError, match="expired"):
        checker.verify(token)
    clock.now = NOW - 61
    with pytest.raises(ApiError, match="not valid yet"):
        checker.verify(token)
    clock.now = NOW
    checker.verify(token)


def test_a_token_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    checker = verifier()
    token = sign(payload())
    claims = checker.verify(token)
    monkeypatch.setattr(checker, "_read", None)
    assert checker.verify(token) is claims


def test_a_token_of_ours_holds_for_its_time() -> None:
    clock = Clock()
    checker = verifier(clock)
    for key, secret in (("key", SECRET), ("other", "x" * 32)):
        token = tokens.sign(key, secret, {"sub": "ann", "kind": "agent"}, NOW, 600.0)
        claims = checker.verify(token)
        assert (claims.api_key, claims.identity, claims.kind) == (key, "ann", "agent")
    clock.now = NOW + 600.0 + tokens.LEEWAY
    with pytest.raises(ApiError):
        checker.verify(token)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "REMEMBERED", 2)
    checker = verifier()
    first, second, third = (sign(payload(jti=str(n))) for n in range(3))
    kept = checker.verify(first)
    forgotten = checker.verify(second)
    checker.verify(first)
    checker.verify(third)
    assert checker.verify(first) is kept
    assert checker.verify(second) is not forgotten


@pytest.mark.parametrize("secret", ["ssh-rsa AAAA", '{"kty": "oct", "k": "AAAA"}'])
def test_what_is_a_key_of_another_kind_is_no_secret(secret: str) -> None:
    checker = TokenVerifier({"key": secret}, Clock())
    for _ in range(2):
        with pytest.raises(ApiError, match=r"invalid authorization token$"):
            checker.verify(sign(payload(), secret))


def test_a_secret_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    checker = verifier()
    checker.verify(sign(payload(jti="first")))
    monkeypatch.setattr(HMACAlgorithm, "prepare_key", None)
    checker.verify(sign(payload(jti="second")))


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_random_tokens_are_refused(token: str) -> None:
    refusal(token + "!")


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_random_claims_never_break_it(value: object) -> None:
    for name in ("exp", "nbf", "iss", "video", "sip", "sub", "attributes"):
        try:
            verifier().verify(sign(payload(**{name: value})))
        except ApiError:
            continue
