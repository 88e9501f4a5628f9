"""Records are values that are replaced as a whole; verdicts are those of transfer.md §1."""

from __future__ import annotations

import dataclasses
import typing

from hookflash.calls.records import CallRecord, StageEntry, TransferRecord, Verdict
from hookflash.calls.transfers.transfer import REASONS


def test_every_verdict_has_its_reason() -> None:
    assert set(REASONS) == set(typing.get_args(Verdict))


def test_records_are_light_dataclasses() -> None:
    for kind in (TransferRecord, CallRecord, StageEntry):
        params = kind.__dataclass_params__  # type: ignore[union-attr]
        assert (params.unsafe_hash, params.frozen) == (True, True)


def test_a_record_is_changed_by_replacing_it() -> None:
    record = CallRecord("SCL_1", "call@peer", "inbound")
    assert dataclasses.replace(record, end_reason="bye").end_reason == "bye"
    assert record.end_reason == ""
