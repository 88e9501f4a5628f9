"""Is the call alive after 408 or silence (transfer.md §3)?"""

from __future__ import annotations

import pytest

from hookflash.calls.transfers.liveness import LivenessCheck
from hookflash.calls.transfers.transferor_effects import SendProbe


def test_media_of_the_last_two_seconds_is_life() -> None:
    check = LivenessCheck(lambda: 98.0)
    assert check.start(100.0) == []
    assert (check.deadline, check.dead) == (None, False)


@pytest.mark.parametrize("last", [None, 97.9])
def test_older_media_or_none_asks_the_peer(last: float | None) -> None:
    check = LivenessCheck(lambda: last)
    assert check.start(100.0) == [SendProbe()]
    assert check.deadline == 104.0


@pytest.mark.parametrize("status", [200, 403, 404, 405, 500, 501, 503, 603])
def test_any_answer_but_481_and_408_is_life(status: int) -> None:
    check = LivenessCheck(lambda: None)
    check.start(100.0)
    check.probe_answered(status)
    check.handle_deadline(200.0)
    assert not check.dead


@pytest.mark.parametrize("status", [481, 408, None])
def test_481_408_and_no_answer_are_death(status: int | None) -> None:
    check = LivenessCheck(lambda: None)
    check.start(100.0)
    check.probe_answered(status)
    assert check.dead


def test_silence_for_four_seconds_is_death() -> None:
    check = LivenessCheck(lambda: None)
    check.start(100.0)
    check.handle_deadline(103.9)
    assert not check.dead
    check.handle_deadline(104.0)
    assert check.dead


def test_answers_that_nobody_asked_for_change_nothing() -> None:
    check = LivenessCheck(lambda: None)
    check.probe_answered(481)
    assert (check.dead, check.deadline) == (False, None)
    check.start(100.0)
    check.stop()
    check.probe_answered(481)
    assert (check.dead, check.deadline) == (False, None)
