"""One telephone in one call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hookflash.carrier.config import Does, PhoneConfig
from hookflash.carrier.speech import Speech
from hookflash.carrier.telephone import (
    PHONE_STEPS,
    PhoneAnswers,
    PhoneForwards,
    PhoneHangsUp,
    PhoneHolds,
    PhonePresses,
    PhoneRefuses,
    PhoneRings,
    PhoneSays,
    PhoneState,
    Telephone,
)

SPEECH = Speech(np.ones(8000 * 5, np.int16))


def phone(does: Does = "answers", speech: Speech | None = None, **more: Any) -> Telephone:
    return Telephone(PhoneConfig("+1510", does=does, after=2.0, **more), speech)


def says(one: Telephone) -> tuple[float, Speech | None]:
    return one.tone, one.speech


def acts(one: Telephone, until: float) -> list[tuple[float, object]]:
    """What it does by itself, with the times."""
    done: list[tuple[float, object]] = []
    while (at := one.next_deadline()) is not None and at <= until:
        done += [(at, effect) for effect in one.handle_deadline(at)]
    return done


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


def test_voicemail_greets_beeps_and_listens() -> None:
    one = phone("voicemail")
    one.ring(100.0)
    assert acts(one, 102.0) == [(102.0, PhoneAnswers())]
    assert one.tone == 600.0
    assert acts(one, 110.0) == [(105.0, PhoneSays(1400.0)), (105.4, PhoneSays(0.0))]
    assert one.tone == 0.0


def test_it_says_a_speech_from_the_answer_on() -> None:
    one = phone(speech=SPEECH, tone=500.0)
    one.ring(100.0)
    assert says(one) == (500.0, None)
    acts(one, 102.0)
    assert says(one) == (0.0, SPEECH)
    one.say(700.0)
    assert says(one) == (700.0, None)
    one.say(700.0, SPEECH)
    assert says(one) == (0.0, SPEECH)


def test_a_voicemail_with_a_greeting_of_its_own() -> None:
    """The beep comes when that has been said."""
    one = phone("voicemail", SPEECH)
    one.talk(100.0)
    assert one.speech is SPEECH
    assert acts(one, 104.9) == []
    assert acts(one, 110.0) == [(105.0, PhoneSays(1400.0)), (105.4, PhoneSays(0.0))]
    assert says(one) == (0.0, None)


def test_a_caller_gives_up() -> None:
    one = phone(gives_up_after=4.0)
    one.call(100.0)
    assert acts(one, 103.9) == []
    assert acts(one, 104.0) == [(104.0, PhoneHangsUp())]
    assert one.state is PhoneState.OVER


def test_a_caller_who_is_answered_does_not_give_up() -> None:
    one = phone(gives_up_after=4.0)
    one.call(100.0)
    one.talk(101.0)
    assert acts(one, 999.0) == []
    patient = phone()
    patient.call(100.0)
    assert patient.next_deadline() is None


def test_keys_at_times() -> None:
    one = phone(presses=((2.0, "1"), (5.0, "23#")), presses_after=1.0)
    one.talk(100.0)
    assert acts(one, 120.0) == [(102.0, PhonePresses("1")), (105.0, PhonePresses("23#"))]


def test_a_fax_machine() -> None:
    one = phone("fax")
    one.talk(100.0)
    assert one.tone == 2100.0
    assert acts(one, 110.0) == [(103.0, PhoneSays(0.0))]


def test_keys_and_hold_in_their_order() -> None:
    one = phone(presses="12", presses_after=3.0, holds_after=2.0, holds_for=4.0, hangs_up_after=9.0)
    one.talk(100.0)
    assert acts(one, 120.0) == [
        (102.0, PhoneHolds(held=True)),
        (103.0, PhonePresses("12")),
        (106.0, PhoneHolds(held=False)),
        (109.0, PhoneHangsUp()),
    ]


def test_a_menu_hears_its_keys_while_it_talks() -> None:
    one = phone(menu=(("1", "+1511"),))
    assert one.key("1") == []
    one.talk(100.0)
    assert one.key("2") == []
    assert one.key("1") == [PhoneForwards("+1511")]


def test_another_step_is_a_mistake_of_ours() -> None:
    assert set(PHONE_STEPS) == set(PhoneState)
    one = phone()
    one.over()
    with pytest.raises(AssertionError, match="over -> ringing"):
        one.ring(100.0)
