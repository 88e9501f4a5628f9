"""A call's record is replaced, and its counters come from the audio while there is some."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hookflash.calls.records import CallRecord, MediaStats
from hookflash.exchange.call import Call


def call(**fields: Any) -> Call:
    leg = SimpleNamespace(call_id="SCL_1")
    plan = SimpleNamespace(parties=SimpleNamespace(trunk_id="ST_1"))
    record = CallRecord("SCL_1", "call@peer", "inbound", stats=MediaStats(packets_sent=1))
    return Call(leg, plan, None, record, **fields)  # type: ignore[arg-type]


def test_ids_come_from_leg_and_plan() -> None:
    assert call().call_id == "SCL_1"
    assert call().trunk_id == "ST_1"
    assert call().room is None


def test_notes_change_the_record() -> None:
    one = call()
    one.note(end_reason="bye", answer_status=200)
    assert (one.record.end_reason, one.record.answer_status) == ("bye", 200)


def test_counters_are_those_of_the_audio_while_it_lives() -> None:
    live = MediaStats(packets_sent=9)
    stream = SimpleNamespace(stats=lambda: live)
    assert call(stream=stream).stats() is live
    assert call().stats().packets_sent == 1


def test_calls_are_compared_by_identity() -> None:
    assert call() != call()
