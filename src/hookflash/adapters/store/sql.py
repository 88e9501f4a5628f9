"""The SQL of each write and of the paged questions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ...base.light import light_dataclass
from .messages import messages_blob
from .ops import (
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
from .records import record_json

Statement = tuple[str, Sequence[object]]
MAX_PAGE = 1000

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


_TRANSFERS = _Listing("transfers", "id, data", "created_at", "room")
_CALLS = _Listing("calls", "id, data", "created_at", "room")
_AUDIT = _Listing("audit", "id, at, api_key, action, subject, detail", "at", "subject")


@light_dataclass(frozen=True, slots=True)
class _Rows:
    """A statement for any number of operations of one kind: `head`, `row` for each, `tail`."""

    head: str
    row: str
    tail: str
    values: Callable[[Any], tuple[object, ...]]
    thing: Callable[[Any], tuple[str, ...]] | None = None
    """What an operation tells the whole state of, so that of several only the last is written."""

    def statement(self, ops: Sequence[StoreOp]) -> Statement:
        """For at most `_MOST` of them."""
        values = [value for op in ops for value in self.values(op)]
        return self.head + ", ".join([self.row] * len(ops)) + self.tail, values


_FORGET_MESSAGES = (
    "UPDATE calls SET messages = NULL"
    " WHERE created_at >= ? AND created_at < ? AND messages IS NOT NULL"
)
_MOST = 32
"""Rows of one statement: SQLite keeps it for each number of them."""
KEPT_STATEMENTS = 256
"""Statements that are to be kept ready: those for any number of rows of six kinds, and others."""

# What never changes is not written again: REPLACE would renew every index for each state of a call.
_MANY: dict[type, _Rows] = {
    PutTransfer: _Rows(
        "INSERT INTO transfers VALUES ",
        "(?, ?, ?, ?, ?, ?)",
        " ON CONFLICT (id) DO UPDATE SET open = excluded.open, data = excluded.data",
        lambda op: (
            *(op.record.transfer_id, op.record.room, op.record.call_id, op.record.created_at),
            *(op.record.verdict is None, record_json(op.record)),
        ),
        lambda op: ("transfer", op.record.transfer_id),
    ),
    PutCall: _Rows(
        "INSERT INTO calls VALUES ",
        "(?, ?, ?, ?, ?)",
        " ON CONFLICT (id) DO UPDATE SET room = excluded.room, data = excluded.data,"
        " messages = excluded.messages",
        lambda op: (
            *(op.record.call_id, op.record.room, op.record.created_at, record_json(op.record)),
            None if op.messages is None else messages_blob(op.messages, op.shift),
        ),
        lambda op: ("call", op.record.call_id),
    ),
    PutDialog: _Rows(
        "INSERT OR REPLACE INTO dialogs VALUES ",
        "(?, ?)",
        "",
        lambda op: (op.record.call_id, record_json(op.record)),
        lambda op: ("dialog", op.record.call_id),
    ),
    DeleteDialog: _Rows(
        "DELETE FROM dialogs WHERE id IN (",
        "?",
        ")",
        lambda op: (op.call_id,),
        lambda op: ("dialog", op.call_id),
    ),
    PutDial: _Rows(
        "INSERT OR REPLACE INTO dials VALUES ",
        "(?, ?, ?, ?)",
        "",
        lambda op: (
            *(op.record.api_key, op.record.request_id, op.record.created_at),
            record_json(op.record),
        ),
        lambda op: ("dial", op.record.api_key, op.record.request_id),
    ),
    AddAudit: _Rows(
        "INSERT INTO audit VALUES ",
        "(NULL, ?, ?, ?, ?, ?)",
        "",
        lambda op: (op.at, op.api_key, op.action, op.subject, op.detail),
    ),
}


def transaction(ops: Iterable[StoreOp]) -> list[Statement]:
    """What `ops` ask of SQLite together, in as few statements as will do: each of them costs the
    event loop a turn at the interpreter lock. What a later one makes void is left out."""
    last: dict[object, StoreOp] = {}
    for op in ops:
        rows = _MANY.get(type(op))
        last[len(last) if rows is None or rows.thing is None else rows.thing(op)] = op
    out: list[Statement] = []
    alike: dict[type, list[StoreOp]] = {}
    for op in last.values():
        if type(op) in _MANY:
            alike.setdefault(type(op), []).append(op)
        else:
            out += _together(alike)
            alike = {}
            out += _single(op)
    return out + _together(alike)


def _together(alike: Mapping[type, Sequence[StoreOp]]) -> list[Statement]:
    return [
        _MANY[kind].statement(ops[start : start + _MOST])
        for kind, ops in alike.items()
        for start in range(0, len(ops), _MOST)
    ]


def _single(op: StoreOp) -> list[Statement]:
    match op:
        case PutTrunk(trunk_id, kind, data):
            return [("INSERT OR REPLACE INTO trunks VALUES (?, ?, ?)", (trunk_id, kind, data))]
        case DeleteTrunk(trunk_id):
            return [("DELETE FROM trunks WHERE id = ?", (trunk_id,))]
        case PutRule(rule_id, data):
            return [("INSERT OR REPLACE INTO rules VALUES (?, ?)", (rule_id, data))]
        case DeleteRule(rule_id):
            return [("DELETE FROM rules WHERE id = ?", (rule_id,))]
        case Prune():
            return [
                ("DELETE FROM transfers WHERE created_at < ? AND NOT open", (op.transfers_before,)),
                ("DELETE FROM calls WHERE created_at < ?", (op.calls_before,)),
                ("DELETE FROM audit WHERE at < ?", (op.audit_before,)),
                ("DELETE FROM dials WHERE created_at < ?", (op.dials_before,)),
                (_FORGET_MESSAGES, (op.messages_since, op.messages_before)),
            ]
    raise AssertionError(f"no SQL for {type(op).__name__}")


def transfers_page(connection: sqlite3.Connection, page: Page) -> list[tuple[str, str]]:
    """Id and JSON of stored transfers, newest first."""
    return _rows(connection, _TRANSFERS, page).fetchall()


def calls_page(connection: sqlite3.Connection, page: Page) -> list[tuple[str, str]]:
    """Id and JSON of stored calls, newest first."""
    return _rows(connection, _CALLS, page).fetchall()


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
