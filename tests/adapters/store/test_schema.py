from __future__ import annotations

import json
import sqlite3

import pytest

from hookflash.adapters.store.records import transfer_dict, transfer_from
from hookflash.adapters.store.schema import MIGRATIONS, check_ours, migrate
from hookflash.base.errors import StoreError
from hookflash.calls.records import AttemptRecord, StageEntry


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


def test_calls_of_the_time_before_messages_were_kept_have_none() -> None:
    connection = database()
    migrate(connection, MIGRATIONS[:4])
    connection.execute("INSERT INTO calls VALUES ('SCL_a', 'lobby', 1.0, '{}')")
    migrate(connection)
    assert connection.execute("SELECT id, messages FROM calls").fetchall() == [("SCL_a", None)]
    connection.close()


OLD = {
    "transfer_id": "STR_a",
    "call_id": "SCL_a",
    "room": "lobby",
    "identity": "sip_+1",
    "target": "TEL:+2",
    "refer_to": "<tel:+2>",
    "api_key": "devkey",
    "request_id": "",
    "created_at": 1.5,
    "mode": "refer",
    "stages": [
        {"stage": "requested", "at": 1.5},
        {"stage": "sent", "at": 1.625},
        {"stage": "accepted", "at": 1.75},
    ],
    "verdict": "rejected",
    "ended_at": 2.0,
    "sip_status": 486,
    "sip_reason": "Busy Here",
    "error": "",
    "notes": [],
    "late_success": False,
    "participant_sid": "PA_1",
}
"""As the version before wrote it."""


def test_transfers_of_the_time_before_attempts_get_theirs() -> None:
    connection = database()
    migrate(connection, MIGRATIONS[:3])
    going = {**OLD, "transfer_id": "STR_b", "verdict": None, "sip_status": None}
    for values in (OLD, going):
        row = (values["transfer_id"], "lobby", "SCL_a", 1.5, 0, json.dumps(values))
        connection.execute("INSERT INTO transfers VALUES (?, ?, ?, ?, ?, ?)", row)
    connection.execute("INSERT INTO transfers VALUES ('STR_c', 'lobby', 'SCL_a', 1, 0, 'x')")
    migrate(connection)
    assert version(connection) == len(MIGRATIONS)
    done, open_, broken = connection.execute("SELECT data FROM transfers ORDER BY id").fetchall()
    stages = (StageEntry("sent", 1.625), StageEntry("accepted", 1.75))
    record = transfer_from(done[0])
    assert record.attempts == (AttemptRecord("tel:+2", "refer", stages, "rejected", 486),)
    shown = transfer_dict(record)
    assert shown == {**OLD, "attempts": shown["attempts"], "provider": ""}
    (attempt,) = transfer_from(open_[0]).attempts
    assert (attempt.outcome, attempt.sip_status) == (None, None)
    assert broken == ("x",), "what cannot be read stays as it is"
    connection.close()


def test_a_newer_database_is_refused() -> None:
    connection = database()
    migrate(connection)
    connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="a newer one wrote it: schema version 99"):
        check_ours(connection)
    connection.close()


def test_a_step_that_fails_leaves_no_half_version() -> None:
    connection = database()
    with pytest.raises(sqlite3.Error):
        migrate(connection, (("CREATE TABLE a (x)", "CREATE TABLE a (x)"),))
    assert version(connection) == 0
    assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    connection.close()
