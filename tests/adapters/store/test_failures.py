"""Writes that fail are counted, and told once a minute."""

from __future__ import annotations

import sqlite3

from structlog.testing import capture_logs

from hookflash.adapters.store.failures import TELL_EVERY, Failures, of_the_file
from hookflash.base.errors import StoreError


def full() -> sqlite3.Error:
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA max_page_count = 2")
    try:
        for number in range(9):
            connection.execute(f"CREATE TABLE t{number} (x)")
    except sqlite3.Error as error:
        return error
    finally:
        connection.close()
    raise AssertionError("it never got full")


def test_one_line_a_minute_with_their_number() -> None:
    now = 0.0
    failures = Failures(lambda: now)
    error = full()
    with capture_logs() as lines:
        for _ in range(20):
            failures.failed("PutCall", error, str)
        now = TELL_EVERY
        failures.failed("PutCall", error, str)
    assert [(line["event"], line["writes"]) for line in lines] == [
        ("write_failed", 1),
        ("write_failed", 20),
    ]
    assert lines[0]["why"] == "database or disk is full"
    assert (failures.count, failures.failing) == (21, True)


def test_the_first_that_works_ends_it_and_the_next_that_fails_is_told_at_once() -> None:
    failures = Failures(lambda: 0.0)
    error = full()
    with capture_logs() as lines:
        failures.succeeded()
        failures.failed("PutCall", error, str)
        failures.succeeded()
        failures.succeeded()
        assert not failures.failing
        failures.failed("PutCall", error, str)
    assert [line["event"] for line in lines] == ["write_failed", "writes_again", "write_failed"]


def test_a_mistake_in_one_write_is_told_each_time_and_is_no_fault_of_the_file() -> None:
    failures = Failures(lambda: 0.0)
    with capture_logs() as lines:
        for _ in range(3):
            failures.failed("PutCall", sqlite3.IntegrityError("twice"), str)
    assert len(lines) == failures.count == 3
    assert not failures.failing


def test_of_the_file() -> None:
    assert of_the_file(full())
    assert of_the_file(OSError())
    assert of_the_file(StoreError())
    assert not of_the_file(ValueError())
    assert not of_the_file(sqlite3.OperationalError("no such table: calls"))
