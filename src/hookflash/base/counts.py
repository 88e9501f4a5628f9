"""How many entries a list of a request may have. They are counted before anything walks them: a
megabyte holds half a million empty ones, each of which costs far more than it did to send."""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf.message import Message

from .errors import ApiError

MOST_ENTRIES = 10_000
"""Of a list that nothing else bounds: the rooms, tracks or numbers that one request names."""

MOST_VALUES = 2_000
"""Of a JSON text that the one loop reads at once, in two or three milliseconds: protobuf's reader
takes up to 4 µs for each, and thirty kilobytes hold ten thousand."""


def has_many_values(text: bytes) -> bool:
    """Whether a JSON text may hold more than `MOST_VALUES`: what begins a value or parts two is
    counted, in strings too."""
    return sum(map(text.count, (b",", b"{", b"["))) > MOST_VALUES


def check_count(what: str, count: int, most: int, refused: type[ApiError] = ApiError) -> None:
    """Refuse a `count` over `most`; `what` is counted is in the text.

    Raises:
        ApiError: invalid_argument, as a `refused`.
    """
    if count > most:
        raise refused("invalid_argument", f"too many {what} (max {most})")


def check_lists(request: Message) -> None:
    """Refuse a request one of whose own lists has more than `MOST_ENTRIES`; maps have limits of
    their own.

    Raises:
        ApiError: invalid_argument.
    """
    for name in _lists(request.DESCRIPTOR):
        check_count(name, len(getattr(request, name)), MOST_ENTRIES)


@cache
def _lists(descriptor: Any) -> tuple[str, ...]:
    return tuple(
        field.name
        for field in descriptor.fields
        if field.is_repeated
        and not (field.message_type and field.message_type.GetOptions().map_entry)
    )
