"""Text from outside, made fit for what takes Unicode only (protobuf, JSON, SQLite) and for
terminals."""

from __future__ import annotations


def clean(text: str) -> str:
    """`text` without surrogates: bytes that are no UTF-8 (a message's headers hold them so)
    become U+FFFD, and so does half a surrogate pair (of a name that JSON was cut in)."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def printable(text: str) -> str:
    """`text` with control characters written out: names come from callers and other clients, and a
    terminal would obey them."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
