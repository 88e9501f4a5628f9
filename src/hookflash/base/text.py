"""Text from outside, made fit for what takes Unicode only (protobuf, JSON, SQLite) and for
terminals."""

from __future__ import annotations


def clean(text: str) -> str:
    """`text` without surrogates: bytes that are no UTF-8 (a message's headers hold them so)
    become U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def printable(text: str) -> str:
    """`text` with control characters written out: names come from callers and other clients, and a
    terminal would obey them."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
