"""Values that cost little: made and compared some hundred times in every call.

`@light_dataclass(frozen=True, slots=True)` is a dataclass that a running server does not freeze.
The values of this house (parts of messages, effects, events, records) are never changed once made.
Two see to it: mypy, to which this is `dataclass`, and the test suite, for which the same values are
frozen in earnest, since `FREEZE` is in its environment (`tests/conftest.py`): there an assignment
raises FrozenInstanceError. Python's own `frozen=True` guards each field again while it is first
set, which makes a value three times as dear to build: nearly a tenth of what a call costs.
"""

from __future__ import annotations

import os
from enum import Enum
from typing import TYPE_CHECKING, Literal

FREEZE = "FREEZE_LIGHT_DATACLASSES"
"""Where this variable is set when the module is imported, the values are frozen at run time."""

if TYPE_CHECKING:
    from dataclasses import dataclass as light_dataclass
else:
    from dataclasses import dataclass

    _FROZEN = FREEZE in os.environ

    def light_dataclass(*, frozen: Literal[True], slots: Literal[True]):
        """A class decorator: fields, equality and hash are those of a frozen dataclass."""
        if not (frozen and slots):
            raise TypeError("a light dataclass is frozen and has slots")
        return dataclass(slots=True, unsafe_hash=True, frozen=_FROZEN)


class LightEnum(Enum):
    """An Enum for tables and sets that are looked into all the time: its members hash as the
    objects that they are, where Enum has the name of each hashed by a method in Python."""

    __hash__ = object.__hash__


__all__ = ["FREEZE", "LightEnum", "light_dataclass"]
