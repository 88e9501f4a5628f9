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
from hookflash.adapters.store.sql import transaction
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


def test_every_operation_is_sql_that_works_twice() -> None:
    assert {type(op) for op in OPS} == set(get_args(StoreOp))
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    for op in (*OPS, *OPS):
        for statement in transaction([op]):
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


def test_a_transaction_is_the_last_states_in_few_statements() -> None:
    """As if each operation had been made by itself."""
    calls = [CallRecord(f"SCL_{number}", "id", "inbound", room="r") for number in range(70)]
    dialog = DialogRecord("SCL_1", "i", "l", "r", 1, (), "t", "udp", ("a", 1), ("b", 2))
    ops: list[StoreOp] = [
        *(PutCall(call) for call in calls),
        PutDialog(dialog),
        PutDialog(replace(dialog, call_id="SCL_2")),
        PutTrunk("ST_a", "inbound", b"old"),
        AddAudit(1.0, "k", "a", "first"),
        PutTrunk("ST_a", "inbound", b"new"),
        PutTrunk("ST_b", "inbound", b"gone"),
        AddAudit(1.0, "k", "a", "second"),
        *(PutCall(replace(call, room="elsewhere")) for call in calls[:3]),
        DeleteDialog("SCL_1"),
        DeleteTrunk("ST_b"),
    ]
    together, alone = (sqlite3.connect(":memory:", isolation_level=None) for _ in range(2))
    for connection in (together, alone):
        migrate(connection)
    done = transaction(ops)
    for statement in done:
        together.execute(*statement)
    for op in ops:
        for statement in transaction([op]):
            alone.execute(*statement)
    assert len(done) == 11  # calls 3, dialogs 2, trunks 4, the audit before and after one of them 2
    for table in ("calls", "dialogs", "trunks", "audit"):
        rows = f"SELECT * FROM {table} ORDER BY id"
        assert together.execute(rows).fetchall() == alone.execute(rows).fetchall()
        assert together.execute(rows).fetchall()


def test_an_operation_without_sql_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError, match="no SQL for str"):
        transaction(["nonsense"])  # type: ignore[list-item]
