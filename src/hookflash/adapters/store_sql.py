"""The SQL of each write and of the paged questions."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from .store_ops import (
    AddAudit,
    DeleteDialog,
    DeleteRule,
    DeleteTrunk,
    Prune,
    PutCall,
    PutDialog,
    PutRule,
    PutTransfer,
    PutTrunk,
    StoreOp,
)
from .store_records import call_json, dialog_json, transfer_json

Statement = tuple[str, Sequence[object]]
MAX_PAGE = 1000

_MARK = "SELECT created_at, id FROM TABLE WHERE id = ?"
_PAGE = "SELECT data FROM TABLE WHERE CONDITIONS ORDER BY created_at DESC, id DESC LIMIT ?"


@dataclass(frozen=True, slots=True)
class Page:
    """Newest first. `before`: an id, or a time in seconds since the epoch as text; "" for the
    newest."""

    room: str | None = None
    """None: all rooms."""
    limit: int = 100
    before: str = ""


def statements(op: StoreOp) -> list[Statement]:
    """What `op` asks of SQLite."""
    match op:
        case PutTransfer(record):
            key = (record.transfer_id, record.room, record.call_id, record.created_at)
            transfer = (*key, record.verdict is None, transfer_json(record))
            return [("INSERT OR REPLACE INTO transfers VALUES (?, ?, ?, ?, ?, ?)", transfer)]
        case PutDialog(dialog):
            row = (dialog.call_id, dialog_json(dialog))
            return [("INSERT OR REPLACE INTO dialogs VALUES (?, ?)", row)]
        case DeleteDialog(call_id):
            return [("DELETE FROM dialogs WHERE id = ?", (call_id,))]
        case PutCall(call):
            line = (call.call_id, call.room, call.created_at, call_json(call))
            return [("INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?)", line)]
        case PutTrunk(trunk_id, kind, data):
            return [("INSERT OR REPLACE INTO trunks VALUES (?, ?, ?)", (trunk_id, kind, data))]
        case DeleteTrunk(trunk_id):
            return [("DELETE FROM trunks WHERE id = ?", (trunk_id,))]
        case PutRule(rule_id, data):
            return [("INSERT OR REPLACE INTO rules VALUES (?, ?)", (rule_id, data))]
        case DeleteRule(rule_id):
            return [("DELETE FROM rules WHERE id = ?", (rule_id,))]
        case AddAudit(at, api_key, action, subject, detail):
            entry = (at, api_key, action, subject, detail)
            return [("INSERT INTO audit VALUES (NULL, ?, ?, ?, ?, ?)", entry)]
        case Prune(transfers_before, calls_before):
            return [
                ("DELETE FROM transfers WHERE created_at < ? AND NOT open", (transfers_before,)),
                ("DELETE FROM calls WHERE created_at < ?", (calls_before,)),
            ]
    assert_never(op)


def transfers_page(connection: sqlite3.Connection, page: Page) -> list[str]:
    """JSON of stored transfers, newest first."""
    return _page(connection, "transfers", page)


def calls_page(connection: sqlite3.Connection, page: Page) -> list[str]:
    """JSON of stored calls, newest first."""
    return _page(connection, "calls", page)


def _page(connection: sqlite3.Connection, table: str, page: Page) -> list[str]:
    conditions, values = ["1"], list[object]()
    if page.room is not None:
        conditions.append("room = ?")
        values.append(page.room)
    if page.before:
        mark = connection.execute(_MARK.replace("TABLE", table), (page.before,)).fetchone()
        conditions.append("(created_at, id) < (?, ?)")
        values += mark if mark is not None else (_seconds(page.before), "")
    values.append(max(1, min(page.limit, MAX_PAGE)))
    select = _PAGE.replace("TABLE", table).replace("CONDITIONS", " AND ".join(conditions))
    rows = connection.execute(select, values)
    return [text for (text,) in rows]


def _seconds(text: str) -> float:
    """An unknown id comes before nothing."""
    try:
        return float(text)
    except ValueError:
        return 0.0
