"""Scenarios: the same for the same seed, and all kinds of them."""

from __future__ import annotations

from math import inf
from random import Random

from tests.simulation.scenarios import draw


def test_the_same_seed_draws_the_same() -> None:
    first, second = draw(Random(5)), draw(Random(5))
    assert (first.steps, first.manners) == (second.steps, second.manners)
    assert next(first.plans) == next(second.plans)


def test_all_kinds_come_up() -> None:
    drawn = [draw(Random(seed)) for seed in range(1000)]
    assert {each.manners.transport for each in drawn} == {"udp", "tcp"}
    assert any(each.cut_at is not None for each in drawn)
    assert all(each.manners.transport == "tcp" for each in drawn if each.cut_at is not None)
    assert any(each.facts.silent_since < inf for each in drawn)
    assert any(each.manners.ack_after == inf for each in drawn)
    assert any("max_call_duration" in each.settings for each in drawn)
    assert {each.settings["session_expires"] for each in drawn} == {0, 90, 120}
    assert {each.calls_peer for each in drawn} == {True, False}
    assert all(each.calls_peer == (each.settings["direction"] == "outbound") for each in drawn)
    steps = [step for each in drawn for step in each.steps]
    assert {step.what for step in steps} == {"transfer", "cancel", "delete room", "shutdown"}
    assert {each.steps[-1].what for each in drawn} == {"delete room"}
    assert any(step.after < 0 for step in steps)
    assert any(step.wait < inf for step in steps)
    assert any(step.request_id for step in steps)
