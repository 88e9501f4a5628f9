"""One telephone in one call."""

from __future__ import annotations

import pytest

from hookflash.carrier.config import Does, PhoneConfig
from hookflash.carrier.telephone import (
    PHONE_STEPS,
    PhoneAnswers,
    PhoneHangsUp,
    PhoneRefuses,
    PhoneRings,
    PhoneState,
    Telephone,
)


def phone(does: Does = "answers", **more: float) -> Telephone:
    return Telephone(PhoneConfig("+1510", does=does, after=2.0, **more))  # type: ignore[arg-type]


def test_it_rings_answers_and_hangs_up() -> None:
    one = phone(hangs_up_after=5.0)
    assert one.ring(100.0) == [PhoneRings()]
    assert one.next_deadline() == 102.0
    assert one.handle_deadline(101.9) == []
    assert one.handle_deadline(102.0) == [PhoneAnswers()]
    assert one.next_deadline() == 107.0
    assert one.handle_deadline(107.0) == [PhoneHangsUp()]
    assert one.next_deadline() is None
    assert one.state is PhoneState.OVER


@pytest.mark.parametrize(("does", "status"), [("busy", 486), ("unreachable", 480)])
def test_it_refuses_at_once(does: Does, status: int) -> None:
    one = phone(does)
    assert one.refuses_at_once == status
    assert one.ring(100.0) == [PhoneRefuses(status)]
    assert one.next_deadline() is None


def test_it_declines() -> None:
    one = phone("declines")
    assert one.refuses_at_once == 0
    assert one.ring(100.0) == [PhoneRings()]
    assert one.handle_deadline(102.0) == [PhoneRefuses(603)]
    assert one.state is PhoneState.OVER


def test_it_never_answers() -> None:
    one = phone("never-answers")
    assert one.ring(100.0) == [PhoneRings()]
    assert one.next_deadline() is None
    one.over()
    one.over()
    assert one.state is PhoneState.OVER


def test_what_it_calls_answers() -> None:
    one = phone(hangs_up_after=1.0)
    one.talk(100.0)
    assert one.handle_deadline(101.0) == [PhoneHangsUp()]


def test_another_step_is_a_mistake_of_ours() -> None:
    assert set(PHONE_STEPS) == set(PhoneState)
    one = phone()
    one.over()
    with pytest.raises(AssertionError, match="over -> ringing"):
        one.ring(100.0)
