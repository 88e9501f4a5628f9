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

Statement = tuple[str, Sequence[object] | Mapping[str, object]]
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
class _Write:
    """What one kind of operation does: statements in which `{a}` to `{f}` stand for its values."""

    sql: tuple[str, ...]
    values: Callable[[Any], tuple[object, ...]]
    thing: Callable[[Any], tuple[str, ...]] | None = None
    """What an operation tells the whole state of, so that of several only the last is written."""


# What never changes is not written again: REPLACE would renew every index for each state of a call.
_WRITES: dict[type, _Write] = {
    PutTransfer: _Write(
        (
            "INSERT INTO transfers VALUES ({a}, {b}, {c}, {d}, {e}, {f})"
            " ON CONFLICT (id) DO UPDATE SET open = excluded.open, data = excluded.data",
        ),
        lambda op: (
            *(op.record.transfer_id, op.record.room, op.record.call_id, op.record.created_at),
            *(op.record.verdict is None, record_json(op.record)),
        ),
        lambda op: ("transfer", op.record.transfer_id),
    ),
    PutCall: _Write(
        (
            "INSERT INTO calls VALUES ({a}, {b}, {c}, {d}, {e})"
            " ON CONFLICT (id) DO UPDATE SET room = excluded.room, data = excluded.data,"
            " messages = excluded.messages",
        ),
        lambda op: (
            *(op.record.call_id, op.record.room, op.record.created_at, record_json(op.record)),
            None if op.messages is None else messages_blob(op.messages, op.shift),
        ),
        lambda op: ("call", op.record.call_id),
    ),
    PutDialog: _Write(
        ("INSERT OR REPLACE INTO dialogs VALUES ({a}, {b})",),
        lambda op: (op.record.call_id, record_json(op.record)),
        lambda op: ("dialog", op.record.call_id),
    ),
    DeleteDialog: _Write(
        ("DELETE FROM dialogs WHERE id = {a}",),
        lambda op: (op.call_id,),
        lambda op: ("dialog", op.call_id),
    ),
    PutDial: _Write(
        ("INSERT OR REPLACE INTO dials VALUES ({a}, {b}, {c}, {d})",),
        lambda op: (
            *(op.record.api_key, op.record.request_id, op.record.created_at),
            record_json(op.record),
        ),
        lambda op: ("dial", op.record.api_key, op.record.request_id),
    ),
    AddAudit: _Write(
        ("INSERT INTO audit VALUES (NULL, {a}, {b}, {c}, {d}, {e})",),
        lambda op: (op.at, op.api_key, op.action, op.subject, op.detail),
    ),
    PutTrunk: _Write(
        ("INSERT OR REPLACE INTO trunks VALUES ({a}, {b}, {c})",),
        lambda op: (op.trunk_id, op.kind, op.data),
    ),
    DeleteTrunk: _Write(("DELETE FROM trunks WHERE id = {a}",), lambda op: (op.trunk_id,)),
    PutRule: _Write(
        ("INSERT OR REPLACE INTO rules VALUES ({a}, {b})",), lambda op: (op.rule_id, op.data)
    ),
    DeleteRule: _Write(("DELETE FROM rules WHERE id = {a}",), lambda op: (op.rule_id,)),
    Prune: _Write(
        (
            "DELETE FROM transfers WHERE created_at < {a} AND NOT open",
            "DELETE FROM calls WHERE created_at < {b}",
            "DELETE FROM audit WHERE at < {c}",
            "DELETE FROM dials WHERE created_at < {d}",
            "UPDATE calls SET messages = NULL"
            " WHERE created_at >= {e} AND created_at < {f} AND messages IS NOT NULL",
        ),
        lambda op: (
            *(op.transfers_before, op.calls_before, op.audit_before, op.dials_before),
            *(op.messages_since, op.messages_before),
        ),
    ),
}
_NUMBERS = {kind: number for number, kind in enumerate(_WRITES)}
_LETTERS = "abcdef"
_NAMED = {letter: f":{letter}" for letter in _LETTERS}
_NEW = {letter: f"NEW.{letter}" for letter in _LETTERS}
_WIDTH = 1 + len(_LETTERS)
"""Values of a row of the view: the number of its kind, and those of the operation."""
_MOST = 128
"""Rows of one statement: each has `_WIDTH` parameters, of which SQLite once took 999."""
_INTO = "INSERT INTO writes VALUES "
_PLACES = f"({', '.join('?' * _WIDTH)})"
_INSERT = {
    size: _INTO + ", ".join([_PLACES] * size)
    for size in (2**power for power in range(_MOST.bit_length()))
}
"""Of few sizes, so that SQLite keeps each ready."""


def create_view(connection: sqlite3.Connection) -> None:
    """`writes`, for this connection: what is inserted there is written to the tables, so that
    writes of every kind are one statement."""
    columns = ", ".join(("kind", *_LETTERS))
    connection.execute(f"CREATE TEMP VIEW writes ({columns}) AS SELECT {', '.join('0' * _WIDTH)}")
    for kind, write in _WRITES.items():
        connection.execute(
            f"CREATE TEMP TRIGGER write_{_NUMBERS[kind]} INSTEAD OF INSERT ON writes"
            f" WHEN NEW.kind = {_NUMBERS[kind]}"
            f" BEGIN {' '.join(sql.format_map(_NEW) + ';' for sql in write.sql)} END"
        )


def together(ops: Iterable[StoreOp]) -> list[Statement]:
    """What `ops` ask of SQLite, in as few statements as will do: for each of them the thread waits
    several times for the interpreter lock, and the event loop then for the thread. What a later
    one makes void is left out. For a connection that has the view."""
    last: dict[object, StoreOp] = {}
    for op in ops:
        thing = _write(op).thing
        key = len(last) if thing is None else thing(op)
        last.pop(key, None)  # it takes the place of the last: there may be a Prune between them
        last[key] = op
    rows = [_row(op) for op in last.values()]
    return [_insert(rows[start : start + _MOST]) for start in range(0, len(rows), _MOST)]


def _row(op: StoreOp) -> tuple[object, ...]:
    values = _write(op).values(op)
    return (_NUMBERS[type(op)], *values, *[None] * (len(_LETTERS) - len(values)))


def _insert(rows: Sequence[tuple[object, ...]]) -> Statement:
    """Rows of no kind, which do nothing, make up the number."""
    size = 1 << (len(rows) - 1).bit_length()
    missing = [None] * (_WIDTH * (size - len(rows)))
    return _INSERT[size], [*(value for row in rows for value in row), *missing]


def alone(op: StoreOp) -> list[Statement]:
    """The same of one, without the view: that asks for every table, of which one may be damaged."""
    given = dict(zip(_LETTERS, _write(op).values(op), strict=False))
    return [(sql.format_map(_NAMED), given) for sql in _write(op).sql]


def _write(op: StoreOp) -> _Write:
    found = _WRITES.get(type(op))
    if found is None:
        raise AssertionError(f"no SQL for {type(op).__name__}")
    return found


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
