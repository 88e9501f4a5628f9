"""calls.md §1: a PIN rule takes digits until `#`, allows three attempts, then BYE."""

from __future__ import annotations

from hookflash.calls.pin import ATTEMPTS, SILENCE, Choose, GiveUp, PinDialog, PinEffect, Play


def press(dialog: PinDialog, digits: str, now: float = 1.0) -> list[PinEffect]:
    return [effect for digit in digits for effect in dialog.digit(now, digit)]


def started() -> PinDialog:
    dialog = PinDialog()
    assert dialog.start(0.0) == [Play("enter_pin")]
    return dialog


def test_digits_until_hash_choose_a_rule() -> None:
    dialog = started()
    assert press(dialog, "1234#") == [Choose("1234")]
    assert dialog.chosen(1.0, True) == [Play("room_join")]
    assert dialog.next_deadline() is None
    assert press(dialog, "1#") == []


def test_star_starts_again_and_other_keys_are_ignored() -> None:
    assert press(started(), "99*12a34#") == [Choose("1234")]


def test_hash_alone_asks_for_a_rule_without_a_pin() -> None:
    assert press(started(), "#") == [Choose("")]


def test_three_wrong_pins_end_the_call() -> None:
    dialog = started()
    for attempt in range(ATTEMPTS):
        assert press(dialog, "1#") == [Choose("1")]
        expected: list[PinEffect] = [Play("wrong_pin")]
        if attempt == ATTEMPTS - 1:
            expected.append(GiveUp())
        assert dialog.chosen(1.0, False) == expected
    assert press(dialog, "1#") == []


def test_more_than_sixteen_digits_are_wrong_at_once() -> None:
    dialog = started()
    assert press(dialog, "1" * 17) == [Play("wrong_pin")]
    assert press(dialog, "1" * 16 + "#") == [Choose("1" * 16)]


def test_silence_counts_as_an_attempt() -> None:
    dialog = started()
    now = 0.0
    for _ in range(ATTEMPTS):
        deadline = dialog.next_deadline()
        assert deadline == now + SILENCE
        assert dialog.handle_deadline(deadline - 1) == []
        now = deadline
        effects = dialog.handle_deadline(now)
    assert effects == [Play("wrong_pin"), GiveUp()]
    assert dialog.handle_deadline(now + 100) == []


def test_an_answer_that_nobody_asked_for_is_ignored() -> None:
    dialog = started()
    assert dialog.chosen(0.0, True) == []
    press(dialog, "1#")
    assert dialog.handle_deadline(1e9) == []
