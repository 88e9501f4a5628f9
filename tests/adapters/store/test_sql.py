from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import get_args

import pytest

from hookflash.adapters.store.ops import (
    AddAudit,
    DeleteDialog,
    DeleteRule,
    DeleteTrunk,
    Prune,
    PutCall,
    PutDial,
    PutDialog,
    PutRule,
    PutTransfer,
    PutTrunk,
    StoreOp,
)
from hookflash.adapters.store.schema import migrate
from hookflash.adapters.store.sql import alone, create_view, together
from hookflash.calls.records import CallRecord, DialogRecord, DialRecord, TransferRecord
from hookflash.sip.trace import Trace

OPS: list[StoreOp] = [
    PutTrunk("ST_a", "inbound", b""),
    DeleteTrunk("ST_a"),
    PutRule("SDR_a", b""),
    DeleteRule("SDR_a"),
    PutTransfer(TransferRecord("STR_a", "SCL_a", "r", "i", "t", "t", "k", "", 1.0)),
    PutCall(CallRecord("SCL_a", "id", "inbound")),
    PutCall(CallRecord("SCL_a", "id", "inbound"), Trace(())),
    PutDialog(DialogRecord("SCL_a", "i", "l", "r", 1, (), "t", "udp", ("a", 1), ("b", 2))),
    DeleteDialog("SCL_a"),
    AddAudit(1.0, "k", "a", "s"),
    PutDial(DialRecord("k", "r1", 1.0, "r", "+1", "SCL_a", "i", "PA_a")),
    Prune(1.0, 1.0, 1.0, 1.0, 1.0),
]


def writable() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    create_view(connection)
    return connection


def test_every_operation_is_sql_that_works_twice() -> None:
    assert {type(op) for op in OPS} == set(get_args(StoreOp))
    connection = writable()
    for op in (*OPS, *OPS):
        for statement in (*together([op]), *alone(op)):
            connection.execute(*statement)
    connection.close()


def test_the_questions_use_an_index() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    for table in ("transfers", "calls"):
        plan = connection.execute(
            f"EXPLAIN QUERY PLAN SELECT data FROM {table} WHERE 1 AND room = 'r'"
            " AND (created_at, id) < (1, '') ORDER BY created_at DESC, id DESC LIMIT 5"
        ).fetchall()
        text = " ".join(str(row[3]) for row in plan)
        assert f"{table}_by_room" in text
        assert "TEMP B-TREE" not in text
    plan = connection.execute(
        "EXPLAIN QUERY PLAN SELECT id FROM audit WHERE 1 AND (at, id) < (1, 2)"
        " ORDER BY at DESC, id DESC LIMIT 5"
    ).fetchall()
    text = " ".join(str(row[3]) for row in plan)
    assert "audit_by_time" in text
    assert "TEMP B-TREE" not in text
    connection.close()


def test_what_is_asked_for_together_is_the_last_states_in_few_statements() -> None:
    """As if each operation had been made by itself."""
    calls = [CallRecord(f"SCL_{number}", "id", "inbound", room="r") for number in range(150)]
    dialog = DialogRecord("SCL_1", "i", "l", "r", 1, (), "t", "udp", ("a", 1), ("b", 2))
    dial = DialRecord("k", "r1", 1.0, "r", "+1", "SCL_a", "i", "PA_a")
    transfer = TransferRecord("STR_a", "SCL_a", "r", "i", "t", "t", "k", "", 1.0)
    ops: list[StoreOp] = [
        *(PutCall(call, Trace(())) for call in calls),
        PutDialog(dialog),
        PutDialog(replace(dialog, call_id="SCL_2")),
        PutTrunk("ST_a", "inbound", b"old"),
        AddAudit(1.0, "k", "a", "first"),
        PutTrunk("ST_a", "inbound", b"new"),
        PutTrunk("ST_b", "inbound", b"gone"),
        AddAudit(1.0 / 3.0, "k", "a", "sec\0ond", "\N{TELEPHONE RECEIVER}"),
        *(PutCall(replace(call, room="elsewhere")) for call in calls[:3]),
        DeleteDialog("SCL_1"),
        DeleteTrunk("ST_b"),
        PutDial(dial),
        PutRule("SDR_a", b"\0\xff"),
        PutRule("SDR_b", b""),
        DeleteRule("SDR_b"),
        PutTransfer(replace(transfer, transfer_id="STR_old", verdict="refused")),
        PutTransfer(replace(transfer, transfer_id="STR_open")),
        PutTransfer(replace(transfer, transfer_id="STR_new", created_at=9.0, verdict="refused")),
        AddAudit(9.0, "k", "a", "third"),
        PutDial(replace(dial, request_id="r2", created_at=9.0)),
        PutCall(CallRecord("SCL_new", "id", "inbound", room="r", created_at=9.0), Trace(())),
        PutCall(CallRecord("SCL_newer", "id", "inbound", room="r", created_at=10.0), Trace(())),
        Prune(4.0, 5.0, 0.5, 7.0, 9.5, 0.0),
    ]
    one, each = writable(), writable()
    done = together(ops)
    for statement in done:
        one.execute(*statement)
    for op in ops:
        for statement in alone(op):
            each.execute(*statement)
    assert len(done) == 2
    for table, left in {
        **{"calls": 2, "dialogs": 1, "trunks": 1, "audit": 2, "rules": 1, "dials": 1},
        "transfers": 2,
    }.items():
        rows = f"SELECT * FROM {table} ORDER BY 1"
        assert one.execute(rows).fetchall() == each.execute(rows).fetchall()
        assert len(one.execute(rows).fetchall()) == left, table
    assert one.execute("SELECT id FROM calls WHERE messages IS NULL").fetchall() == [("SCL_new",)]


def test_what_is_written_again_behind_a_prune_is_there() -> None:
    call = CallRecord("SCL_old", "id", "inbound", room="r", created_at=1.0)
    later = replace(call, end_reason="bye")
    connection = writable()
    for statement in together([PutCall(call), Prune(4.0, 5.0, 0.5, 7.0, 9.5, 0.0), PutCall(later)]):
        connection.execute(*statement)
    ((data,),) = connection.execute("SELECT data FROM calls").fetchall()
    assert '"bye"' in data


def test_a_damaged_table_spoils_no_other_write() -> None:
    connection = writable()
    connection.execute("DROP TABLE rules")
    op = AddAudit(1.0, "k", "a", "s")
    with pytest.raises(sqlite3.Error):
        connection.execute(*together([op])[0])
    for statement in alone(op):
        connection.execute(*statement)
    assert connection.execute("SELECT count(*) FROM audit").fetchall() == [(1,)]


def test_an_operation_without_sql_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError, match="no SQL for str"):
        together(["nonsense"])  # type: ignore[list-item]
    with pytest.raises(AssertionError, match="no SQL for str"):
        alone("nonsense")  # type: ignore[arg-type]
