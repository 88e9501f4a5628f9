from __future__ import annotations

import sqlite3

import pytest

from hookflash.adapters.store.schema import MIGRATIONS, migrate
from hookflash.base.errors import StoreError


def database() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_a_new_database_gets_every_version() -> None:
    connection = database()
    migrate(connection)
    assert version(connection) == len(MIGRATIONS)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert {"trunks", "rules", "transfers", "calls", "dialogs", "dials", "audit"} <= tables
    migrate(connection)
    connection.close()


def test_an_older_database_gets_what_is_missing_and_keeps_its_rows() -> None:
    connection = database()
    migrate(connection)
    connection.execute("INSERT INTO rules VALUES ('SDR_a', x'')")
    migrate(connection, (*MIGRATIONS, ("ALTER TABLE rules ADD COLUMN note TEXT",)))
    assert connection.execute("SELECT id, note FROM rules").fetchall() == [("SDR_a", None)]
    assert version(connection) == len(MIGRATIONS) + 1
    connection.close()


def test_a_database_of_the_first_version_gets_the_requests_for_calls() -> None:
    connection = database()
    migrate(connection, MIGRATIONS[:1])
    connection.execute("INSERT INTO rules VALUES ('SDR_a', x'')")
    migrate(connection)
    assert connection.execute("SELECT id FROM rules").fetchall() == [("SDR_a",)]
    assert connection.execute("SELECT count(*) FROM dials").fetchone() == (0,)
    connection.close()


def test_a_newer_database_is_refused() -> None:
    connection = database()
    connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="schema version 99"):
        migrate(connection)
    connection.close()


def test_a_step_that_fails_leaves_no_half_version() -> None:
    connection = database()
    with pytest.raises(sqlite3.Error):
        migrate(connection, (("CREATE TABLE a (x)", "CREATE TABLE a (x)"),))
    assert version(connection) == 0
    assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    connection.close()
