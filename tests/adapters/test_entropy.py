"""Pooled randomness is still the kernel's, and no bit comes twice."""

from __future__ import annotations

import os

import pytest

from hookflash.adapters.entropy import POOL, Entropy


def test_every_octet_of_the_kernel_is_used_once_and_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fetched: list[bytes] = []
    urandom = os.urandom

    def fetch(size: int) -> bytes:
        fetched.append(urandom(size))
        return fetched[-1]

    monkeypatch.setattr("hookflash.adapters.entropy.os.urandom", fetch)
    source = Entropy()
    drawn = b"".join(source.getrandbits(128).to_bytes(16, "big") for _ in range(POOL // 8))
    assert drawn == b"".join(fetched)
    assert len(fetched) == 2


@pytest.mark.parametrize("bits", [0, 1, 7, 8, 15, 31, 32, 96, POOL * 8 + 5])
def test_numbers_fill_their_bits_and_no_more(bits: int) -> None:
    source = Entropy()
    seen = 0
    for _ in range(100):
        value = source.getrandbits(bits)
        assert 0 <= value < 1 << bits
        seen |= value
    assert seen == (1 << bits) - 1 or bits > 96


def test_random_is_spread_over_the_unit_interval() -> None:
    source = Entropy()
    values = [source.random() for _ in range(4000)]
    assert all(0.0 <= value < 1.0 for value in values)
    assert 0.45 < sum(values) / len(values) < 0.55
