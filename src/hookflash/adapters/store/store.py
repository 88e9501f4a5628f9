"""The store: SQLite behind one writer thread with group commit.

The event loop never waits for the disk: `write` is awaited only where something must be safe
before the next step, `write_soon` everywhere else. What is asked for in one turn of the loop is
handed to the thread together: each waking of it costs the loop a turn at the interpreter lock.
Whatever waits in the queue while a commit runs goes into the next one together. Reads go through
the same queue, so they see every write that was asked for before them.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import structlog

from ...base.errors import StoreError
from ...calls.records import CallRecord, DialRecord, KeptMessages, TransferRecord
from .failures import Failures
from .file import (
    Sync,
    copy_database,
    lock_folder,
    open_database,
    open_for_reading,
    why_refused,
)
from .loading import Stored, read_stored, readable
from .messages import messages_from
from .ops import StoreOp
from .records import call_from, dial_from, transfer_from
from .sql import (
    AuditLine,
    Page,
    Statement,
    alone,
    audit_page,
    calls_page,
    together,
    transfers_page,
)

Result = TypeVar("Result")

SOON = 0.02
"""Seconds that a write nobody waits for may be put off."""
LARGEST_GROUP = 256
"""Jobs of one commit, from which on none is added."""
PROBE_EVERY = 5.0
"""Seconds between two looks whether the file takes writes again."""

_log = structlog.get_logger("store")


@dataclass(slots=True)
class _Job:
    """Writes (`ops`) or a question (`ask`), and who waits for the answer."""

    ops: tuple[StoreOp, ...] = ()
    ask: Callable[[sqlite3.Connection], Any] | None = None
    future: asyncio.Future[Any] | None = None
    loop: asyncio.AbstractEventLoop | None = None
    result: Any = None
    error: Exception | None = None


class Store:
    """`data_dir` None: in memory, for --dev and tests. Raises ConfigError and StoreError."""

    def __init__(self, data_dir: Path | None = None, sync: Sync = "normal") -> None:
        self._data_dir = data_dir
        self._sync = sync
        self._lock = None if data_dir is None else lock_folder(data_dir)
        self._failures = Failures(time.monotonic)
        self._read_only = False
        """Opened while the file could not be written: it is opened again for a write."""
        try:
            self._connection = self._open()
        except BaseException:
            self._unlock()
            raise
        self._queue: SimpleQueue[list[_Job] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="hookflash-store", daemon=True)
        self._waiting: list[_Job] = []
        self._due = False
        """A timer will hand over what waits, also what waits since somebody else did."""
        self._closed = False

    @property
    def failed_writes(self) -> int:
        """Writes that could not be made."""
        return self._failures.count

    @property
    def failing(self) -> bool:
        """Whether the file takes no writes now (a full disk)."""
        return self._failures.failing

    def _open(self) -> sqlite3.Connection:
        """What can be read is served, though nothing can be written."""
        if self._data_dir is None:
            return open_database(None, self._sync)
        try:
            return open_database(self._data_dir, self._sync)
        except StoreError as error:
            try:
                connection = open_for_reading(self._data_dir)
            except StoreError:
                raise error from None
            self._read_only = True
            self._failures.failed("open", error, str)
            return connection

    # --- life -------------------------------------------------------------------------------

    def load(self) -> Stored:
        """Read what a start needs, as far as it can be read; before `start`."""
        return read_stored(self._connection)

    def start(self) -> None:
        """Start the writer thread; what was queued before is written now."""
        self._thread.start()

    async def close(self) -> None:
        """Write what is queued and close the database."""
        if self._closed:
            return
        self._closed = True
        self._hand_over()
        self._queue.put(None)
        if self._thread.ident is None:
            self._run()
        else:
            await asyncio.get_running_loop().run_in_executor(None, self._thread.join)
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # --- writes -----------------------------------------------------------------------------

    def write(self, *ops: StoreOp) -> asyncio.Future[None]:
        """Asked for at once; the future has a result when all of `ops` are committed, together or
        not at all, or StoreError. Without any: when what was asked for before has been done. What
        was put off goes along: a call that is being transferred is known after a crash, and so are
        those beside it."""
        return self._submit(_Job(ops=ops))

    def write_soon(self, *ops: StoreOp) -> None:
        """Committed within `SOON` and in order, together or not at all; a failure is logged and
        counted."""
        job = _Job(ops=ops)
        if self._closed:
            job.error = StoreError("the store is closed")
            self._count([job])
            return
        self._waiting.append(job)
        if self._due:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._hand_over()
        else:
            self._due = True
            loop.call_later(SOON, self._come_due)

    def _come_due(self) -> None:
        self._due = False
        self._hand_over()

    def _hand_over(self) -> None:
        """Give the thread what waits, if anything does."""
        if self._waiting:
            self._queue.put(self._waiting)
            self._waiting = []

    # --- reads ------------------------------------------------------------------------------

    async def transfer(self, transfer_id: str) -> TransferRecord | None:
        """The stored transfer with this id."""
        rows = await self._ask(
            lambda c: c.execute(
                "SELECT id, data FROM transfers WHERE id = ?", (transfer_id,)
            ).fetchall()
        )
        return next(iter(readable("transfers", rows, transfer_from)), None)

    async def transfers(self, page: Page) -> list[TransferRecord]:
        """Newest first."""
        rows = await self._ask(lambda c: transfers_page(c, page))
        return readable("transfers", rows, transfer_from)

    async def requested_since(self, since: float) -> list[TransferRecord]:
        """Transfers created since then (seconds since the epoch) that have a request id, oldest
        first: a repeated request gets its verdict after a restart too."""
        rows = await self._asked_at_start(
            "transfers",
            "SELECT id, data FROM transfers WHERE created_at >= ? AND CASE WHEN json_valid(data) "
            "THEN json_extract(data, '$.request_id') ELSE '' END != '' ORDER BY created_at, id",
            since,
        )
        return readable("transfers", rows, transfer_from)

    async def dials_since(self, since: float) -> list[DialRecord]:
        """Requests for calls of ours created since then, oldest first, for the same purpose."""
        rows = await self._asked_at_start(
            "dials",
            "SELECT request_id, data FROM dials WHERE created_at >= ? ORDER BY created_at",
            since,
        )
        return readable("dials", rows, dial_from)

    async def _asked_at_start(self, table: str, select: str, value: object) -> list[Any]:
        """None where the table is damaged: what it is for works for new requests all the same."""
        try:
            return await self._ask(lambda c: c.execute(select, (value,)).fetchall())
        except StoreError as error:
            _log.error("table_unreadable", table=table, why=str(error))
            return []

    async def call(self, call_id: str) -> CallRecord | None:
        """The stored call with this id."""
        rows = await self._ask(
            lambda c: c.execute("SELECT id, data FROM calls WHERE id = ?", (call_id,)).fetchall()
        )
        return next(iter(readable("calls", rows, call_from)), None)

    async def messages(self, call_id: str) -> KeptMessages | None:
        """The SIP messages that are kept of this call, None for none. Raises StoreError also for
        what is damaged."""
        rows = await self._ask(
            lambda c: c.execute("SELECT messages FROM calls WHERE id = ?", (call_id,)).fetchall()
        )
        return messages_from(rows[0][0]) if rows and rows[0][0] is not None else None

    async def calls_of(self, call_ids: Iterable[str]) -> list[CallRecord]:
        """Those of these calls that are stored and can be read."""
        rows = [
            row
            for call_id in call_ids
            for row in await self._asked_at_start(
                "calls", "SELECT id, data FROM calls WHERE id = ?", call_id
            )
        ]
        return readable("calls", rows, call_from)

    async def calls(self, page: Page) -> list[CallRecord]:
        """Newest first."""
        rows = await self._ask(lambda c: calls_page(c, page))
        return readable("calls", rows, call_from)

    async def audit(self, page: Page) -> list[AuditLine]:
        """Newest first."""
        return await self._ask(lambda c: audit_page(c, page))

    async def backup(self, target: Path) -> None:
        """Copy the whole database to `target`, mode 0600; StoreError if that fails."""
        await self._ask(lambda c: copy_database(c, target))

    # --- the queue --------------------------------------------------------------------------

    async def _ask(self, question: Callable[[sqlite3.Connection], Result]) -> Result:
        answer: Result = await self._submit(_Job(ask=question))
        return answer

    def _submit(self, job: _Job) -> asyncio.Future[Any]:
        job.loop = asyncio.get_running_loop()
        job.future = job.loop.create_future()
        if self._closed:
            job.future.set_exception(StoreError("the store is closed"))
        else:
            self._waiting.append(job)
            job.loop.call_soon(self._hand_over)  # with all that this turn asks for
        return job.future

    def _run(self) -> None:
        open_ = True
        while open_:
            group: list[_Job] = []
            try:
                jobs = self._queue.get(timeout=PROBE_EVERY if self.failing else None)
            except Empty:
                self._probe()
                continue
            while jobs is not None:
                group += jobs
                if len(group) >= LARGEST_GROUP:
                    break
                try:
                    jobs = self._queue.get_nowait()
                except Empty:
                    break
            open_ = jobs is not None
            self._perform(group)
        self._connection.close()

    def _perform(self, group: list[_Job]) -> None:
        writes = [job for job in group if job.ask is None]
        if writes:
            try:
                self._commit(together(op for job in writes for op in job.ops))
            except Exception:  # noqa: BLE001  # tried again one by one, so the guilty one is found
                for job in writes:
                    try:
                        self._commit([one for op in job.ops for one in alone(op)])
                    except Exception as error:  # noqa: BLE001  # goes to who waits, or to the log
                        job.error = error
        self._count(writes)
        for job in group:
            if job.ask is not None:
                try:
                    job.result = job.ask(self._connection)
                except Exception as error:  # noqa: BLE001  # goes to who waits
                    job.error = error
        self._report(group)

    def _probe(self) -> None:
        """Whether the file takes writes again, where there are none to see it by."""
        with suppress(Exception):  # told already
            self._open_again()
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            self._connection.execute(f"PRAGMA user_version = {version}")  # writes a page
            self._failures.succeeded()

    def _open_again(self) -> None:
        """For a write. Raises StoreError where nothing can be written still."""
        if not self._read_only or self._data_dir is None:
            return
        self._connection.close()
        try:
            self._connection = open_database(self._data_dir, self._sync)
            self._read_only = False
        except BaseException:
            self._connection = open_for_reading(self._data_dir)
            raise

    def _commit(self, todo: list[Statement]) -> None:
        """All in one transaction; a single one is a transaction by itself, and saves the thread
        two turns at the interpreter lock."""
        self._open_again()
        execute = self._connection.execute
        if len(todo) <= 1:
            for sql, values in todo:
                execute(sql, values)
            return
        execute("BEGIN IMMEDIATE")
        try:
            for sql, values in todo:
                execute(sql, values)
            execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                execute("ROLLBACK")
            raise

    def _count(self, writes: list[_Job]) -> None:
        for job in writes:
            if job.error is not None:
                names = ", ".join(type(op).__name__ for op in job.ops)
                self._failures.failed(names, job.error, self._why)
            elif job.ops:
                self._failures.succeeded()

    def _why(self, error: Exception) -> str:
        return why_refused(self._data_dir, error)

    def _report(self, group: list[_Job]) -> None:
        loops: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in group:
            if job.loop is not None:
                loops.setdefault(job.loop, []).append(job)
        for loop, jobs in loops.items():
            with suppress(RuntimeError):  # that loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_resolve, jobs)


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        future = job.future
        if future is None or future.done():
            continue
        if job.error is None:
            future.set_result(job.result)
        elif isinstance(job.error, (sqlite3.Error, OSError)):
            future.set_exception(StoreError(f"the database refused: {job.error}"))
        else:
            future.set_exception(job.error)
