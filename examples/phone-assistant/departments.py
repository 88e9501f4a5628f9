"""Whom a caller can be handed on to: numbers from the environment."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Department:
    """`key` is what the caller presses for it."""

    key: str
    name: str
    number: str


NUMBERS = {
    "1": ("billing", "BILLING_NUMBER"),
    "2": ("support", "SUPPORT_NUMBER"),
    "3": ("customer service", "CUSTOMER_SERVICE_NUMBER"),
}


def departments() -> list[Department]:
    """Those whose number is set, as a number (+15105550100) or an address (sip:…, tel:…)."""
    found = []
    for key, (name, variable) in NUMBERS.items():
        number = os.environ.get(variable, "")
        if number:
            target = number if ":" in number else f"tel:{number}"
            found.append(Department(key, name, target))
    if not found:
        names = ", ".join(variable for _, variable in NUMBERS.values())
        raise SystemExit(f"set at least one of {names} to where callers are to go")
    return found


def menu(choices: list[Department]) -> str:
    """What the caller is told."""
    listed = ", ".join(f"press {choice.key} for {choice.name}" for choice in choices)
    return f"Please {listed}."
