"""Enums of requests: proto3 lets any integer into one, of which only some mean anything."""

from __future__ import annotations

from google.protobuf.message import Message

from ...base.errors import ApiError

_OPEN = frozenset({"SIPStatusCode"})
"""Statuses mean something without having a name here."""


def check_enums(message: Message) -> None:
    """The fields of `message` itself, not those of messages in it. Raises ApiError."""
    for field in message.DESCRIPTOR.fields:
        if field.enum_type is None or field.enum_type.name in _OPEN:
            continue
        number = getattr(message, field.name)
        if number not in field.enum_type.values_by_number:
            raise ApiError("invalid_argument", f"{field.name} has no value {number}")
