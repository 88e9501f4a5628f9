"""The SQL of each write and of the paged questions."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import assert_never

from ..base.light import light_dataclass
from .store_ops import (
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
from .store_records import call_json, dial_json, dialog_json, transfer_json

Statement = tuple[str, Sequence[object]]
MAX_PAGE = 1000

# What never changes is not written again: REPLACE would renew every index for each state of a call.
_PUT_CALL = (
    "INSERT INTO calls VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
    " room = excluded.room, data = excluded.data"
)
_PUT_TRANSFER = (
    "INSERT INTO transfers VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
    " open = excluded.open, data = excluded.data"
)
_MARK = "SELECT WHEN, id FROM TABLE WHERE id = ?"
_PAGE = "SELECT COLUMNS FROM TABLE WHERE CONDITIONS ORDER BY WHEN DESC, id DESC LIMIT ?"


@light_dataclass(frozen=True, slots=True)
class Page:
    """Newest first. `before`: an id, or a time in seconds since the epoch as text; "" for the
    newest."""

    of: str | None = None
    """The room; in the audit, the subject. None: all."""
    limit: int = 100
    before: str = ""


@light_dataclass(frozen=True, slots=True)
class AuditLine:
    """What `AddAudit` wrote. `id` counts up."""

    id: int
    at: float
    api_key: str
    action: str
    subject: str
    detail: str


@light_dataclass(frozen=True, slots=True)
class _Listing:
    """A table that is read in pages: what of it, by which time, and what `Page.of` names."""

    table: str
    columns: str
    when: str
    of: str


_TRANSFERS = _Listing("transfers", "data", "created_at", "room")
_CALLS = _Listing("calls", "data", "created_at", "room")
_AUDIT = _Listing("audit", "id, at, api_key, action, subject, detail", "at", "subject")


def statements(op: StoreOp) -> list[Statement]:
    """What `op` asks of SQLite."""
    match op:
        case PutTransfer(record):
            key = (record.transfer_id, record.room, record.call_id, record.created_at)
            transfer = (*key, record.verdict is None, transfer_json(record))
            return [(_PUT_TRANSFER, transfer)]
        case PutDialog(dialog):
            row = (dialog.call_id, dialog_json(dialog))
            return [("INSERT OR REPLACE INTO dialogs VALUES (?, ?)", row)]
        case DeleteDialog(call_id):
            return [("DELETE FROM dialogs WHERE id = ?", (call_id,))]
        case PutDial(dial):
            entry = (dial.api_key, dial.request_id, dial.created_at, dial_json(dial))
            return [("INSERT OR REPLACE INTO dials VALUES (?, ?, ?, ?)", entry)]
        case PutCall(call):
            line = (call.call_id, call.room, call.created_at, call_json(call))
            return [(_PUT_CALL, line)]
        case PutTrunk(trunk_id, kind, data):
            return [("INSERT OR REPLACE INTO trunks VALUES (?, ?, ?)", (trunk_id, kind, data))]
        case DeleteTrunk(trunk_id):
            return [("DELETE FROM trunks WHERE id = ?", (trunk_id,))]
        case PutRule(rule_id, data):
            return [("INSERT OR REPLACE INTO rules VALUES (?, ?)", (rule_id, data))]
        case DeleteRule(rule_id):
            return [("DELETE FROM rules WHERE id = ?", (rule_id,))]
        case AddAudit(at, api_key, action, subject, detail):
            change = (at, api_key, action, subject, detail)
            return [("INSERT INTO audit VALUES (NULL, ?, ?, ?, ?, ?)", change)]
        case Prune(transfers_before, calls_before, audit_before, dials_before):
            return [
                ("DELETE FROM transfers WHERE created_at < ? AND NOT open", (transfers_before,)),
                ("DELETE FROM calls WHERE created_at < ?", (calls_before,)),
                ("DELETE FROM audit WHERE at < ?", (audit_before,)),
                ("DELETE FROM dials WHERE created_at < ?", (dials_before,)),
            ]
    assert_never(op)


def transfers_page(connection: sqlite3.Connection, page: Page) -> list[str]:
    """JSON of stored transfers, newest first."""
    return [text for (text,) in _rows(connection, _TRANSFERS, page)]


def calls_page(connection: sqlite3.Connection, page: Page) -> list[str]:
    """JSON of stored calls, newest first."""
    return [text for (text,) in _rows(connection, _CALLS, page)]


def audit_page(connection: sqlite3.Connection, page: Page) -> list[AuditLine]:
    """Lines of the audit, newest first."""
    return [AuditLine(*row) for row in _rows(connection, _AUDIT, page)]


def _rows(connection: sqlite3.Connection, listing: _Listing, page: Page) -> sqlite3.Cursor:
    conditions, values = ["1"], list[object]()
    if page.of is not None:
        conditions.append(f"{listing.of} = ?")
        values.append(page.of)
    if page.before:
        mark = connection.execute(_filled(_MARK, listing), (page.before,)).fetchone()
        conditions.append(f"({listing.when}, id) < (?, ?)")
        values += mark if mark is not None else (_seconds(page.before), -1)  # no id is less
    values.append(max(1, min(page.limit, MAX_PAGE)))
    select = _filled(_PAGE, listing).replace("CONDITIONS", " AND ".join(conditions))
    return connection.execute(select, values)


def _filled(sql: str, listing: _Listing) -> str:
    """`sql` with the names of a table in it."""
    with_columns = sql.replace("COLUMNS", listing.columns)
    return with_columns.replace("TABLE", listing.table).replace("WHEN", listing.when)


def _seconds(text: str) -> float:
    """An unknown id comes before nothing."""
    try:
        return float(text)
    except ValueError:
        return 0.0
