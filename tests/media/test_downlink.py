"""What the way to a client carries, and who gets what of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from hookflash.media.downlink import (
    BEST,
    FIRST_HOLD,
    FRESH,
    LONGEST_HOLD,
    PAUSED,
    SETTLING,
    Downlink,
    LayerChoice,
    allocate,
)

RATES = (150_000.0, 450_000.0, 1_500_000.0)


@dataclass
class Track:
    """One that is taken. Of its packets that part is lost in each interval."""

    cap: int = BEST
    loss: float = 0.0
    packets: int = 100
    stops: int = 0
    rates: tuple[float, ...] = RATES
    ranks: tuple[int, ...] = field(default=(0, 1, 2))

    def stop(self) -> None:
        self.stops += 1

    def lost(self) -> tuple[int, int]:
        return self.packets, round(self.loss * self.packets)

    @property
    def choice(self) -> LayerChoice:
        step = sum(rank <= self.cap for rank in self.ranks) - 1
        return LayerChoice(self, self.ranks, self.rates, self.rates[step] if step >= 0 else 0.0)


class Way:
    """A downlink, its tracks, and the time."""

    def __init__(self, *tracks: Track) -> None:
        self.downlink = Downlink()
        self.tracks = tracks
        self.now = 1000.0

    @property
    def caps(self) -> list[int]:
        return [track.cap for track in self.tracks]

    def look(self) -> None:
        self.downlink.look([track.choice for track in self.tracks], self.now)

    def passes(self, seconds: float, loss: float | None = None) -> None:
        """So many intervals of one second."""
        for _ in range(round(seconds)):
            self.now += 1.0
            for track in self.tracks if loss is not None else ():
                track.loss = loss or 0.0
            self.look()

    def says(self, bitrate: int) -> None:
        """The client's estimate, and what follows at once."""
        self.downlink.estimated(bitrate, self.now)
        if self.downlink.due(self.now):
            self.look()


@pytest.mark.parametrize(
    ("lost", "cap"),
    [
        ((0.0, 0.05, 0.1, 0.1), BEST),
        ((0.2, 0.0, 0.2, 0.0), BEST),
        ((0.2, 0.2), 1),
        ((0.2, 0.2, 0.2), 1),
        ((0.5,), 1),
        ((0.8,), 0),
    ],
)
def test_what_is_lost_costs_layers(lost: tuple[float, ...], cap: int) -> None:
    track = Track()
    way = Way(track)
    for part in lost:
        way.passes(1, part)
    assert track.cap == cap
    assert track.stops == (cap < BEST), "the rest of the better layer is not waited for"


def test_while_it_settles_nothing_is_concluded() -> None:
    way = Way(Track())
    way.passes(1, 0.5)
    way.passes(SETTLING - 1, 0.9)
    assert way.caps == [1]
    way.passes(1, 0.9)
    assert way.caps == [0]


def test_a_few_packets_say_nothing() -> None:
    way = Way(Track(packets=9))
    way.passes(5, 0.9)
    assert way.caps == [BEST]


def test_the_smallest_layer_bears_some_loss_and_is_paused_where_most_is_lost() -> None:
    track = Track(cap=0)
    way = Way(track)
    way.passes(9, 0.25)
    assert track.cap == 0
    way.passes(1, 0.6)
    assert track.cap == PAUSED


def test_a_client_that_can_receive_less_gets_less_at_once() -> None:
    track = Track()
    way = Way(track)
    way.says(1_600_000)
    way.says(600_000)
    assert track.cap == 1


def test_an_estimate_that_falls_a_little_changes_nothing() -> None:
    way = Way(Track())
    way.says(1_600_000)
    way.says(1_275_000)  # 0.85 of what comes: packets were delayed for a moment
    assert way.caps == [BEST]


@pytest.mark.parametrize("estimates", [(100_000,), (100_000, 120_000), (100_000, 90_000)])
def test_an_estimate_that_was_never_higher_says_nothing(estimates: tuple[int, ...]) -> None:
    way = Way(Track())
    for estimate in estimates:
        way.says(estimate)
    assert way.caps == [BEST]


def test_a_track_that_does_not_fit_is_paused_by_the_estimate() -> None:
    only = Track(rates=(900_000.0,), ranks=(0,))
    way = Way(only)
    way.says(1_000_000)
    way.says(600_000)
    assert only.cap == BEST, "it may be a keyframe"
    way.says(1_000_000)
    way.says(300_000)
    assert only.cap == PAUSED


def test_an_estimate_tells_how_far_down_while_it_is_fresh() -> None:
    for wait, cap in ((0, 1), (FRESH + 1, 0)):
        way = Way(Track())
        way.says(500_000)
        way.passes(wait, 0.0)
        way.passes(1, 0.9)
        assert way.caps == [cap]


def test_something_better_is_tried_after_a_while_and_a_longer_one_each_time() -> None:
    track = Track()
    way = Way(track)
    waits = []
    for _ in range(6):
        way.passes(1, 0.5)
        assert track.cap == 1
        lowered = way.now
        while track.cap < BEST:
            way.passes(1, 0.0)
        waits.append(way.now - lowered)
    assert waits == [10, 20, 40, 80, 120, 120]
    assert (FIRST_HOLD, LONGEST_HOLD) == (10, 120)
    way.passes(FIRST_HOLD + 1, 0.0)
    way.passes(1, 0.5)
    lowered = way.now
    while track.cap < BEST:
        way.passes(1, 0.0)
    assert way.now - lowered == FIRST_HOLD, "what held for a while was no failure"


def test_not_while_some_is_lost() -> None:
    way = Way(Track(cap=1))
    way.passes(60, 0.05)
    assert way.caps == [1]
    way.passes(1, 0.01)
    assert way.caps == [BEST]


def test_one_step_at_a_time_and_the_worst_off_first() -> None:
    way = Way(Track(cap=1), Track(cap=PAUSED), Track(cap=0), Track())
    told = []
    for _ in range(8):
        way.passes(FIRST_HOLD, 0.0)
        told.append(way.caps)
    assert told[:6] == [
        [1, 0, 0, BEST],
        [1, 1, 0, BEST],
        [1, 1, 1, BEST],
        [BEST, 1, 1, BEST],
        [BEST, BEST, 1, BEST],
        [BEST, BEST, BEST, BEST],
    ]


def test_what_is_not_wanted_is_no_step() -> None:
    small = Track(cap=0, rates=RATES[:1], ranks=(0,))
    way = Way(small)
    way.passes(3, 0.0)
    assert small.cap == 0, "it has all that it wants"


def test_where_all_seems_to_fit_one_step_is_taken_all_the_same() -> None:
    track = Track(rates=(0.0, 0.0, 0.0))
    way = Way(track)
    way.passes(1, 0.5)
    assert track.cap == 1


@pytest.mark.parametrize(
    ("capacity", "keep", "steps"),
    [
        (5_000_000, False, [2, 2, 2]),
        (1_400_000, False, [1, 1, 1]),
        (1_050_000, False, [1, 1, 0]),
        (2_500_000, False, [2, 1, 1]),
        (500_000, False, [0, 0, 0]),
        (320_000, False, [0, 0, -1]),
        (100_000, False, [-1, -1, -1]),
        (100_000, True, [0, 0, 0]),
    ],
)
def test_the_smallest_of_each_first_then_one_more_in_turn(
    capacity: float, keep: bool, steps: list[int]
) -> None:
    assert allocate(capacity, [RATES] * 3, keep=keep) == steps


def test_one_that_is_too_large_leaves_its_place_to_others() -> None:
    assert allocate(500_000, [(900_000.0,), RATES]) == [-1, 1]
