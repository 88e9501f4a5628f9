from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hookflash.adapters.store.records import (
    call_dict,
    call_from,
    dialog_from,
    record_json,
    transfer_dict,
    transfer_from,
)
from hookflash.base.errors import StoreError
from hookflash.calls.records import (
    AttemptRecord,
    CallRecord,
    DialogRecord,
    MediaStats,
    StageEntry,
    TransferRecord,
)

TRANSFER = TransferRecord(
    "STR_a",
    "SCL_a",
    "lobby",
    "sip_+1",
    "tel:+2",
    "<tel:+2>",
    "devkey",
    "uuid",
    1.5,
    stages=(StageEntry("requested", 1.5), StageEntry("sent", 1.6)),
    verdict="rejected",
    ended_at=2.0,
    sip_status=486,
    sip_reason="Busy \udcff",
    notes=("a", "b"),
    attempts=(AttemptRecord("tel:+2", "refer", (StageEntry("sent", 1.6),), "rejected", 486),),
)
CALL = CallRecord("SCL_a", "id", "inbound", "lobby", stats=MediaStats(1, 2, 3, 4.5, "PCMU"))
DIALOG = DialogRecord(
    "SCL_a", "id", "l", "r", 7, ("<sip:p;lr>",), "sip:b", "tls", ("::1", 5061), ("::1", 5062)
)


def test_there_and_back() -> None:
    assert transfer_from(record_json(TRANSFER)) == TRANSFER
    assert call_from(record_json(CALL)) == CALL
    assert dialog_from(record_json(DIALOG)) == DIALOG


def test_what_is_no_unicode_is_kept_too() -> None:
    clean = replace(TRANSFER, sip_reason="Busy")
    assert transfer_from(record_json(clean)) == clean
    assert json.loads(record_json(TRANSFER)).keys() == json.loads(record_json(clean)).keys()


def test_what_the_api_shows() -> None:
    shown = transfer_dict(TRANSFER)
    assert shown["stages"] == [{"stage": "requested", "at": 1.5}, {"stage": "sent", "at": 1.6}]
    assert shown["notes"] == ["a", "b"]
    assert shown["verdict"] == "rejected"
    assert shown["attempts"] == [
        {
            "target": "tel:+2",
            "mode": "refer",
            "stages": [{"stage": "sent", "at": 1.6}],
            "outcome": "rejected",
            "sip_status": 486,
        }
    ]
    assert call_dict(CALL)["stats"]["codec"] == "PCMU"


def test_other_versions_can_be_read() -> None:
    values = transfer_dict(TRANSFER)
    values["of_a_later_version"] = 1
    del values["late_success"]
    assert transfer_from(json.dumps(values)) == TRANSFER
    shorter = call_dict(CALL)
    del shorter["stats"]
    assert call_from(json.dumps(shorter)).stats == MediaStats()


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json", '{"stages": [1]}'])
def test_what_is_no_record(text: str) -> None:
    for reader in (transfer_from, call_from, dialog_from):
        with pytest.raises(StoreError):
            reader(text)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("attempts", ["tel:+2"], "a stored attempt is no JSON object"),
        ("created_at", "yesterday", "a stored record is not whole: created_at is 'yesterday'"),
        ("room", None, "a stored record is not whole: room is None"),
    ],
)
def test_a_part_of_another_kind_makes_no_record(name: str, value: object, why: str) -> None:
    with pytest.raises(StoreError) as caught:
        transfer_from(json.dumps(transfer_dict(TRANSFER) | {name: value}))
    assert str(caught.value) == why


def test_a_whole_number_is_a_time_too() -> None:
    values = transfer_dict(TRANSFER) | {"created_at": 1, "ended_at": None}
    record = transfer_from(json.dumps(values))
    assert (record.created_at, record.ended_at) == (1.0, None)
