"""The database file: who may read it, how it is opened, how it is copied."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
import tempfile
from pathlib import Path
from typing import Final, Literal

from ...base.errors import ConfigError, StoreError
from .schema import check_ours, migrate
from .sql import create_view

DATABASE = "hookflash.db"
LOCK = "hookflash.lock"
BUSY_SECONDS = 5.0
"""How long a write waits for another process that holds the database (a backup)."""

MAGIC: Final = b"SQLite format 3\0"
SMALLEST: Final = 512
"""Octets of the smallest page that a database can have."""
PROBE: Final = 1 << 16
"""Octets that a write of the database may want at once."""

_FEW_MESSAGES: Final = (
    "CREATE TEMP TRIGGER few_messages AFTER INSERT ON calls BEGIN"
    " UPDATE calls SET messages = NULL WHERE rowid = NEW.rowid - 1000; END"
)
"""In memory the SIP messages of the last thousand calls are kept; on a disk the days decide."""

Sync = Literal["normal", "full"]


def open_database(data_dir: Path | None, sync: Sync = "normal") -> sqlite3.Connection:
    """Open or make `data_dir`/hookflash.db and bring it to the newest schema; None: in memory.

    The folder is 0700 and the file 0600, for both hold passwords. WAL: `normal` survives a kill,
    `full` also a power cut.

    Raises:
        ConfigError: others can read it, the folder cannot be made, or the file is no database of
            ours, or a newer Hookflash's; it is left as it is.
        StoreError: it cannot be opened or written.
    """
    if data_dir is None:
        return _opened(None, sync)
    _secure(data_dir)
    try:
        _refuse_other_files(data_dir / DATABASE)
        return _opened(data_dir, sync)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{data_dir / DATABASE}: {why_refused(data_dir, error)}") from None


def open_for_reading(data_dir: Path) -> sqlite3.Connection:
    """Open a database that cannot be written now, or that is damaged, to read what can be read. Its
    index of the WAL is in memory, not in a file beside it, so nobody else can open it meanwhile.

    Raises:
        StoreError: nothing in it can be read.
    """
    try:
        connection = _connect(data_dir)
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA writable_schema = ON")  # or a file that was cut off is none
            connection.execute("PRAGMA query_only = ON")
            if not connection.execute("PRAGMA user_version").fetchone()[0]:
                raise StoreError("nothing is stored in it")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            connection.close()
            raise
    except (StoreError, sqlite3.Error) as error:
        raise StoreError(f"{data_dir / DATABASE}: {error}") from None
    return connection


def why_refused(data_dir: Path | None, error: Exception) -> str:
    """What the system says of a write to this folder (`no space left on device`), or the error's
    text where there it may write: SQLite says `disk I/O error` of much."""
    if data_dir is not None and not isinstance(error, StoreError):
        try:
            with tempfile.TemporaryFile(dir=data_dir) as probe:
                probe.write(bytes(PROBE))
        except OSError as refused:
            return f"{(refused.strerror or str(refused)).lower()} ({error})"
    return str(error)


def _opened(data_dir: Path | None, sync: Sync) -> sqlite3.Connection:
    connection = _connect(data_dir)
    try:
        if data_dir is not None:
            _refuse_foreign(connection, data_dir)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {sync.upper()}")
        migrate(connection)
        create_view(connection)
        if data_dir is None:
            connection.execute(_FEW_MESSAGES)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(data_dir: Path | None) -> sqlite3.Connection:
    return sqlite3.connect(
        ":memory:" if data_dir is None else data_dir / DATABASE,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _refuse_other_files(file: Path) -> None:
    """SQLite takes a file that is shorter than its first page for a new one."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        if size and (size < SMALLEST or opened.read(len(MAGIC)) != MAGIC):
            raise ConfigError("data_dir", str(file), "a database of Hookflash (this is none)")


def _refuse_foreign(connection: sqlite3.Connection, data_dir: Path) -> None:
    """Before the first write, the mode of the journal among them."""
    file = str(data_dir / DATABASE)
    try:
        check_ours(connection)
    except StoreError as error:
        raise ConfigError("data_dir", file, f"a database of Hookflash ({error})") from None


def lock_folder(data_dir: Path) -> int:
    """Keep other servers out: a second one would take the calls of the first for those of a server
    that crashed, and hang them up. Returns what holds the lock until `os.close` or the end of the
    process, kill -9 included. Makes the folder.

    Raises:
        ConfigError: another server has it, or it is not ours to use.
    """
    _make(data_dir)
    try:
        held = os.open(data_dir / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise _unusable(data_dir, error) from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        raise ConfigError(
            "data_dir", str(data_dir), "a folder of its own for each server; this one is in use"
        ) from None
    return held


def backup_database(data_dir: Path, target: Path) -> None:
    """Copy the database of a running or stopped server (SQLite's online backup).

    The copy is 0600 and appears under its name only when it is whole.

    Raises:
        StoreError: there is no database, or the copy cannot be written.
    """
    source = data_dir / DATABASE
    if not source.is_file():
        raise StoreError(f"there is no database in {data_dir}")
    try:
        connection = sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)
        try:
            copy_database(connection, target)
        finally:
            connection.close()
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"cannot back up {source} to {target}: {error}") from None


def copy_database(connection: sqlite3.Connection, target: Path) -> None:
    """Raises OSError or sqlite3.Error; the target is untouched then."""
    partial = target.with_name(target.name + ".part")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        copy = sqlite3.connect(partial)
        try:
            connection.backup(copy)
        finally:
            copy.close()
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _secure(data_dir: Path) -> None:
    _make(data_dir)
    path = data_dir / DATABASE
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        for part in (path, path.with_name(DATABASE + "-wal"), path.with_name(DATABASE + "-shm")):
            if part.exists():
                _refuse_readable(data_dir, part, "600")
    except OSError as error:
        raise _unusable(data_dir, error) from None


def _make(data_dir: Path) -> None:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(data_dir, error) from None
    _refuse_readable(data_dir, data_dir, "700")


def _unusable(data_dir: Path, error: OSError) -> ConfigError:
    return ConfigError("data_dir", str(data_dir), f"a folder that can be written ({error})")


def _refuse_readable(data_dir: Path, path: Path, wanted: str) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigError(
            "data_dir",
            str(data_dir),
            f"a folder that nobody else can read, for it holds passwords: chmod {wanted} {path} "
            f"(it is {mode:o})",
        )
