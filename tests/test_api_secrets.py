"""Which API secrets can be guessed."""

from __future__ import annotations

import secrets

import pytest

from hookflash.api_secrets import weakness


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("short", "5 characters"),
        ("secret" * 6, "one text repeated"),
        ("devkey" * 5 + "de", "one text repeated"),
        ("x" * 64, "one text repeated"),
        ("0123456789abcdef" * 2, "one text repeated"),
        ("q7Xw9KpL2mZt" * 3, "one text repeated"),
        ("abacabadabacabaeabacabadabacabaf", "6 different characters"),
        ("replace-this-secret-with-your-own-secret", "words of examples"),
        ("a secret of at least thirty-two characters", "words of examples"),
        ("MY_LIVEKIT_API_SECRET_CHANGE_ME_PLEASE_0", "words of examples"),
    ],
)
def test_weak(secret: str, why: str) -> None:
    assert weakness(secret) == why


@pytest.mark.parametrize("make", [secrets.token_urlsafe, secrets.token_hex])
@pytest.mark.parametrize("size", [24, 32, 48])
def test_random_ones_are_good(make: object, size: int) -> None:
    assert callable(make)
    assert [weakness(make(size)) for _ in range(200)] == [""] * 200
