"""Values in the fields of trunks, rules and requests: telephone numbers as they are compared
(LiveKit's normalisation, facts §2.4), and the numbers that an enum has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from ...base.errors import ApiError

_NUMBER = re.compile(r"\+?[0-9\- ()]+")
_FILLING = str.maketrans("", "", " -()")
_OPEN = frozenset({"SIPStatusCode"})
"""Statuses mean something without having a name here."""


def normalise(number: str) -> str:
    """`1 (510) 555-0100` → `+15105550100`; what is no number (a SIP user name) stays as it is."""
    if _NUMBER.fullmatch(number) is None:
        return number
    digits = number.translate(_FILLING)
    return digits if digits.startswith("+") else "+" + digits


def distinct(numbers: Iterable[str]) -> dict[str, str]:
    """Normalised number → its first spelling, in the order given."""
    spellings: dict[str, str] = {}
    for number in numbers:
        spellings.setdefault(normalise(number), number)
    return spellings


def check_enums(message: Message) -> None:
    """proto3 lets any integer into an enum, of which only some mean anything. The fields of
    `message` itself, not those of messages in it. Raises ApiError."""
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
