"""Text from outside, made fit for what takes Unicode only: protobuf, JSON, SQLite."""

from __future__ import annotations


def clean(text: str) -> str:
    """`text` without surrogates: bytes that are no UTF-8 (a message's headers hold them so)
    become U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
