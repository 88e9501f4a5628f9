from __future__ import annotations

import pytest

from hookflash.base.text import clean


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain", "plain"),
        ("Décliné", "Décliné"),
        (b"D\xe9clin\xe9".decode("utf-8", "surrogateescape"), "D\ufffdclin\ufffd"),
        (b"\xff\xfe".decode("utf-8", "surrogateescape"), "\ufffd\ufffd"),
        (b"\xe2\x82\xac".decode("utf-8", "surrogateescape"), "€"),
    ],
)
def test_clean(text: str, wanted: str) -> None:
    assert clean(text) == wanted
    clean(text).encode()
