"""The tables, version by version. A new version is a new entry at the end; entries never change."""

from __future__ import annotations

import sqlite3

from ...base.errors import StoreError

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE trunks (id TEXT PRIMARY KEY, kind TEXT NOT NULL, data BLOB NOT NULL)"
        " WITHOUT ROWID",
        "CREATE TABLE rules (id TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID",
        "CREATE TABLE transfers (id TEXT PRIMARY KEY, room TEXT NOT NULL, call_id TEXT NOT NULL,"
        " created_at REAL NOT NULL, open INTEGER NOT NULL, data TEXT NOT NULL)",
        "CREATE INDEX transfers_by_time ON transfers (created_at, id)",
        "CREATE INDEX transfers_by_room ON transfers (room, created_at, id)",
        "CREATE INDEX transfers_open ON transfers (id) WHERE open",
        "CREATE TABLE calls (id TEXT PRIMARY KEY, room TEXT NOT NULL, created_at REAL NOT NULL,"
        " data TEXT NOT NULL)",
        "CREATE INDEX calls_by_time ON calls (created_at, id)",
        "CREATE INDEX calls_by_room ON calls (room, created_at, id)",
        "CREATE TABLE dialogs (id TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE audit (id INTEGER PRIMARY KEY, at REAL NOT NULL, api_key TEXT NOT NULL,"
        " action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL)",
        "CREATE INDEX audit_by_subject ON audit (subject)",
    ),
    ("CREATE INDEX audit_by_time ON audit (at)",),
    (
        "CREATE TABLE dials (api_key TEXT NOT NULL, request_id TEXT NOT NULL,"
        " created_at REAL NOT NULL, data TEXT NOT NULL, PRIMARY KEY (api_key, request_id))"
        " WITHOUT ROWID",
        "CREATE INDEX dials_by_time ON dials (created_at)",
    ),
    (
        # A transfer was one attempt, by REFER, until it had a list of them.
        "UPDATE transfers SET data = json_set(data, '$.attempts', json_array(json_object("
        "'target', trim(json_extract(data, '$.refer_to'), '<>'),"
        " 'mode', coalesce(json_extract(data, '$.mode'), 'refer'),"
        " 'stages', (SELECT json_group_array(json(value)) FROM json_each(data, '$.stages')"
        " WHERE json_extract(value, '$.stage') <> 'requested'),"
        " 'outcome', json_extract(data, '$.verdict'),"
        " 'sip_status', json_extract(data, '$.sip_status'))))"
        " WHERE json_valid(data) AND json_type(data, '$.attempts') IS NULL",
    ),
    # With the row of the call they cost a tenth of what a table of their own does.
    ("ALTER TABLE calls ADD COLUMN messages BLOB",),
)

_TABLES = frozenset({"trunks", "rules", "transfers", "calls", "dialogs", "audit", "dials"})


def check_ours(connection: sqlite3.Connection) -> None:
    """Look at a database before anything is written to it.

    Raises:
        StoreError: another program made it, or a newer Hookflash.
        sqlite3.Error: it cannot be read.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if tables and (version == 0 or not tables & _TABLES):
        raise StoreError("another program made it")
    if version > len(MIGRATIONS):
        raise StoreError(
            f"a newer one wrote it: schema version {version}, this one knows {len(MIGRATIONS)}; "
            "start that one, or name another folder"
        )


def migrate(
    connection: sqlite3.Connection, migrations: tuple[tuple[str, ...], ...] = MIGRATIONS
) -> None:
    """Bring the database to the newest version, each step in a transaction of its own.

    Raises:
        sqlite3.Error: a step failed; the database is as it was before that step.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    for number in range(version, len(migrations)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in migrations[number]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number + 1}")
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:  # a full disk has ended it already
                connection.execute("ROLLBACK")
            raise
