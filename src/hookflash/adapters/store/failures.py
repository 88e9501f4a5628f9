"""Writes that fail: counted, told once a minute, and whether it is the file system's fault."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

import structlog

from ...base.errors import StoreError

TELL_EVERY: Final = 60.0
"""Seconds between two lines of the log while writes fail."""

_REFUSED: Final = frozenset(
    {
        *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY),
        *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB),
        *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED),
    }
)
"""The primary result codes that say something of the file and not of what was to be written."""

_log = structlog.get_logger("store")


class Failures:
    """`clock` counts seconds. Its changes are the writer thread's; others read."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.count = 0
        """Writes that could not be made since the start."""
        self.failing = False
        """True from a write that the file refused to the next that it took."""
        self._told_at = float("-inf")
        self._untold = 0

    def failed(self, ops: str, error: Exception, why: Callable[[Exception], str]) -> None:
        """One could not be made. `why` puts the error into words, where it is told."""
        self.count += 1
        if not of_the_file(error):
            _log.error("write_failed", ops=ops, why=str(error))
            return
        self.failing = True
        self._untold += 1
        now = self._clock()
        if now - self._told_at >= TELL_EVERY:
            _log.error("write_failed", ops=ops, why=why(error), writes=self._untold)
            self._told_at, self._untold = now, 0

    def succeeded(self) -> None:
        """One was made."""
        if self.failing:
            _log.warning("writes_again", failed=self.count)
            self.failing, self._untold, self._told_at = False, 0, float("-inf")


def of_the_file(error: Exception) -> bool:
    """Whether any other write would have failed as well."""
    if isinstance(error, sqlite3.Error):
        # Errors of the module itself have no code.
        return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _REFUSED
    return isinstance(error, (OSError, StoreError))
