"""A camera, and one who sees it behind a slow line: which layer goes out."""

from __future__ import annotations

import pytest
from tests.media.slow_link import Scene

SIMULCAST = (150_000, 450_000, 1_500_000)
FREE = 20e6

SEEDS = pytest.mark.parametrize("seed", range(3))
ESTIMATES = pytest.mark.parametrize("estimates", [True, False], ids=["REMB", "loss"])


@SEEDS
@ESTIMATES
@pytest.mark.parametrize(("rate", "rank"), [(300e3, 0), (800e3, 1)])
def test_a_slow_line_gets_the_layer_that_fits_and_a_free_one_the_best(
    seed: int, estimates: bool, rate: float, rank: int
) -> None:
    scene = Scene(seed, rate, *SIMULCAST, estimates=estimates)
    assert scene.rank == 2
    assert scene.until(rank, within=12) <= 10
    scene.link.rate = FREE
    scene.until(2, within=130)
    assert scene.told == [], "it was never paused"


@SEEDS
@ESTIMATES
def test_what_does_not_fit_at_all_is_paused_and_goes_on(seed: int, estimates: bool) -> None:
    scene = Scene(seed, 300e3, 900_000, estimates=estimates)
    scene.until(-1, within=6)
    assert scene.told[0][1] == {"TR_1": True}
    scene.link.rate = FREE
    scene.until(0, within=130)
    assert scene.told[-1][1] == {"TR_1": False}
    scene.runs(10)
    assert scene.rank == 0
    assert [paused["TR_1"] for _, paused in scene.told] == [
        number % 2 == 0 for number in range(len(scene.told))
    ], "told once each time"


@SEEDS
@ESTIMATES
def test_sound_gets_through_a_slow_line(seed: int, estimates: bool) -> None:
    scene = Scene(seed, 300e3, *SIMULCAST, estimates=estimates)
    scene.until(0, within=12)
    scene.link.sound_sent = scene.link.sound_lost = 0
    scene.runs(60)
    lost = scene.link.sound_lost / scene.link.sound_sent
    assert lost < 0.05, f"{lost:.1%} of it lost, by what was tried"


@SEEDS
@pytest.mark.parametrize("chance", [0.0, 0.05])
def test_a_line_that_is_wide_enough_keeps_the_best(seed: int, chance: float) -> None:
    scene = Scene(seed, 3e6, *SIMULCAST)
    scene.link.chance = chance
    scene.runs(60)
    assert scene.shown[-1][1] == 2
    assert scene.told == []
    assert len(scene.shown) <= 2, scene.shown


def test_one_and_the_same_seed_plays_alike() -> None:
    first, second = (Scene(7, 300e3, *SIMULCAST) for _ in range(2))
    for scene in (first, second):
        scene.link.chance = 0.02
        scene.runs(30)
    assert first.shown == second.shown
    assert len(first.shown) > 1
