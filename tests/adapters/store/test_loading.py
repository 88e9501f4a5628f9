"""A start leaves out what is damaged, names it, and changes nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from livekit.protocol.sip import SIPDispatchRuleInfo, SIPInboundTrunkInfo, SIPOutboundTrunkInfo
from structlog.testing import capture_logs

from hookflash.adapters.store.file import DATABASE, open_database
from hookflash.adapters.store.loading import read_stored, readable
from hookflash.adapters.store.records import transfer_from


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    made = open_database(tmp_path / "data")
    for ident in ("ST_a", "ST_b", "ST_c"):
        trunk = SIPInboundTrunkInfo(sip_trunk_id=ident, numbers=["+1"]).SerializeToString()
        made.execute("INSERT INTO trunks VALUES (?, 'inbound', ?)", (ident, trunk))
    out = SIPOutboundTrunkInfo(sip_trunk_id="ST_o", address="h").SerializeToString()
    made.execute("INSERT INTO trunks VALUES ('ST_o', 'outbound', ?)", (out,))
    rule = SIPDispatchRuleInfo(sip_dispatch_rule_id="SDR_a").SerializeToString()
    made.execute("INSERT INTO rules VALUES ('SDR_a', ?)", (rule,))
    return made


BAD: list[tuple[str, tuple[object, ...]]] = [
    ("UPDATE trunks SET data = ? WHERE id = 'ST_b'", (b"\x0a\xff",)),
    ("UPDATE trunks SET data = ? WHERE id = 'ST_b'", (b"",)),
    ("UPDATE trunks SET data = ? WHERE id = 'ST_b'", ("text",)),
    ("UPDATE trunks SET data = ? WHERE id = 'ST_b'", (7,)),
    ("UPDATE trunks SET kind = ? WHERE id = 'ST_b'", ("sideways",)),
]


@pytest.mark.parametrize(("statement", "values"), BAD)
def test_a_damaged_trunk_is_left_out_by_name(
    connection: sqlite3.Connection, statement: str, values: tuple[object, ...]
) -> None:
    connection.execute(statement, values)
    with capture_logs() as lines:
        stored = read_stored(connection)
    assert [trunk.sip_trunk_id for trunk in stored.inbound] == ["ST_a", "ST_c"]
    assert len(stored.outbound) == len(stored.rules) == 1
    assert [(line["event"], line["table"], line["id"]) for line in lines] == [
        ("row_unreadable", "trunks", "ST_b")
    ]
    assert connection.execute("SELECT count(*) FROM trunks").fetchone() == (4,)
    connection.close()


@pytest.mark.parametrize("data", ["no json", "{}", '{"transfer_id": 7}', b"\xff"])
def test_a_damaged_record_too(connection: sqlite3.Connection, data: object) -> None:
    insert = "INSERT INTO transfers VALUES (?, 'room', 'SCL_a', 1.0, 1, ?)"
    connection.execute(insert, ("STR_b", data))
    connection.execute("INSERT INTO dialogs VALUES ('SCL_b', ?)", (data,))
    connection.execute("UPDATE rules SET data = x'00'")
    with capture_logs() as lines:
        stored = read_stored(connection)
    assert not stored.transfers
    assert not stored.dialogs
    assert not stored.rules
    assert [line["id"] for line in lines] == ["SDR_a", "STR_b", "SCL_b"]
    connection.close()


@pytest.mark.parametrize("table", ["trunks", "rules", "transfers", "dialogs"])
def test_a_table_that_is_not_there_takes_no_other_with_it(
    connection: sqlite3.Connection, table: str
) -> None:
    connection.execute(f"DROP TABLE {table}")
    with capture_logs() as lines:
        stored = read_stored(connection)
    assert [(line["event"], line["table"]) for line in lines] == [("table_unreadable", table)]
    assert len(stored.inbound) == (0 if table == "trunks" else 3)
    assert len(stored.rules) == (0 if table == "rules" else 1)
    connection.close()


def test_what_lies_on_both_sides_of_a_damaged_page_is_read(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    for number in range(2000):
        ident = f"ST_d{number:05}"
        trunk = SIPInboundTrunkInfo(sip_trunk_id=ident, name="n" * 200).SerializeToString()
        connection.execute("INSERT INTO trunks VALUES (?, 'inbound', ?)", (ident, trunk))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    file = tmp_path / "data" / DATABASE
    data = bytearray(file.read_bytes())
    middle = data.index(b"ST_d01000") // 4096 * 4096
    data[middle : middle + 4096] = bytes(4096)
    file.write_bytes(data)
    again = open_database(tmp_path / "data")
    with capture_logs() as lines:
        found = {trunk.sip_trunk_id for trunk in read_stored(again).inbound}
    again.close()
    assert {"ST_d00000", "ST_d01999"} <= found
    assert 1900 < len(found) < 2003
    assert [line["event"] for line in lines] == ["table_unreadable"]


def test_a_read_that_fails_in_passing_costs_no_row(connection: sqlite3.Connection) -> None:
    whole = read_stored(connection)
    assert len(whole.inbound) == 3
    left, rows_read = 0, set()

    def step() -> bool:
        """SQLite stops where that is true."""
        nonlocal left
        left -= 1
        return left == 0

    connection.set_progress_handler(step, 1)
    read_stored(connection)
    for nth in range(1, 1 - left):  # each step that it took
        left = nth
        with capture_logs() as lines:
            assert read_stored(connection) == whole
        [line] = lines
        assert (line["event"], line["why"]) == ("table_unreadable", "interrupted")
        rows_read.add((line["table"], line["rows_read"]))
    assert {("trunks", number) for number in range(4)} <= rows_read
    connection.close()


def test_a_page_of_records_leaves_out_what_is_damaged() -> None:
    with capture_logs() as lines:
        assert readable("transfers", [("STR_a", "no json")], transfer_from) == []
    assert (lines[0]["table"], lines[0]["id"]) == ("transfers", "STR_a")
