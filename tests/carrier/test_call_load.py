"""The calls of a load run, in virtual time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from hookflash.carrier.call_load import (
    ANSWER_WITHIN,
    HEARS_WITHIN,
    JOINED_WITHIN,
    LOAD_STEPS,
    AskTransfer,
    CallLoad,
    EndCall,
    ListenNow,
    LoadEffect,
    LoadState,
    PlaceCall,
)
from hookflash.carrier.load_order import LoadOrder
from hookflash.carrier.load_verdicts import TransferSeen, TransferTold
from hookflash.carrier.referral import ReferralState

ORDER = LoadOrder(calls=3, rate=2.0, seconds=10.0, hold=4.0)
DONE = TransferTold(True, seconds=0.8)
REFUSED = TransferTold(False, "603 Decline", "STR_REJECTED", 603)
JOINED = TransferSeen(ReferralState.JOINED, 200)
DECLINED = TransferSeen(ReferralState.FAILED, 603)


class World:
    """Exchange, carrier and API of a load run: each call is answered after `answers` seconds (None:
    never), and heard from then on or not."""

    def __init__(
        self,
        order: LoadOrder = ORDER,
        *,
        answers: float | None = 0.1,
        speaks: Callable[[], bool] = lambda: True,
        told: tuple[TransferTold, TransferSeen | None] = (DONE, JOINED),
        dialled: tuple[str, ...] = ("+1555",),
    ) -> None:
        callers = [f"+{number}" for number in range(order.calls)]
        self.load = CallLoad(order, callers, dialled)
        self.now = 1000.0
        self.effects: list[tuple[float, LoadEffect]] = []
        self.live = 0
        self.most = 0
        self._answers, self._speaks, self._told = answers, speaks, told
        self._later: list[tuple[float, Callable[[], list[LoadEffect]]]] = []
        self.load.begin(self.now)

    @property
    def placed(self) -> list[float]:
        """When the calls were made."""
        return [at - 1000.0 for at, effect in self.effects if isinstance(effect, PlaceCall)]

    def of(self, kind: type[LoadEffect]) -> list[LoadEffect]:
        return [effect for _, effect in self.effects if isinstance(effect, kind)]

    def run(self, until: float = math.inf) -> World:
        """Until all is over, or so many seconds after the beginning."""
        while not self.load.done:
            deadline = self.load.next_deadline()
            later = min((at for at, _ in self._later), default=math.inf)
            due = min(later, math.inf if deadline is None else deadline)
            if due - 1000.0 > until:
                break
            assert due < math.inf, "nothing will happen any more"
            self.now = max(self.now, due)
            for one in [one for one in self._later if one[0] <= self.now]:
                self._later.remove(one)
                self.do(one[1]())
            self.do(self.load.handle_deadline(self.now))
        return self

    def do(self, effects: list[LoadEffect]) -> None:
        for effect in effects:
            self.effects.append((self.now, effect))
            self._one(effect)

    def _one(self, effect: LoadEffect) -> None:
        load, caller = self.load, effect.caller
        match effect:
            case PlaceCall():
                self.live += 1
                self.most = max(self.most, self.live)
                if self._answers is not None:
                    self.later(self._answers, lambda: load.answered(self.now, caller))
            case ListenNow():
                self.do(load.heard(self.now, caller) if self._speaks() else [])
            case AskTransfer():
                self.later(1.0, lambda: load.told(self.now, caller, *self._told))
            case EndCall():
                self.over(caller)

    def over(self, caller: str, *, by_exchange: bool = False) -> None:
        self.live -= 1
        self.load.ended(caller, by_exchange=by_exchange)

    def later(self, seconds: float, act: Callable[[], list[LoadEffect]]) -> None:
        self._later.append((self.now + seconds, act))


def test_calls_at_the_rate_until_the_time_is_over() -> None:
    world = World(replace(ORDER, calls=10)).run()
    assert world.placed == pytest.approx([number / 2 for number in range(20)])
    assert world.most == 9
    figures = world.load.figures
    assert (figures.tried, figures.answers, figures.failed, figures.at_once) == (20, 20, 0, 9)
    assert figures.set_up is not None
    assert figures.set_up.median == pytest.approx(0.1)
    assert world.now - 1000.0 == pytest.approx(9.5 + 0.1 + 4.0)


def test_a_late_turn_makes_up_for_its_calls() -> None:
    world = World(LoadOrder(calls=100, rate=100.0, seconds=1.0))
    world.now += 0.1
    assert len(world.load.handle_deadline(world.now)) == 11


def test_never_more_at_once_and_no_rush_when_one_is_free() -> None:
    world = World().run()
    assert world.most == 3
    assert world.placed[:3] == pytest.approx([0.0, 0.5, 1.0])
    assert world.placed[3] == pytest.approx(4.1)
    steps = [b - a for a, b in zip(world.placed[2:], world.placed[3:], strict=False)]
    assert min(steps) >= 0.25
    callers = [effect.caller for effect in world.of(PlaceCall)]
    assert callers[:4] == ["+0", "+1", "+2", "+0"]


def test_the_numbers_are_called_in_turn() -> None:
    world = World(dialled=("+1555", "+1556")).run()
    dialled = [one.dialled for one in world.of(PlaceCall) if isinstance(one, PlaceCall)]
    assert dialled[:3] == ["+1555", "+1556", "+1555"]


@pytest.mark.parametrize(("share", "transfers"), [(0.5, 10), (0.29, 5), (1.0, 20), (0.0, 0)])
def test_the_share_that_is_transferred(share: float, transfers: int) -> None:
    world = World(replace(ORDER, calls=20, transfers=share)).run()
    assert len(world.of(AskTransfer)) == transfers
    assert world.load.figures.verdicts["completed"] == transfers
    assert world.load.figures.failed == 0


def test_a_transferred_call_hears_again_and_is_hung_up_on() -> None:
    world = World(replace(ORDER, calls=1, seconds=0.5, transfers=1.0)).run()
    kinds = [type(effect) for _, effect in world.effects]
    assert kinds == [PlaceCall, ListenNow, AskTransfer, ListenNow, EndCall]
    times = [at - 1000.0 for at, _ in world.effects]
    assert times == pytest.approx([0.0, 0.2, 0.2, 1.3, 4.1])
    transfer = world.load.figures.transfer
    assert transfer is not None
    assert transfer.median == 0.8


def test_without_sound_nobody_listens() -> None:
    world = World(replace(ORDER, sound=False, transfers=1.0)).run()
    assert world.of(ListenNow) == []
    assert world.load.figures.failed == 0


def test_a_transfer_that_the_carrier_refuses_is_no_failure() -> None:
    world = World(replace(ORDER, transfers=1.0), told=(REFUSED, DECLINED)).run()
    figures = world.load.figures
    assert figures.failed == 0
    assert figures.not_completed["603 Decline"] == figures.tried


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ((DONE, DECLINED), "the API said transferred, at the carrier its transfer is failed"),
        ((REFUSED, None), "no transfer: 603 Decline"),
    ],
)
def test_a_wrong_verdict_is_a_failure(
    told: tuple[TransferTold, TransferSeen | None], why: str
) -> None:
    figures = World(replace(ORDER, sound=False, transfers=1.0), told=told).run().load.figures
    assert figures.failures == {why: figures.tried}


def test_nobody_answers() -> None:
    world = World(replace(ORDER, seconds=1.0), answers=None).run()
    assert world.load.figures.failures == {"not answered within 30 s": 2}
    assert world.now - 1000.0 == pytest.approx(0.5 + ANSWER_WITHIN)
    assert len(world.of(EndCall)) == 2


def test_a_call_that_the_exchange_refuses() -> None:
    world = World(replace(ORDER, calls=1, seconds=1.0), answers=None).run(0.3)
    world.load.failed("+0", "503 Service Unavailable")
    world.over("+0", by_exchange=True)
    assert world.load.figures.failures == {"503 Service Unavailable": 1}


@pytest.mark.parametrize("transfers", [0.0, 1.0])
def test_silence_is_a_failure(transfers: float) -> None:
    order = replace(ORDER, calls=1, seconds=0.5, transfers=transfers)
    world = World(order, speaks=lambda: False).run()
    assert world.load.figures.failures == {"heard nothing": 1}
    assert len(world.of(AskTransfer)) == transfers
    if transfers:
        asked = next(at for at, one in world.effects if isinstance(one, AskTransfer))
        assert asked - 1000.0 == pytest.approx(0.1 + order.hold)
        assert world.now - 1000.0 == pytest.approx(0.1 + order.hold + 1.0 + JOINED_WITHIN)


def test_a_transfer_does_not_wait_for_sound_for_ever() -> None:
    order = replace(ORDER, calls=1, seconds=0.5, transfers=1.0, hold=60.0)
    world = World(order, speaks=lambda: False).run()
    asked = next(at for at, one in world.effects if isinstance(one, AskTransfer))
    assert asked - 1000.0 == pytest.approx(0.1 + HEARS_WITHIN)


def test_a_target_that_is_not_heard() -> None:
    heard = iter([True])
    order = replace(ORDER, calls=1, seconds=0.5, transfers=1.0)
    world = World(order, speaks=lambda: next(heard, False)).run()
    assert world.load.figures.failures == {"heard nothing of the target": 1}


@pytest.mark.parametrize("by_exchange", [True, False])
def test_who_hangs_up_before_its_time(by_exchange: bool) -> None:
    """The exchange may not; a telephone that does is as its configuration has it."""
    world = World(replace(ORDER, calls=1, seconds=0.5)).run(2.0)
    world.over("+0", by_exchange=by_exchange)
    failures = {"the exchange hung up": 1} if by_exchange else {}
    assert world.load.figures.failures == failures
    assert world.load.done


@pytest.mark.parametrize(
    ("told", "failures"),
    [((DONE, JOINED), {}), ((REFUSED, DECLINED), {"the exchange hung up": 1})],
)
def test_a_call_that_is_over_before_the_api_has_answered(
    told: tuple[TransferTold, TransferSeen | None], failures: dict[str, int]
) -> None:
    """Its telephone is not free until then."""
    order = replace(ORDER, calls=1, transfers=1.0)
    world = World(order, told=told).run(0.5)
    world.over("+0", by_exchange=True)
    assert world.load.live == 1
    assert world.load.next_deadline() is None
    world.run(1.3)
    assert world.load.figures.failures == failures
    assert world.load.next_deadline() is not None


def test_the_target_hangs_up() -> None:
    world = World(replace(ORDER, calls=1, seconds=0.5, transfers=1.0)).run(2.0)
    world.over("+0", by_exchange=True)
    assert world.load.figures.failed == 0


@pytest.mark.parametrize("answers", [0.1, None])
@pytest.mark.parametrize("gone", [False, True])
def test_the_end_before_its_time(answers: float | None, gone: bool) -> None:
    """No call fails by it, and what the API says later counts for nothing."""
    world = World(replace(ORDER, calls=3, transfers=0.5), answers=answers).run(1.0)
    if gone and answers:
        world.over("+1", by_exchange=True)  # the one whose transfer is asked for
    world.do(world.load.stop())
    assert world.load.done
    figures = world.load.figures
    assert (figures.ended_early, figures.failed) == (3, 0)
    assert world.load.told(world.now, "+1", REFUSED, None) == []
    assert world.load.stop() == []


def test_an_answer_that_comes_when_it_has_been_hung_up_on() -> None:
    load = CallLoad(ORDER, ["+0"], ["+1555"])
    load.begin(0.0)
    load.handle_deadline(0.0)
    assert load.handle_deadline(ANSWER_WITHIN) == [EndCall("+0")]
    assert load.answered(ANSWER_WITHIN, "+0") == []
    assert load.stop() == []
    assert load.heard(ANSWER_WITHIN, "+0") == []


def test_every_state_has_its_steps() -> None:
    assert set(LOAD_STEPS) == set(LoadState)
    assert LOAD_STEPS[LoadState.OVER] == frozenset()
