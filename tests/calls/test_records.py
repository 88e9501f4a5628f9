"""Records are values that are replaced as a whole; verdicts are those of transfer.md §1."""

from __future__ import annotations

import dataclasses
import typing

from hookflash.calls.records import (
    AttemptRecord,
    CallRecord,
    StageEntry,
    TransferRecord,
    Verdict,
    in_world_time,
)
from hookflash.calls.transfers.transfer import REASONS


def test_every_verdict_has_its_reason() -> None:
    assert set(REASONS) == set(typing.get_args(Verdict))


def test_records_are_light_dataclasses() -> None:
    for kind in (TransferRecord, CallRecord, StageEntry):
        assert kind.__struct_config__.frozen  # type: ignore[union-attr]


def test_a_record_is_changed_by_replacing_it() -> None:
    record = CallRecord("SCL_1", "call@peer", "inbound")
    assert dataclasses.replace(record, end_reason="bye").end_reason == "bye"
    assert record.end_reason == ""


def test_all_times_of_a_transfer_are_those_of_the_world() -> None:
    sent = (StageEntry("sent", 3.0),)
    record = TransferRecord(
        *("STR_1", "SCL_1", "lobby", "sip_+1", "tel:+2", "<tel:+2>", "key", "", 2.0),
        stages=(StageEntry("requested", 2.0), *sent),
        ended_at=4.0,
        attempts=(AttemptRecord("tel:+2", stages=sent),),
    )
    told = in_world_time(record, 1000.0)
    assert (told.created_at, told.ended_at) == (1002.0, 1004.0)
    assert [entry.at for entry in told.stages] == [1002.0, 1003.0]
    assert [entry.at for entry in told.attempts[0].stages] == [1003.0]
