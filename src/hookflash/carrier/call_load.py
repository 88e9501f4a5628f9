"""Many calls at a rate: when each is made, listens, is transferred and hung up on. Pure.

    called → listening → asking → joined → talking → ending → over

A call of which no sound is wanted is not `listening`, one that is not transferred is neither
`asking` (the API has been asked for the transfer) nor `joined` (the target is to be heard). Inputs
take `now` and the number of the telephone that calls, and return what is to be done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from ..base.deadline_queue import DeadlineQueue
from ..base.light import light_dataclass
from .load_figures import LoadFigures
from .load_order import LoadOrder
from .load_verdicts import TransferSeen, TransferTold, judged

ANSWER_WITHIN: Final = 30.0
"""Seconds for which a call may ring."""
CATCHES_UP: Final = 0.25
"""Seconds of calls that are made up for: not those for which there was no telephone."""
LISTENS_EVERY: Final = 0.1
HEARS_WITHIN: Final = 5.0
"""Seconds from the answer after which a call is transferred though nothing was heard."""
JOINED_WITHIN: Final = 3.0
"""Seconds from the answer of the API until the target is to be heard."""
SILENCE: Final = "heard nothing"
TARGET_SILENT: Final = "heard nothing of the target"
HUNG_UP_ON: Final = "the exchange hung up"
NOT_ANSWERED: Final = f"not answered within {ANSWER_WITHIN:g} s"


class LoadState(Enum):
    """Where a call of a load run stands."""

    CALLED = "called"
    LISTENING = "listening"
    ASKING = "asking"
    JOINED = "joined"
    TALKING = "talking"
    ENDING = "ending"
    OVER = "over"


_LAST: Final = frozenset({LoadState.ENDING, LoadState.OVER})
LOAD_STEPS: Final[dict[LoadState, frozenset[LoadState]]] = {
    LoadState.CALLED: frozenset({LoadState.LISTENING, LoadState.ASKING, LoadState.TALKING}) | _LAST,
    LoadState.LISTENING: frozenset({LoadState.ASKING, LoadState.TALKING}) | _LAST,
    LoadState.ASKING: frozenset({LoadState.JOINED, LoadState.TALKING}) | _LAST,
    LoadState.JOINED: frozenset({LoadState.TALKING}) | _LAST,
    LoadState.TALKING: _LAST,
    LoadState.ENDING: frozenset({LoadState.OVER}),
    LoadState.OVER: frozenset(),
}
"""Every legal step. Only `CallLoad._enter` changes a state."""


@dataclass(slots=True, eq=False)
class LoadCall:
    """One call; times by the clock of the inputs."""

    caller: str
    dialled: str
    transfers: bool
    placed_at: float
    state: LoadState = LoadState.CALLED
    answered_at: float | None = None
    listens_until: float = 0.0
    transferred: bool = False
    gone: bool = False
    """Its telephone has been hung up on while the API is still to answer."""
    failure: str = ""
    """Why it failed, the first reason; "": it has not."""


@light_dataclass(frozen=True, slots=True)
class PlaceCall:
    """The telephone calls; comes back as `answered`, `failed` and `ended`."""

    caller: str
    dialled: str


@light_dataclass(frozen=True, slots=True)
class ListenNow:
    """Say by `heard` whether the telephone hears anything now."""

    caller: str


@light_dataclass(frozen=True, slots=True)
class AskTransfer:
    """Ask the API to transfer the call; comes back as `told`."""

    caller: str


@light_dataclass(frozen=True, slots=True)
class EndCall:
    """The telephone hangs up; comes back as `ended`."""

    caller: str


LoadEffect = PlaceCall | ListenNow | AskTransfer | EndCall


class CallLoad:
    """All calls of one load run. `callers`: a telephone for each that may be up at once;
    `dialled`: what they call, in turn."""

    def __init__(self, order: LoadOrder, callers: Sequence[str], dialled: Sequence[str]) -> None:
        self.figures = LoadFigures()
        self._order = order
        self._free = deque(callers)
        self._dialled = dialled
        self._live: dict[str, LoadCall] = {}
        self._deadlines = DeadlineQueue[str]()
        self._following: float | None = None
        """When the next call is to be made; None: there is none any more."""
        self._until = 0.0

    @property
    def live(self) -> int:
        """Calls that are not over."""
        return len(self._live)

    @property
    def done(self) -> bool:
        """All calls are over, and there will be no more."""
        return self._following is None and not self._live

    # --- time -----------------------------------------------------------------------------------

    def begin(self, now: float) -> None:
        """The first call is due now."""
        self._following, self._until = now, now + self._order.seconds

    def next_deadline(self) -> float | None:
        """When `handle_deadline` is to be called."""
        due = self._deadlines.next()
        following = self._following if self._free else None
        if due is None or following is None:
            return following if due is None else due
        return min(due, following)

    def handle_deadline(self, now: float) -> list[LoadEffect]:
        """What is due at `now`."""
        effects: list[LoadEffect] = []
        while (caller := self._deadlines.take(now)) is not None:
            effects += self._due(now, self._live[caller])
        while self._following is not None and self._free and self._following <= now:
            effects.append(self._place(now))
        return effects

    def stop(self) -> list[LoadEffect]:
        """Make no more calls, and end those that there are: none of them fails by that."""
        self._following = None
        effects: list[LoadEffect] = []
        for call in list(self._live.values()):
            if call.state is LoadState.ENDING:
                continue
            self.figures.ended_early += 1
            if call.gone:
                self._finish(call)
            else:
                effects += self._end(call)
        return effects

    # --- what becomes of a call -----------------------------------------------------------------

    def answered(self, now: float, caller: str) -> list[LoadEffect]:
        """The exchange has answered it."""
        call = self._live[caller]
        if call.state is not LoadState.CALLED:
            return []
        call.answered_at = now
        self.figures.answered(now - call.placed_at)
        if not self._order.sound:
            return self._go_on(now, call)
        self._enter(call, LoadState.LISTENING)
        hold = self._order.hold
        self._listen(now, call, min(hold, HEARS_WITHIN) if call.transfers else hold)
        return []

    def failed(self, caller: str, why: str) -> None:
        """It will not be answered; `ended` follows."""
        self._fail(self._live[caller], why)

    def heard(self, now: float, caller: str) -> list[LoadEffect]:
        """The telephone hears something."""
        call = self._live[caller]
        if call.state is LoadState.LISTENING:
            return self._go_on(now, call)
        if call.state is LoadState.JOINED:
            self._talk(now, call)
        return []

    def told(
        self, now: float, caller: str, told: TransferTold, seen: TransferSeen | None
    ) -> list[LoadEffect]:
        """The API has answered. `seen`: what the carrier did; None: it got no REFER."""
        call = self._live.get(caller)
        if call is None or call.state is not LoadState.ASKING:
            return []  # the run was stopped meanwhile
        verdict = judged(told, seen)
        call.transferred = verdict.kind == "completed"
        self.figures.transferred(verdict, told.seconds)
        if verdict.failed:
            self._fail(call, verdict.text)
        if call.gone:
            if seen is None or not seen.joined:
                self._fail(call, HUNG_UP_ON)
            self._finish(call)
        elif call.transferred and self._order.sound:
            self._enter(call, LoadState.JOINED)
            self._listen(now, call, JOINED_WITHIN)
        else:
            self._talk(now, call)
        return []

    def ended(self, caller: str, *, by_exchange: bool) -> None:
        """The telephone is in no call any more; `by_exchange`: that one has hung up."""
        call = self._live[caller]
        if call.state is LoadState.ASKING:
            call.gone = True
            return
        if by_exchange and not call.transferred:
            self._fail(call, HUNG_UP_ON)
        self._finish(call)

    # --- inside ---------------------------------------------------------------------------------

    def _place(self, now: float) -> LoadEffect:
        order, number = self._order, self.figures.tried
        assert self._following is not None
        self._following = max(self._following, now - CATCHES_UP) + 1 / order.rate
        if self._following > self._until - 0.5 / order.rate:
            self._following = None
        transfers = _whole((number + 1) * order.transfers) > _whole(number * order.transfers)
        dialled = self._dialled[number % len(self._dialled)]
        call = LoadCall(self._free.popleft(), dialled, transfers, now)
        self._live[call.caller] = call
        self._deadlines.set(call.caller, now + ANSWER_WITHIN)
        self.figures.placed()
        return PlaceCall(call.caller, dialled)

    def _due(self, now: float, call: LoadCall) -> list[LoadEffect]:
        if call.state is LoadState.CALLED:
            self._fail(call, NOT_ANSWERED)
            return self._end(call)
        if call.state is LoadState.TALKING:
            return self._end(call)
        if now < call.listens_until:
            self._deadlines.set(call.caller, min(now + LISTENS_EVERY, call.listens_until))
            return [ListenNow(call.caller)]
        if call.state is LoadState.LISTENING:
            self._fail(call, SILENCE)
            return self._go_on(now, call)
        self._fail(call, TARGET_SILENT)
        self._talk(now, call)
        return []

    def _listen(self, now: float, call: LoadCall, seconds: float) -> None:
        call.listens_until = now + seconds
        self._deadlines.set(call.caller, now + min(LISTENS_EVERY, seconds))

    def _go_on(self, now: float, call: LoadCall) -> list[LoadEffect]:
        """It has been heard, or will not be."""
        if not call.transfers:
            self._talk(now, call)
            return []
        self._enter(call, LoadState.ASKING)
        self._deadlines.discard(call.caller)
        return [AskTransfer(call.caller)]

    def _talk(self, now: float, call: LoadCall) -> None:
        """Until it has been up for as long as it is to be."""
        self._enter(call, LoadState.TALKING)
        assert call.answered_at is not None
        self._deadlines.set(call.caller, max(now, call.answered_at + self._order.hold))

    def _end(self, call: LoadCall) -> list[LoadEffect]:
        self._enter(call, LoadState.ENDING)
        self._deadlines.discard(call.caller)
        return [EndCall(call.caller)]

    def _finish(self, call: LoadCall) -> None:
        self._enter(call, LoadState.OVER)
        self._deadlines.discard(call.caller)
        del self._live[call.caller]
        self._free.append(call.caller)
        self.figures.over(answered=call.answered_at is not None, failure=call.failure)

    def _fail(self, call: LoadCall, why: str) -> None:
        if call.state is not LoadState.ENDING:
            call.failure = call.failure or why

    def _enter(self, call: LoadCall, state: LoadState) -> None:
        if state not in LOAD_STEPS[call.state]:
            raise AssertionError(f"{call.state.value} -> {state.value}")
        call.state = state


def _whole(share: float) -> int:
    """How many calls that is, though 100 times 0.29 is a bit less than 29."""
    return int(share + 1e-9)
