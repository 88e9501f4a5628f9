from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from hookflash.adapters.store_ops import DeleteRule


def test_an_operation_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        DeleteRule("SDR_a").rule_id = "SDR_b"  # type: ignore[misc]
