"""One telephone in one call, as a pure machine: what it does by itself, and when."""

from __future__ import annotations

from enum import Enum
from typing import Final

from ..base.light import light_dataclass
from .config import PhoneConfig

REFUSALS: Final = {"busy": 486, "declines": 603, "unreachable": 480}
"""Status by which a telephone that does this refuses a call."""


@light_dataclass(frozen=True, slots=True)
class PhoneRings:
    """It rings, and its caller is to hear that."""


@light_dataclass(frozen=True, slots=True)
class PhoneAnswers:
    """It is lifted."""


@light_dataclass(frozen=True, slots=True)
class PhoneRefuses:
    """It does not take the call."""

    status: int


@light_dataclass(frozen=True, slots=True)
class PhoneHangsUp:
    """It has had enough."""


PhoneEffect = PhoneRings | PhoneAnswers | PhoneRefuses | PhoneHangsUp


class PhoneState(Enum):
    """Where one call of a telephone stands."""

    IDLE = "idle"
    RINGING = "ringing"
    TALKING = "talking"
    OVER = "over"


PHONE_STEPS: Final[dict[PhoneState, frozenset[PhoneState]]] = {
    PhoneState.IDLE: frozenset({PhoneState.RINGING, PhoneState.TALKING, PhoneState.OVER}),
    PhoneState.RINGING: frozenset({PhoneState.TALKING, PhoneState.OVER}),
    PhoneState.TALKING: frozenset({PhoneState.OVER}),
    PhoneState.OVER: frozenset(),
}
"""Every legal step. Only `Telephone._enter` changes a state."""


class Telephone:
    """Is called by `ring`, or calls: then `talk` says that it is through."""

    def __init__(self, config: PhoneConfig) -> None:
        self.config = config
        self.state = PhoneState.IDLE
        self._due: float | None = None
        self._then: PhoneEffect | None = None

    @property
    def refuses_at_once(self) -> int:
        """The status by which it refuses a call without ringing; 0 where it rings."""
        does = self.config.does
        return REFUSALS[does] if does in {"busy", "unreachable"} else 0

    def ring(self, now: float) -> list[PhoneEffect]:
        """Somebody calls."""
        does = self.config.does
        if self.refuses_at_once:
            self._enter(PhoneState.OVER)
            return [PhoneRefuses(self.refuses_at_once)]
        self._enter(PhoneState.RINGING)
        if does != "never-answers":
            self._due = now + self.config.after
            self._then = PhoneRefuses(REFUSALS[does]) if does == "declines" else PhoneAnswers()
        return [PhoneRings()]

    def talk(self, now: float) -> None:
        """Whom it called has answered."""
        self._enter(PhoneState.TALKING)
        self._wait(now)

    def over(self) -> None:
        """The call is over, whoever ended it."""
        if self.state is not PhoneState.OVER:
            self._enter(PhoneState.OVER)

    def next_deadline(self) -> float | None:
        """When `handle_deadline` is to be called."""
        return self._due

    def handle_deadline(self, now: float) -> list[PhoneEffect]:
        """What it does now."""
        then = self._then
        if self._due is None or then is None or now < self._due:
            return []
        self._due = self._then = None
        if isinstance(then, PhoneAnswers):
            self._enter(PhoneState.TALKING)
            self._wait(now)
        else:
            self._enter(PhoneState.OVER)
        return [then]

    def _wait(self, now: float) -> None:
        if self.config.hangs_up_after is not None:
            self._due, self._then = now + self.config.hangs_up_after, PhoneHangsUp()

    def _enter(self, state: PhoneState) -> None:
        if state not in PHONE_STEPS[self.state]:
            raise AssertionError(f"{self.state.value} -> {state.value}")
        self.state = state
        if state is PhoneState.OVER:
            self._due = self._then = None
