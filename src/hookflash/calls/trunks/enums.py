"""Enums of requests: proto3 lets any integer into one, of which only some mean anything."""

from __future__ import annotations

from functools import lru_cache

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from ...base.errors import ApiError

_OPEN = frozenset({"SIPStatusCode"})
"""Statuses mean something without having a name here."""


def check_enums(message: Message) -> None:
    """The fields of `message` itself, not those of messages in it. Raises ApiError."""
    for name, numbers in _enums(message.DESCRIPTOR):
        number = getattr(message, name)
        if number not in numbers:
            raise ApiError("invalid_argument", f"{name} has no value {number}")


@lru_cache(maxsize=64)
def _enums(kind: Descriptor) -> list[tuple[str, frozenset[int]]]:
    """The fields of a kind of message that are enums, and the numbers that mean anything."""
    return [
        (field.name, frozenset(field.enum_type.values_by_number))
        for field in kind.fields
        if field.enum_type is not None and field.enum_type.name not in _OPEN
    ]
