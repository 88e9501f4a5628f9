"""Which calls count as failed."""

from __future__ import annotations

import pytest

from hookflash.cli.failures import call_failed, headline
from hookflash.cli.sip_messages import FoundCall


@pytest.mark.parametrize(
    ("record", "failed"),
    [
        ({"ended_at": None}, False),
        ({"ended_at": 2.0, "answered_at": 1.0, "end_reason": "hangup"}, False),
        ({"ended_at": 2.0, "answered_at": 1.0, "end_reason": "media timeout"}, True),
        ({"ended_at": 2.0, "answered_at": None, "end_reason": "busy"}, True),
    ],
)
def test_failed_calls(record: dict[str, object], failed: bool) -> None:
    assert call_failed(record) is failed


def test_a_call_that_is_up_has_a_headline_too() -> None:
    assert headline(FoundCall("SCL_1", "lobby", {})) == "call SCL_1, which is up"
