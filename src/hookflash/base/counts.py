"""How many entries a list of a request may have. They are counted before anything walks them: a
megabyte holds half a million empty ones, each of which costs far more than it did to send."""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf.message import Message

from .errors import ApiError, HookflashError

MOST_ENTRIES = 10_000
"""Of a list that nothing else bounds: the rooms, tracks or numbers that one request names."""

MOST_VALUES = 2_000
"""Of a JSON text that the one loop reads at once, in two or three milliseconds: protobuf's reader
takes up to 4 µs for each, and thirty kilobytes hold ten thousand."""


MOST_TEXT = 32 * 1024
"""Characters of a text frame, which the one loop reads too: those of clients and of workers."""


def has_many_values(text: bytes | str) -> bool:
    """Whether a JSON text may hold more than `MOST_VALUES`: what begins a value or parts two is
    counted, in strings too."""
    count = sum(map(text.count, ",{[")) if isinstance(text, str) else sum(map(text.count, b",{["))
    return count > MOST_VALUES


def check_text(frame: str, refused: type[HookflashError]) -> None:
    """Raise a `refused` for a text frame of more than `MOST_TEXT` characters or `MOST_VALUES`."""
    if len(frame) > MOST_TEXT:
        raise refused(f"a text frame of more than {MOST_TEXT} characters")
    if has_many_values(frame):
        raise refused(f"a text frame of more than {MOST_VALUES} values")


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
