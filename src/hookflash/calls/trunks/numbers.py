"""Telephone numbers as trunks and rules compare them (LiveKit's normalisation, facts §2.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"\+?[0-9\- ()]+")
_FILLING = str.maketrans("", "", " -()")


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
