from __future__ import annotations

import pytest

from hookflash.base.text import clean, printable


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain", "plain"),
        ("Décliné", "Décliné"),
        (b"D\xe9clin\xe9".decode("utf-8", "surrogateescape"), "D\ufffdclin\ufffd"),
        (b"\xff\xfe".decode("utf-8", "surrogateescape"), "\ufffd\ufffd"),
        (b"\xe2\x82\xac".decode("utf-8", "surrogateescape"), "€"),
        ("a\ud83d", "a\ufffd"),
        ("\ude00 \ud83d", "\ufffd \ufffd"),
        ("\U0001f600\ud83d", "\U0001f600\ufffd"),
    ],
)
def test_clean(text: str, wanted: str) -> None:
    assert clean(text) == wanted
    clean(text).encode()


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert printable("Zoë, 電話") == "Zoë, 電話"
    assert printable("a\nb\x1b]0;c\x07\u202e") == r"a\nb\x1b]0;c\x07\u202e"
