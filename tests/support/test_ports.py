"""Ports for servers of tests: each process that runs tests has some of its own."""

from __future__ import annotations

import socket

import pytest
from tests.support.ports import HIGH, LOW, Ports, part_of


def test_workers_have_parts_that_do_not_overlap() -> None:
    assert part_of("", 1) == (LOW, HIGH)
    parts = [part_of(f"gw{index}", 3) for index in range(3)]
    assert parts[0][0] == LOW
    assert [high for _, high in parts[:2]] == [low for low, _ in parts[1:]]
    assert HIGH - 3 < parts[2][1] <= HIGH


def test_what_is_handed_out_is_even_free_and_not_handed_out_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw1")
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "2")
    ports, (low, high) = Ports(), part_of("gw1", 2)
    taken: set[int] = set()
    for _ in range(20):
        first = ports.take(3)
        assert first % 2 == 0
        row = set(range(first, first + 3))
        assert low <= min(row) <= max(row) < high
        assert not row & taken
        taken |= row
    assert ports.range(4).count("-") == 1


def test_one_that_is_in_use_is_not_handed_out() -> None:
    first = Ports().take(4)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as used:
        used.bind(("127.0.0.1", first + 2))
        ports = Ports()
        ports._next = first
        assert ports.take() == first
        assert ports.take() > first + 2
