"""The face of an attempt: what every kind can be told, asked, and says."""

from __future__ import annotations

from typing import get_args

from hookflash.calls.effects import StopTone
from hookflash.calls.transfers.attempt import Attempt, AttemptSent, Report
from hookflash.calls.transfers.refer_usage import ReferUsage
from hookflash.sip.refer import ReferTarget
from hookflash.sip.timers import Timers


def test_a_refer_is_an_attempt() -> None:
    target = ReferTarget("sip:a@b")
    usage = ReferUsage("STR_1", target, Timers(), lambda: (1, StopTone()), lambda: 1.0)
    attempt: Attempt = usage
    assert (attempt.mode, attempt.target, attempt.transfer_id) == ("refer", target, "STR_1")
    assert attempt.start(0.0) == []
    usage.stored()
    assert attempt.start(0.0) == [StopTone(), AttemptSent()]


def test_reports_are_values() -> None:
    assert len(get_args(Report)) == len(set(get_args(Report))) == 9
    assert AttemptSent() == AttemptSent()
