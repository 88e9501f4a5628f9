"""Values that cost little: made and compared some hundred times in every call.

`@light_dataclass(frozen=True, slots=True)` is a dataclass that only the type checker freezes.
The values of this house (parts of messages, effects, events, records) are never changed once made,
and mypy sees to it: to mypy this is `dataclass`. Python's own `frozen=True` would guard each field
again while it is first set, which makes a value three times as dear to build: nearly a tenth of
what a call costs.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from dataclasses import dataclass as light_dataclass
else:
    from dataclasses import dataclass

    def light_dataclass(*, frozen: Literal[True], slots: Literal[True]):
        """A class decorator: fields, equality and hash are those of a frozen dataclass."""
        if not (frozen and slots):
            raise TypeError("a light dataclass is frozen and has slots")
        return dataclass(slots=True, unsafe_hash=True)


class LightEnum(Enum):
    """An Enum for tables and sets that are looked into all the time: its members hash as the
    objects that they are, where Enum has the name of each hashed by a method in Python."""

    __hash__ = object.__hash__


__all__ = ["LightEnum", "light_dataclass"]
