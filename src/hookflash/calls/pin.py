"""Asking a caller for a PIN before the room (calls.md §1, facts §4.5)."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from ..base.light import light_dataclass

ATTEMPTS = 3
MAX_DIGITS = 16
SILENCE = 30.0
"""Seconds without a digit after which an attempt counts as failed."""

Prompt = Literal["enter_pin", "wrong_pin", "room_join"]


@light_dataclass(frozen=True, slots=True)
class Play:
    """Play this prompt to the caller; what plays now is cut off."""

    prompt: Prompt


@light_dataclass(frozen=True, slots=True)
class Choose:
    """Look for the rule of this PIN; "" means a rule without one. Answered by `chosen`."""

    pin: str


@light_dataclass(frozen=True, slots=True)
class GiveUp:
    """Three attempts failed: hang up."""


PinEffect = Play | Choose | GiveUp


class PinState(Enum):
    """ASKING → CHOOSING → ASKING (wrong) | DONE (right, or the last attempt failed)."""

    ASKING = "asking"
    CHOOSING = "choosing"
    DONE = "done"


class PinDialog:
    """One caller's attempts. Digits come from RTP, INFO or in-band alike."""

    def __init__(self) -> None:
        self.state = PinState.ASKING
        self._digits = ""
        self._attempts = 0
        self._deadline: float | None = None

    def start(self, now: float) -> list[PinEffect]:
        """The caller has been answered."""
        self._deadline = now + SILENCE
        return [Play("enter_pin")]

    def digit(self, now: float, digit: str) -> list[PinEffect]:
        """A key was pressed: `#` ends the PIN, `*` starts it again."""
        if self.state is not PinState.ASKING:
            return []
        self._deadline = now + SILENCE
        if digit == "#":
            return self._choose()
        if digit == "*":
            self._digits = ""
        elif digit.isdigit():
            self._digits += digit
            if len(self._digits) > MAX_DIGITS:
                return self._wrong(now)
        return []

    def chosen(self, now: float, found: bool) -> list[PinEffect]:
        """The answer to `Choose`: whether a rule has this PIN."""
        if self.state is not PinState.CHOOSING:
            return []
        if found:
            self.state, self._deadline = PinState.DONE, None
            return [Play("room_join")]
        return self._wrong(now)

    def next_deadline(self) -> float | None:
        """When silence counts as a failed attempt."""
        return self._deadline

    def handle_deadline(self, now: float) -> list[PinEffect]:
        """The caller said nothing for `SILENCE` seconds."""
        if self._deadline is None or now < self._deadline or self.state is not PinState.ASKING:
            return []
        return self._wrong(now)

    def _choose(self) -> list[PinEffect]:
        self.state, self._deadline = PinState.CHOOSING, None
        pin, self._digits = self._digits, ""
        return [Choose(pin)]

    def _wrong(self, now: float) -> list[PinEffect]:
        self._digits = ""
        self._attempts += 1
        if self._attempts >= ATTEMPTS:
            self.state, self._deadline = PinState.DONE, None
            return [Play("wrong_pin"), GiveUp()]
        self.state, self._deadline = PinState.ASKING, now + SILENCE
        return [Play("wrong_pin")]
