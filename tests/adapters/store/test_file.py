from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from tests.support.disk import full_disk

from hookflash.adapters.store.file import (
    DATABASE,
    LOCK,
    backup_database,
    lock_folder,
    open_database,
    open_for_reading,
    why_refused,
)
from hookflash.adapters.store.store import Store
from hookflash.base.errors import ConfigError, StoreError


def test_folder_and_file_are_for_their_owner_only(tmp_path: Path) -> None:
    data = tmp_path / "a" / "data"
    connection = open_database(data)
    connection.execute("INSERT INTO rules VALUES ('SDR_a', x'')")
    assert data.stat().st_mode & 0o777 == 0o700
    for part in data.iterdir():
        assert part.stat().st_mode & 0o777 == 0o600, part
    connection.close()
    open_database(data, "full").close()


@pytest.mark.parametrize(("part", "mode"), [("", 0o755), (DATABASE, 0o640), (DATABASE, 0o604)])
def test_what_others_can_read_is_refused(tmp_path: Path, part: str, mode: int) -> None:
    data = tmp_path / "data"
    open_database(data).close()
    (data / part).chmod(mode)
    with pytest.raises(ConfigError, match="chmod"):
        open_database(data)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    file = data / DATABASE
    file.write_bytes(b"no database at all" * 100)
    file.chmod(0o600)
    with pytest.raises(ConfigError, match="data"):
        open_database(data)
    assert file.read_bytes() == b"no database at all" * 100


def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    file = data / DATABASE
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE trunks (elephant)")
    other.close()
    file.chmod(0o600)
    before = file.read_bytes()
    with pytest.raises(ConfigError, match="another program") as caught:
        open_database(data)
    assert str(file) in str(caught.value)
    assert file.read_bytes() == before


def test_a_database_of_a_newer_hookflash_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    connection = open_database(folder)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ConfigError, match="schema version 99, this one knows"):
        Store(folder)
    with sqlite3.connect(folder / DATABASE) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (99,)
    connection.close()


def test_what_the_system_says_of_a_full_disk(tmp_path: Path) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    assert why_refused(tmp_path, error) == "disk I/O error"
    with full_disk():
        assert why_refused(tmp_path, error) == "file too large (disk I/O error)"
        assert why_refused(None, error) == "disk I/O error"  # in memory no disk is asked
        told = StoreError("file too large (disk I/O error)")
        assert why_refused(tmp_path, told) == "file too large (disk I/O error)"


def test_on_a_full_disk_what_is_stored_can_be_read(tmp_path: Path) -> None:
    open_database(tmp_path / "data").close()
    with full_disk():
        with pytest.raises(StoreError, match="file too large"):
            open_database(tmp_path / "data")
        connection = open_for_reading(tmp_path / "data")
        assert connection.execute("SELECT count(*) FROM trunks").fetchone() == (0,)
        connection.close()


def test_on_a_full_disk_nothing_is_made(tmp_path: Path) -> None:
    with full_disk():
        with pytest.raises(StoreError, match="file too large"):
            open_database(tmp_path / "data")
        with pytest.raises(StoreError, match="nothing is stored"):
            open_for_reading(tmp_path / "data")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match=r"data_dir: .* can be written"):
        open_database(tmp_path / "file" / "data")
    with pytest.raises(ConfigError, match=r"data_dir: .* can be written"):
        lock_folder(tmp_path / "file")


def test_a_folder_in_which_no_file_can_be_made() -> None:
    folder = Path("/proc/self/fd")  # ours alone, and not even root can make a file there
    with pytest.raises(ConfigError, match=r"data_dir: .* can be written .*hookflash\.db"):
        open_database(folder)
    with pytest.raises(ConfigError, match=r"data_dir: .* can be written .*hookflash\.lock"):
        lock_folder(folder)


def test_a_folder_belongs_to_one_server_at_a_time(tmp_path: Path) -> None:
    held = lock_folder(tmp_path / "data")
    with pytest.raises(ConfigError, match=r"data_dir: .* in use"):
        lock_folder(tmp_path / "data")
    os.close(held)
    os.close(lock_folder(tmp_path / "data"))
    assert (tmp_path / "data" / LOCK).stat().st_mode & 0o777 == 0o600


def test_backup_beside_a_running_server(tmp_path: Path) -> None:
    running = open_database(tmp_path / "data")
    running.execute("INSERT INTO rules VALUES ('SDR_a', x'01')")
    target = tmp_path / "copy.db"
    backup_database(tmp_path / "data", target)
    backup_database(tmp_path / "data", target)
    running.close()
    copy = sqlite3.connect(target)
    assert copy.execute("SELECT id FROM rules").fetchall() == [("SDR_a",)]
    copy.close()
    assert target.stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy.db", "data"]


def test_backup_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no database"):
        backup_database(tmp_path, tmp_path / "copy.db")
    open_database(tmp_path / "data").close()
    with pytest.raises(StoreError, match="cannot back up"):
        backup_database(tmp_path / "data", tmp_path / "none" / "copy.db")
