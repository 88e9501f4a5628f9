"""One telephone in one call, as a pure machine: what it does by itself, and when."""

from __future__ import annotations

from enum import Enum
from typing import Final

from ..base.light import light_dataclass
from .config import PhoneConfig
from .speech import Speech

REFUSALS: Final = {"busy": 486, "declines": 603, "unreachable": 480}
"""Status by which a telephone that does this refuses a call."""
SCRIPTS: Final[dict[str, tuple[tuple[float, float], ...]]] = {
    "voicemail": ((0.0, 600.0), (3.0, 1400.0), (3.4, 0.0)),
    "fax": ((0.0, 2100.0), (3.0, 0.0)),
}
"""What else it says than its tone: (seconds after the answer, Hz). A greeting, a beep and silence;
the answering tone of a fax machine (ITU-T T.30 §4.2), which then waits."""
BEEP: Final = 0.4
"""Seconds of a beep."""


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


@light_dataclass(frozen=True, slots=True)
class PhoneSays:
    """It says another tone (Hz) from now on, 0 for silence."""

    tone: float


@light_dataclass(frozen=True, slots=True)
class PhonePresses:
    """Its keys are pressed."""

    digits: str


@light_dataclass(frozen=True, slots=True)
class PhoneHolds:
    """It puts the other side on hold, or takes it back."""

    held: bool


@light_dataclass(frozen=True, slots=True)
class PhoneForwards:
    """Its caller is to be connected with this number instead."""

    number: str


PhoneEffect = (
    PhoneRings
    | PhoneAnswers
    | PhoneRefuses
    | PhoneHangsUp
    | PhoneSays
    | PhonePresses
    | PhoneHolds
    | PhoneForwards
)


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

    def __init__(self, config: PhoneConfig, speech: Speech | None = None) -> None:
        """`speech`: what it says once, from the answer on, and no tone after it."""
        self.config = config
        self.state = PhoneState.IDLE
        self.tone = config.tone
        """What it says now (Hz), where it says no speech."""
        self.speech: Speech | None = None
        """What it says now, or has said last."""
        self._greeting = speech
        self._plan: list[tuple[float, PhoneEffect]] = []
        """What it will do, by time."""

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
            declines = does == "declines"
            then = PhoneRefuses(REFUSALS[does]) if declines else PhoneAnswers()
            self._plan.append((now + self.config.after, then))
        return [PhoneRings()]

    def call(self, now: float) -> None:
        """It calls somebody, and has a patience of its own."""
        if self.config.gives_up_after is not None:
            self._plan.append((now + self.config.gives_up_after, PhoneHangsUp()))

    def say(self, tone: float, speech: Speech | None = None) -> None:
        """It says this from now on."""
        self.tone, self.speech = (0.0, speech) if speech is not None else (tone, None)

    def talk(self, now: float) -> None:
        """Whom it called has answered, or it has."""
        self._enter(PhoneState.TALKING)
        config, script = self.config, self._script()
        if script:
            self.tone = script[0][1]
        if self._greeting is not None and config.does != "fax":
            self.say(0.0, self._greeting)
        self._plan = [(now + after, PhoneSays(tone)) for after, tone in script[1:]]
        self._plan += [(now + after, PhonePresses(keys)) for after, keys in config.key_times]
        if config.holds_after is not None:
            at = now + config.holds_after
            self._plan += [(at, PhoneHolds(True)), (at + config.holds_for, PhoneHolds(False))]
        if config.hangs_up_after is not None:
            self._plan.append((now + config.hangs_up_after, PhoneHangsUp()))
        self._plan.sort(key=lambda step: step[0])

    def key(self, digit: str) -> list[PhoneEffect]:
        """The other side has pressed a key."""
        number = dict(self.config.menu).get(digit)
        if number is None or self.state is not PhoneState.TALKING:
            return []
        return [PhoneForwards(number)]

    def over(self) -> None:
        """The call is over, whoever ended it."""
        if self.state is not PhoneState.OVER:
            self._enter(PhoneState.OVER)

    def next_deadline(self) -> float | None:
        """When `handle_deadline` is to be called."""
        return self._plan[0][0] if self._plan else None

    def handle_deadline(self, now: float) -> list[PhoneEffect]:
        """What it does now, one thing at a time."""
        if not self._plan or now < self._plan[0][0]:
            return []
        then = self._plan.pop(0)[1]
        if isinstance(then, PhoneAnswers):
            self.talk(now)
        elif isinstance(then, PhoneSays):
            self.say(then.tone)
        elif isinstance(then, PhoneHangsUp | PhoneRefuses):
            self._enter(PhoneState.OVER)
        return [then]

    def _script(self) -> tuple[tuple[float, float], ...]:
        """`SCRIPTS`, but that a voicemail beeps when it has said its own greeting."""
        if self._greeting is None or self.config.does != "voicemail":
            return SCRIPTS.get(self.config.does, ())
        over = self._greeting.seconds
        return (0.0, 0.0), (over, SCRIPTS["voicemail"][1][1]), (over + BEEP, 0.0)

    def _enter(self, state: PhoneState) -> None:
        if state not in PHONE_STEPS[self.state]:
            raise AssertionError(f"{self.state.value} -> {state.value}")
        self.state = state
        if state is PhoneState.OVER:
            self._plan.clear()
