from __future__ import annotations

from hookflash.adapters.store.ops import DeleteRule


def test_operations_compare_by_value() -> None:
    assert DeleteRule("SDR_a") == DeleteRule("SDR_a") != DeleteRule("SDR_b")
